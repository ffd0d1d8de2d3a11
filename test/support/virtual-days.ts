// Days of Vigil in seconds: the real jobs as processes whose date stands still at what the test says, with cron's output
// thrown away; real receivers on loopback keep what reached a person, and when.
import { spawn } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beginRecord, endRecord } from '../../lib/domain/run-record.ts'
import { readBilling, saveBilling } from '../../lib/store/billing.ts'
import { readRunRecord, saveRunRecord } from '../../lib/store/runs.ts'
import type { JobName } from '../../lib/timings.ts'
import { VERSION } from '../../lib/timings.ts'
import { startReceiver } from './receiver.ts'
import {
  type Finished,
  REPO,
  runProcess,
  type ScratchOptions,
  type ScratchVigil,
  scratchVigil,
} from './scratch-vigil.ts'
import { type MailAnswers, type MailServer, startMailServer } from './smtp.ts'

export const MINUTE = 60_000
const PRELOAD = ['--import', join(REPO, 'test/support/scripts/frozen-date.ts')]

/** How many minutes go by between two runs of each job; absent = it is not started. */
type Schedule = Partial<Record<JobName, number>>
/** As crontab.example has it. */
export const CRON: Schedule = { 'refresh-tokens': 10, 'fetch-quota': 5, 'fetch-billing': 1, janitor: 1440, watchdog: 1 }
/** As seldom as nothing counts as late: a gap of more than 3 min is a sleep, a job is late after two periods and 2 min. */
export const SELDOM: Schedule = {
  'refresh-tokens': 21,
  'fetch-quota': 12,
  'fetch-billing': 3,
  janitor: 1440,
  watchdog: 3,
}

/** One message as both channels tell it. @param key with the kind that its id ends with, such as `f1`, `r` */
export const both = (at: string, key: string, subject: string) => [`${at} hook ${key}`, `${at} mail ${subject}`]

export interface VirtualDays {
  vigil: ScratchVigil
  now(): number
  /** `13:41`, or `+1 09:41` on a later day. */
  time(at?: number): string
  /** Lets time go by without any run. Less than none sets the clock back, and cron goes on in its rhythm. */
  pass(minutes: number): void
  /** Lets `minutes` go by, with the jobs that are due at each step; the watchdog is the last of them. */
  live(minutes: number, schedule?: Schedule, after?: () => void | Promise<void>): Promise<void>
  /** Lines of vigil.yaml's `channels` and whole other settings, for what two channels that take warnings do not show. */
  channels: { email: string; hook: string; hookUrl: string }
  rawSettings(yaml: string): void
  /** The environment of a process whose date is this moment. */
  env(): Record<string, string>
  /** Runs a job at this moment. */
  run(job: JobName, onPid?: (pid: number) => void): Promise<{ code: number | null; signal: NodeJS.Signals | null }>
  command(...words: string[]): Promise<Finished>
  /** What came since the last call, in order: when, by which channel, what. */
  told(): string[]
  /** Message-ID of each mail, from the first. */
  mailIds(): string[]
  /** The id of each alert that the webhook got, from the first. */
  hookIds(): string[]
  /** The texts of what the webhook got, from the first. */
  hookTexts(): string[]
  mailDown(): Promise<void>
  mailUp(): Promise<void>
  answers: MailAnswers
  dispose(): Promise<void>
}

