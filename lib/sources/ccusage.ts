// ccusage: what Claude Code's transcripts would have cost at API prices.
import { join } from 'node:path'
import type { CcusageProgram, NoFigures, UsageBlock, UsageDay } from '../domain/ccusage.ts'
import { existsSync } from '../edges/fs.ts'
import { GO, gated, putOnLeash, takeOffLeash } from '../edges/leash.ts'
import { foreignWord } from '../edges/redact.ts'
import { CCUSAGE_KILL_GRACE_MS } from '../timings.ts'
import * as v from '../valibot.ts'

/** A list of all blocks of 1 GB is 0.3 MB. */
const MAX_OUTPUT_BYTES = 32 * 1024 * 1024

export interface CcusageRun {
  program: CcusageProgram
  /** Holds `projects/`. Its path may have no comma, at which ccusage would cut it. */
  configDir: string
  /** A folder of ours: an empty home for ccusage, and what it says on stderr. */
  workDir: string
  deadlineMs: number
  signal: AbortSignal
  /** The leash's file, and when the run began; see edges/leash.ts. */
  leash?: { path: string; now: number }
}

export function askBlocks(run: CcusageRun): Promise<{ kind: 'figures'; blocks: UsageBlock[] } | NoFigures> {
  return ask(run, ['blocks'], readBlocks)
}

/** @param since YYYY-MM-DD */
export async function askDaily(
  run: CcusageRun,
  since: string,
  zone: string,
): Promise<{ kind: 'figures'; days: UsageDay[] } | NoFigures> {
  const known = ['Etc/UTC', 'Etc/GMT', 'GMT'].includes(zone) ? 'UTC' : zone
  if (!hasZoneData(known)) {
    const reason = `this system knows no time zone ${zone}, so ccusage would take another: install tzdata (and tzdata-legacy for old names), or name the zone as it is called now`
    return { kind: 'noZoneData', reason }
  }
  return ask(run, ['daily', '--since', since.replaceAll('-', ''), '--timezone', known], readDaily)
}

async function ask<T>(run: CcusageRun, words: string[], read: (json: unknown) => T | null): Promise<T | NoFigures> {
  if (!existsSync(join(run.configDir, 'projects')))
    return { kind: 'noLogs', reason: 'Claude Code has written no transcripts yet' }
  const { runProgram } = await import('../edges/shell.ts')
  const { leash } = run
  // A configuration of the user's (in the present or the config directory) could change prices and zones.
  const config = ['--json', '--offline', '--config', join(run.workDir, 'no-config.json')]
  const command: [string, ...string[]] = [...run.program.command, 'claude', ...words, ...config]
  try {
    const result = await runProgram(leash ? gated(command) : command, {
      stderrPath: join(run.workDir, 'stderr.log'),
      deadlineMs: Math.max(1, run.deadlineMs),
      killGraceMs: CCUSAGE_KILL_GRACE_MS,
      maxOutputBytes: MAX_OUTPUT_BYTES,
      env: { HOME: join(run.workDir, 'home'), CLAUDE_CONFIG_DIR: run.configDir, NO_COLOR: '1' },
      signal: run.signal,
      ...(leash && { input: GO, onStart: (pid: number) => putOnLeash(leash.path, pid, leash.now) }),
    })
    if (result.ended === 'aborted') return { kind: 'aborted', reason: 'ccusage was ended with this run' }
    if (result.ended === 'atDeadline') {
      return {
        kind: 'timedOut',
        reason: `ccusage ${words[0]} was ended after ${Math.round(run.deadlineMs / 100) / 10} s`,
      }
    }
    if (result.ended === 'tooMuchOutput') return wrong(words, `more than ${MAX_OUTPUT_BYTES / 1024 / 1024} MB`)
    if (result.exitCode !== 0) {
      const how = result.exitCode === null ? 'was killed' : `exited with ${result.exitCode}`
      const said = result.stderrTail.trim().split('\n').at(-1) ?? ''
      return { kind: 'failed', reason: `ccusage ${words[0]} ${how}${said && `: ${said.slice(0, 300)}`}` }
    }
    return (
      read(parseJson(result.stdout)) ?? wrong(words, `${result.stdout.length} characters that it never gave before`)
    )
  } catch (error) {
    return { kind: 'failed', reason: (error as Error).message }
  } finally {
    if (leash) takeOffLeash(leash.path)
  }
}

