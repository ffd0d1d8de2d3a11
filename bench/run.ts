// `npm run bench`: ratios against a floor that is measured in the same run, so that a slow or busy machine does not lie.
// Exit 1 where a target is missed.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { QUOTA_CONCURRENCY } from '../lib/timings.ts'
import { lineOf } from '../test/support/histories.ts'
import { REPO, runProcess, type ScratchVigil, scratchVigil } from '../test/support/scratch-vigil.ts'
import { spendBench } from './spend.ts'
import { statuslineBench } from './statusline.ts'

const STARTS = 31
const ACCOUNTS = 1000
const LATENCY_MS = 100
const WATCHED = 100
/** For what the files of many accounts take beyond a start. */
const WATCH_ALLOWANCE_MS = 20

const scratch = mkdtempSync(join(tmpdir(), 'vigil-bench-'))
// The binary itself: node_modules/.bin/node is a link to it.
const node = process.execPath
const missed: string[] = []
const onlyStatusline = process.argv.includes('--statusline')
try {
  await statusLine()
  if (!onlyStatusline) {
    await starts()
    await watching()
    if (!process.argv.includes('--starts')) await manyAccounts()
    if (!process.argv.includes('--quick')) await spending()
  }
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
process.stdout.write(missed.length === 0 ? '\nall targets met\n' : `\nmissed: ${missed.join('; ')}\n`)
if (missed.length > 0) process.exitCode = 1

/** A run that has nothing to do, against an empty TypeScript file on the same Node with the same compile cache. */
async function starts(): Promise<void> {
  const vigil = await scratchVigil({ count: 3, expiresInMin: 300 })
  try {
    const empty = join(scratch, 'empty.ts')
    writeFileSync(empty, '')
    const scripts = {
      'empty script': empty,
      'refresh-tokens': job('refresh-tokens'),
      'fetch-quota': job('fetch-quota'),
      'fetch-billing': job('fetch-billing'),
    }
    somethingToCount(vigil)
    for (const script of Object.values(scripts)) await once(script, vigil)
    // Else each job would tell that the watchdog is missing.
    await once(job('watchdog'), vigil)
    // Settings are kept parsed only once their file is a little older than the clock's grain.
    await new Promise(resolve => setTimeout(resolve, 2500))
    for (const script of Object.values(scripts)) await once(script, vigil)
    const times = new Map<string, number[]>()
    for (let n = 0; n < STARTS; n++) {
      for (const [name, script] of Object.entries(scripts))
        times.set(name, [...(times.get(name) ?? []), await once(script, vigil)])
    }
    const floor = median(times.get('empty script')!)
    process.stdout.write(`A run with nothing due, 3 accounts, ${STARTS} starts each in turn (median wall)\n`)
    for (const [name, list] of times)
      row(name, `${median(list).toFixed(1)} ms`, median(list) / floor, name === 'empty script' ? null : 2)
    await startedNoChild(vigil)
  } finally {
    await vigil.dispose()
  }
}

/** The watchdog over many accounts with nothing wrong. */
async function watching(): Promise<void> {
  const vigil = await scratchVigil({
    count: WATCHED,
    expiresInMin: 300,
    settings: 'channels: { desktop: { enabled: false } }',
  })
  try {
    const empty = join(scratch, 'empty.ts')
    for (const name of ['refresh-tokens', 'fetch-quota', 'fetch-billing', 'watchdog']) await once(job(name), vigil)
    await new Promise(resolve => setTimeout(resolve, 2500))
    const times: Record<'floor' | 'watchdog', number[]> = { floor: [], watchdog: [] }
    for (let n = 0; n < STARTS; n++) {
      times.floor.push(await once(empty, vigil))
      times.watchdog.push(await once(job('watchdog'), vigil))
    }
    const { states } = vigil.json(vigil.paths.alerts) as { states: unknown[] }
    if (states.length > 0) throw new Error(`something was wrong: ${JSON.stringify(states)}`)
    const [floor, ours] = [median(times.floor), median(times.watchdog)]
    process.stdout.write(
      `\nThe watchdog, ${WATCHED} accounts and nothing wrong (median wall, less ${WATCH_ALLOWANCE_MS} ms)\n`,
    )
    row('empty script', `${floor.toFixed(1)} ms`, 1, null)
    row('watchdog', `${ours.toFixed(1)} ms`, (ours - WATCH_ALLOWANCE_MS) / floor, 2)
  } finally {
    await vigil.dispose()
  }
}

/** A transcript of seven hours ago: ccusage reads it, and there is no block whose burn rate would make its figures due early. */
function somethingToCount(vigil: ScratchVigil): void {
  const path = join(vigil.dir(0), 'projects', '-p', 's.jsonl')
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, lineOf({ at: Date.now() - 7 * 3_600_000, id: 'bench' }))
}

/**
 * Of all runs of fetch-billing only the first one measured, and one within the TTL has not even loaded what it would start
 * a child with.
 */