/** @param startAt ms; rather long after the tests are run, for what settings meant is kept only of a file that is older */
export async function virtualDays(
  startAt: number,
  { settings = '', ...options }: ScratchOptions = {},
): Promise<VirtualDays> {
  let now = startAt
  const lastRun = new Map<JobName, number>()
  const told: string[] = []
  const hookTexts: string[] = []
  const hookIds: string[] = []
  const ids: string[] = []
  const minuteOf = (at: number) => Math.round((at - startAt) / MINUTE)
  const time = (at = now) => {
    const day = Math.floor(at / 86_400_000) - Math.floor(startAt / 86_400_000)
    return `${day > 0 ? `+${day} ` : ''}${new Date(at).toISOString().slice(11, 16)}`
  }
  const answers: MailAnswers = {}
  let mail: MailServer
  const asked: MailAnswers = {
    rcpt: address => answers.rcpt?.(address) ?? null,
    data: () => answers.data?.() ?? null,
    before250: async () => {
      const { text } = mail.mails.at(-1)!
      ids.push(headerOf(text, 'Message-ID'))
      told.push(`${time()} mail ${subjectOf(text)}`)
      await answers.before250?.()
    },
  }
  mail = await startMailServer(asked)
  const { port } = mail
  const hook = await startReceiver(({ body }, response) => {
    const { alerts, text } = JSON.parse(body) as { alerts: { id: string; key: string }[]; text: string }
    const words = alerts.map(({ id, key }) => `${key} ${/#([\w-]+)@[^@]*$/.exec(id)![1]}`)
    told.push(`${time()} hook ${words.join(' + ')}`)
    hookTexts.push(text)
    hookIds.push(...alerts.map(({ id }) => id))
    response.end()
  })
  const channels = {
    email: `  email: { to: [me@example.com], from: vigil@example.com, smtp: { host: 127.0.0.1, port: ${port} } }\n`,
    hook: `  webhooks: [{ name: hook, kind: json, url: "${hook.url}" }]\n`,
    hookUrl: hook.url,
  }
  const withChannels = (yaml: string) =>
    `channels:\n  desktop: { enabled: false }\n${channels.email}${channels.hook}${yaml}`
  const vigil = await scratchVigil({ expiresInMin: 400, madeAt: startAt, ...options, settings: withChannels(settings) })
  vigil.standIn.setNow(now)
  const timeEnv = () => ({ TZ: 'UTC', VIGIL_TEST_NOW: String(now) })

  const run: VirtualDays['run'] = (job, onPid) =>
    new Promise((resolve, reject) => {
      lastRun.set(job, now)
      const child = spawn(process.execPath, [...PRELOAD, join(REPO, 'jobs', `${job}.ts`)], {
        env: { ...vigil.env, ...timeEnv() },
        stdio: 'ignore',
      })
      child.once('error', reject).once('exit', (code, signal) => resolve({ code, signal }))
      if (child.pid !== undefined) onPid?.(child.pid)
    })
  const pass = (minutes: number) => {
    now += minutes * MINUTE
    if (minutes < 0) for (const [job, at] of lastRun) lastRun.set(job, at + minutes * MINUTE)
    vigil.standIn.setNow(now)
  }
  return {
    vigil: { ...vigil, settings: yaml => vigil.settings(withChannels(yaml)) },
    now: () => now,
    time,
    pass,
    run,
    answers,
    channels,
    rawSettings: yaml => vigil.settings(`channels:\n  desktop: { enabled: false }\n${yaml}`),
    env: () => ({ ...vigil.env, ...timeEnv(), NODE_OPTIONS: PRELOAD.join(' ').replace(' ', '=') }),
    async live(minutes, schedule = CRON, after) {
      const step = Math.min(...Object.values(schedule))
      for (const end = now + minutes * MINUTE; now < end; ) {
        pass(step)
        for (const [job, every] of Object.entries(schedule) as [JobName, number][]) {
          const since = minuteOf(now) - minuteOf(lastRun.get(job) ?? Number.NEGATIVE_INFINITY)
          if (since < every) continue
          if (job === 'fetch-billing' && lastRun.has(job)) await asFetchBilling(vigil, now)
          else await run(job)
        }
        await after?.()
      }
    },
    command: (...words) =>
      runProcess([process.execPath, ...PRELOAD, join(REPO, 'cli/vigil.ts'), ...words], {
        ...vigil.env,
        ...timeEnv(),
        NO_COLOR: '1',
      }),
    told: () => told.splice(0),
    mailIds: () => ids,
    hookIds: () => hookIds,
    hookTexts: () => hookTexts,
    mailDown: () => mail.close(),
    async mailUp() {
      mail = await startMailServer(asked, {}, { port })
    },
    async dispose() {
      await Promise.all([mail.close(), hook.close(), vigil.dispose()])
    },
  }
}

/** What a good run of fetch-billing leaves: once a process has shown it, the others are spared. */
async function asFetchBilling({ paths }: ScratchVigil, now: number): Promise<void> {
  const [record, cache] = [readRunRecord(paths.runs, 'fetch-billing'), readBilling(paths)]
  if (record.state !== 'present' || cache.state !== 'present') throw new Error('fetch-billing has left nothing')
  const runId = `${new Date(now).toISOString()}-1`
  const begun = beginRecord(record.value, { job: 'fetch-billing', runId, pid: 1, version: VERSION, now })
  const end = { outcome: 'ok' as const, exitCode: 0, reason: record.value.reason, failure: null }
  await saveRunRecord(paths.runs, endRecord(begun, end, now))
  const last_attempt = cache.value.last_attempt && { ...cache.value.last_attempt, at: now }
  await saveBilling(paths, { ...cache.value, lastFetched: now, last_attempt })
}

function headerOf(mail: string, name: string): string {
  const [, value = ''] = new RegExp(`^${name}: (.*(?:\\r\\n[ \\t].*)*)`, 'im').exec(mail) ?? []
  return value.replace(/\r\n[ \t]/g, ' ')
}

/** Its words as a person reads them (RFC 2047). */
function subjectOf(mail: string): string {
  return headerOf(mail, 'Subject')
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([BQ])\?([^?]*)\?=/gi, (_all, way: string, text: string) => {
      if (way.toUpperCase() === 'B') return Buffer.from(text, 'base64').toString('utf8')
      const bytes = text.replaceAll('_', ' ').replace(/=([0-9A-F]{2})/gi, (_hex, hex: string) => `%${hex}`)
      return decodeURIComponent(bytes.replace(/%(?![0-9A-F]{2})/gi, '%25'))
    })
}

/** Writes the registry as refresh-tokens would have it: all accounts active but these, which are logged out. */
export function inactive({ paths, logins }: ScratchVigil, ...which: number[]): void {
  mkdirSync(dirname(paths.accounts), { recursive: true })
  const lines = logins.map((_, n) => {
    const dir = n === 0 ? '~/.claude' : `~/.claude-${String(n).padStart(4, '0')}`
    const gone = 'inactive, inactive_reason: session_expired, inactive_since: 2030-02-08T11:30:00Z'
    return `  slot-${n + 1}: { config_dir: ${dir}, status: ${which.includes(n) ? gone : 'active'} }\n`
  })
  writeFileSync(paths.accounts, `current: slot-1\naccounts:\n${lines.join('')}`)
}
