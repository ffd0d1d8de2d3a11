// What measuring costs beside the bare two commands of ccusage over the same history, in CPU seconds of everything that
// works for it, and in time. The bare commands are started from this process too: whoever wants figures has to start them.
import { spawn } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CcusageProgram } from '../lib/domain/ccusage.ts'
import { DAYS_KEPT, localDate, shiftDate, spendOf } from '../lib/domain/spend.ts'
import { type Measured, measureSpend } from '../lib/flows/measure-spend.ts'
import { readBlocks, readDaily } from '../lib/sources/ccusage.ts'
import { findCcusage } from '../lib/sources/ccusage-program.ts'
import { lineOf } from '../test/support/histories.ts'
import { writeTranscripts } from '../test/support/transcripts.ts'

export interface SpendRow {
  name: string
  /** CPU seconds and time, for a person. */
  value: string
  /** CPU of ours to CPU of the bare commands. */
  ratio: number
  /** null = for information only. */
  target: number | null
}

const ZONE = 'Europe/Berlin'
/** The kernel tells the CPU of finished children in ticks of 10 ms, so short ones are added up: `runs` in each round. */
const SIZES = [
  { megabytes: 10, files: 20, rounds: 7, runs: 8 },
  { megabytes: 200, files: 400, rounds: 7, runs: 1 },
  { megabytes: 1000, files: 2000, rounds: 3, runs: 1 },
]
const FULL_TARGET = 1.15
const NARROW_TARGET = 1 / 20
const NARROW_RUNS = 8

/** @throws Error when any figure differs from ccusage's own */
export async function spendBench(): Promise<SpendRow[]> {
  const rows: SpendRow[] = []
  for (const size of SIZES) {
    const scratch = mkdtempSync(join(tmpdir(), 'vigil-bench-spend-'))
    try {
      rows.push(...(await benchOf(scratch, size)))
    } finally {
      rmSync(scratch, { recursive: true, force: true })
    }
  }
  return rows
}

async function benchOf(scratch: string, size: (typeof SIZES)[number]): Promise<SpendRow[]> {
  const { megabytes, rounds, runs } = size
  const configDir = join(scratch, 'config')
  const projectsDir = join(configDir, 'projects')
  mkdirSync(join(scratch, 'home'))
  writeTranscripts({ ...size, projectsDir, days: 90, now: Date.now(), seed: 7 })
  let serial = 0
  /** The present session goes on between measurements, as it does in life. */
  const goOn = () => {
    serial += 1
    mkdirSync(join(projectsDir, '-home-dev-present'), { recursive: true })
    appendFileSync(
      join(projectsDir, '-home-dev-present/s.jsonl'),
      lineOf({ at: Date.now() - 1000, id: `present${serial}` }),
    )
  }
  const measure = async (force: boolean): Promise<Measured> => {
    const result = await measureSpend({
      key: 'bench',
      projectsDir,
      workDir: join(scratch, 'work'),
      now: Date.now(),
      zone: ZONE,
      deadlineMs: 120_000,
      signal: new AbortController().signal,
      log: (level, message) => process.stderr.write(`${level} ${message}\n`),
      ...(force && { force: 'full' as const }),
    })
    if (result.kind !== 'figures') throw new Error(result.reason)
    return result
  }
  await bare(scratch, configDir)
  goOn()
  const first = await costOf(1, () => measure(false))
  const full: Cost[] = []
  const narrow: Cost[] = []
  const beside: Cost[] = []
  for (let round = 0; round < rounds; round += 1) {
    goOn()
    beside.push(await costOf(runs, () => bare(scratch, configDir)))
    full.push(await costOf(runs, () => measure(true)))
    if (megabytes >= 100) {
      narrow.push(
        await costOf(NARROW_RUNS, async () => {
          goOn()
          const { mode, reason } = await measure(false)
          if (mode !== 'narrow') throw new Error(`a full run was made: ${reason}`)
        }),
      )
    }
  }
  const floor = least(beside)
  const label = `${megabytes} MB, ${size.files} files`
  const rows = [
    rowOf(`${label}: bare blocks + daily`, floor, floor, null),
    rowOf(`${label}: the first full run ever`, first, floor, null),
    rowOf(`${label}: a full run`, least(full), floor, FULL_TARGET),
  ]
  if (narrow.length > 0)
    rows.push(rowOf(`${label}: a narrow run`, least(narrow), floor, megabytes >= 1000 ? NARROW_TARGET : null))
  const { spend } = await measure(false)
  const truth = await bare(scratch, configDir)
  const cents = (value: unknown) =>
    JSON.stringify(value, (_key, item) => (typeof item === 'number' ? Math.round(item * 100) / 100 : item))
  if (cents([spend.days, spend.block?.costUsd]) !== cents([truth.days, truth.block?.costUsd]))
    throw new Error(`${label}: our figures differ: ${cents(spend)} instead of ${cents(truth)}`)
  return rows
}

/** The two commands as a person would run them, and their figures. */
async function bare(scratch: string, configDir: string) {
  const since = shiftDate(localDate(Date.now(), ZONE), 1 - DAYS_KEPT)
  const daily = await ccusage(scratch, configDir, ['daily', '--since', since.replaceAll('-', ''), '--timezone', ZONE])
  const blocks = await ccusage(scratch, configDir, ['blocks'])
  const usage = { blocks: readBlocks(JSON.parse(blocks))!.blocks, days: readDaily(JSON.parse(daily))!.days }
  return spendOf(usage, [], Date.now(), ZONE)
}

function ccusage(scratch: string, configDir: string, words: string[]): Promise<string> {
  const program = findCcusage('') as CcusageProgram
  return new Promise((resolve, reject) => {
    const child = spawn(program.command[0], ['claude', ...words, '--json', '--offline'], {
      env: { HOME: join(scratch, 'home'), CLAUDE_CONFIG_DIR: configDir },
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let stdout = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    child.once('error', reject)
    child.once('close', () => resolve(stdout))
  })
}

interface Cost {
  cpuMs: number
  wallMs: number
}

async function costOf(times: number, work: () => Promise<unknown>): Promise<Cost> {
  const before = { own: process.cpuUsage(), children: childrenCpuMs(), at: performance.now() }
  for (let time = 0; time < times; time += 1) await work()
  const own = process.cpuUsage(before.own)
  const cpuMs = (own.user + own.system) / 1000 + childrenCpuMs() - before.children
  return { cpuMs: cpuMs / times, wallMs: (performance.now() - before.at) / times }
}

/** User and system time of all children that have ended. Linux only: elsewhere the own time is all there is. */
function childrenCpuMs(): number {
  if (process.platform !== 'linux') return 0
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ')
  return (Number(fields[13]) + Number(fields[14])) * 10
}

/** Whatever else the machine does can only add to a round. */
function least(costs: Cost[]): Cost {
  return {
    cpuMs: Math.min(...costs.map(cost => cost.cpuMs)),
    wallMs: Math.min(...costs.map(cost => cost.wallMs)),
  }
}

function rowOf(name: string, cost: Cost, floor: Cost, target: number | null): SpendRow {
  const value = `${(cost.cpuMs / 1000).toFixed(3)} CPU-s, ${cost.wallMs.toFixed(0)} ms`
  return { name, value, ratio: cost.cpuMs / floor.cpuMs, target }
}