async function startedNoChild(vigil: ScratchVigil): Promise<void> {
  const totals = () => vigil.record('fetch-billing')['totals'] as Record<string, number>
  if (totals()['fetched'] !== 1 || totals()['full_runs'] !== 1 || totals()['skipped_fresh'] !== STARTS + 1)
    throw new Error(`the runs of fetch-billing were not those that were meant: ${JSON.stringify(totals())}`)
  const look = join(scratch, 'look.mjs')
  const loaded = join(scratch, 'loaded')
  writeFileSync(
    look,
    `import { writeFileSync } from 'node:fs'\nprocess.on('exit', () => writeFileSync(${JSON.stringify(loaded)}, process.moduleLoadList.join('\\n')))\n`,
  )
  const { code } = await runProcess([node, '--import', look, job('fetch-billing')], vigil.env)
  const modules = readFileSync(loaded, 'utf8').split('\n')
  if (code !== 0 || totals()['skipped_fresh'] !== STARTS + 2 || !modules.includes('NativeModule fs'))
    throw new Error('a run of fetch-billing within the TTL could not be looked at')
  if (modules.includes('NativeModule child_process')) throw new Error('fetch-billing within its TTL can start a child')
  process.stdout.write('  fetch-billing: 1 measurement by ccusage, and no child in any run within its TTL\n')
}

/** All accounts due, against nothing but the same requests at the same concurrency. */
async function manyAccounts(): Promise<void> {
  const vigil = await scratchVigil({ count: ACCOUNTS, expiresInMin: 300, latencyMs: LATENCY_MS })
  try {
    const bare = join(scratch, 'bare.ts')
    writeFileSync(bare, bareLoop(vigil))
    const report = join(scratch, 'report.mjs')
    const used = join(scratch, 'used')
    writeFileSync(
      report,
      `import { writeFileSync } from 'node:fs'\nprocess.on('exit', () => writeFileSync(${JSON.stringify(used)}, String(process.resourceUsage().maxRSS)))\n`,
    )
    const timed = async (script: string) => {
      const at = performance.now()
      const run = await runProcess([node, '--import', report, script], vigil.env)
      if (run.code !== 0) throw new Error(`${script} ended with ${run.code}: ${run.stderr}`)
      return { ms: performance.now() - at, peakMb: Number(readFileSync(used, 'utf8')) / 1024 }
    }
    const floors = [await timed(bare)]
    const ours = await timed(job('fetch-quota'))
    floors.push(await timed(bare))
    const fetched = vigil.record('fetch-quota').counters['fetched']
    if (fetched !== ACCOUNTS) throw new Error(`${fetched} of ${ACCOUNTS} accounts were fetched`)
    const floor = (floors[0]!.ms + floors[1]!.ms) / 2
    process.stdout.write(`\n${ACCOUNTS} accounts, ${LATENCY_MS} ms a request, ${QUOTA_CONCURRENCY} at a time\n`)
    row('bare fetch loop', `${floor.toFixed(0)} ms`, 1, null)
    row('fetch-quota', `${ours.ms.toFixed(0)} ms`, ours.ms / floor, 1.3)
    const verdict = ours.peakMb <= 150 ? 'met' : 'MISSED'
    process.stdout.write(
      `  ${'peak memory'.padEnd(34)}${`${ours.peakMb.toFixed(0)} MB`.padStart(10)}            target 150 MB: ${verdict}\n`,
    )
    if (ours.peakMb > 150) missed.push('fetch-quota memory')
  } finally {
    await vigil.dispose()
  }
}

/** What the transcripts cost, beside the bare two commands of ccusage on the same history; equal to the cent, or it throws. */
async function spending(): Promise<void> {
  process.stdout.write('\nMeasuring what was spent, beside the bare commands of ccusage (CPU of everything)\n')
  for (const { name, value, ratio, target } of await spendBench()) row(name, value, ratio, target)
}

/** With --compare also beside other status lines, which it installs from the registry outside the tree. */
async function statusLine(): Promise<void> {
  process.stdout.write('A status line on the recorded input, in a repository of 5,000 files (wall)\n')
  const rows = await statuslineBench(scratch, process.argv.includes('--compare'))
  for (const { name, figure, ratio, target } of rows) row(name, figure, ratio, target)
  process.stdout.write('\n')
}

function bareLoop(vigil: ScratchVigil): string {
  const tokens = vigil.logins.map(login => login.accessToken)
  return `const tokens: string[] = ${JSON.stringify(tokens)}
let next = 0
const worker = async () => {
  while (next < tokens.length) {
    const token = tokens[next++]
    const answer = await fetch(${JSON.stringify(`${vigil.standIn.url}/api/oauth/usage`)}, { headers: { authorization: 'Bearer ' + token, 'anthropic-beta': 'oauth-2025-04-20' } })
    if (answer.status !== 200) throw new Error('answered ' + answer.status)
    await answer.json()
  }
}
await Promise.all(Array.from({ length: ${QUOTA_CONCURRENCY} }, worker))
`
}

async function once(script: string, vigil: ScratchVigil): Promise<number> {
  const at = performance.now()
  const { code, stderr } = await runProcess([node, script], vigil.env)
  if (code !== 0) throw new Error(`${script} ended with ${code}: ${stderr}`)
  return performance.now() - at
}

function job(name: string): string {
  return join(REPO, 'jobs', `${name}.ts`)
}

function median(list: number[]): number {
  return [...list].sort((a, b) => a - b)[list.length >> 1]!
}

function row(name: string, figure: string, ratio: number, target: number | null): void {
  const verdict = target === null ? 'floor' : `target ${target.toFixed(2)}: ${ratio <= target ? 'met' : 'MISSED'}`
  process.stdout.write(
    `  ${name.padEnd(34)}${figure.padStart(10)}${`${ratio.toFixed(2)} x`.padStart(10)}  ${verdict}\n`,
  )
  if (target !== null && ratio > target) missed.push(`${name} ${ratio.toFixed(2)} x`)
}