function wrong(words: string[], what: string): NoFigures {
  return { kind: 'wrongOutput', reason: `ccusage ${words[0]} answered with ${what}; nothing of it is used` }
}

const time = v.pipe(
  v.string(),
  v.transform(text => Date.parse(text)),
  v.finite(),
)
const count = v.pipe(v.number(), v.minValue(0))
/** Missing is not 0. */
const usd = v.optional(v.nullable(v.pipe(v.number(), v.finite())), null)
const Blocks = v.object({
  blocks: v.array(
    v.object({
      startTime: time,
      endTime: time,
      isGap: v.boolean(),
      isActive: v.boolean(),
      entries: count,
      totalTokens: count,
      costUSD: usd,
      models: v.array(v.string()),
      burnRate: v.optional(v.nullable(v.object({ costPerHour: usd })), null),
      projection: v.optional(v.nullable(v.object({ totalCost: usd })), null),
    }),
  ),
})

/** Understands `blocks --json`; null = not what ccusage says. Pure. */
export function readBlocks(json: unknown): { kind: 'figures'; blocks: UsageBlock[] } | null {
  const parsed = v.safeParse(Blocks, json)
  if (!parsed.success) return null
  const blocks = parsed.output.blocks.map(block => ({
    startsAt: block.startTime,
    endsAt: block.endTime,
    isGap: block.isGap,
    isActive: block.isActive,
    entries: block.entries,
    tokens: block.totalTokens,
    costUsd: block.costUSD,
    models: block.models.map(foreignWord),
    burnRateUsdPerHour: block.burnRate?.costPerHour ?? null,
    projectedCostUsd: block.projection?.totalCost ?? null,
  }))
  return { kind: 'figures', blocks }
}

const Daily = v.object({
  daily: v.array(
    v.object({
      date: v.pipe(v.string(), v.regex(/^\d{4}-\d\d-\d\d$/)),
      totalCost: usd,
      totalTokens: count,
      modelBreakdowns: v.array(
        v.object({
          modelName: v.string(),
          cost: usd,
          inputTokens: count,
          outputTokens: count,
          cacheCreationTokens: count,
          cacheReadTokens: count,
        }),
      ),
    }),
  ),
})

/** Understands `daily --json`; null = not what ccusage says. Pure. */
export function readDaily(json: unknown): { kind: 'figures'; days: UsageDay[] } | null {
  const parsed = v.safeParse(Daily, json)
  if (!parsed.success) return null
  const days = parsed.output.daily.map(day => ({
    date: day.date,
    costUsd: day.totalCost,
    tokens: day.totalTokens,
    unpricedModels: day.modelBreakdowns
      .filter(
        model =>
          model.cost === 0 &&
          model.inputTokens + model.outputTokens + model.cacheCreationTokens + model.cacheReadTokens > 0,
      )
      .map(model => foreignWord(model.modelName)),
  }))
  return { kind: 'figures', days }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null // Torn, or no JSON at all: the schema refuses null.
  }
}

/** Where ccusage looks for zones; what it does not find there it replaces by the system's zone without a word. */
const ZONE_FOLDERS = ['/usr/share/zoneinfo', '/usr/share/lib/zoneinfo', '/etc/zoneinfo']

function hasZoneData(zone: string): boolean {
  return zone === 'UTC' || ZONE_FOLDERS.some(folder => existsSync(join(folder, zone)))
}
