// All states of the line, side by side, for `vigil statusline --preview` and the picture in the README.
import { type Figure, judgeFreshness } from '../domain/freshness.ts'
import { DEFAULT_QUOTA_AGES, HOUR_MS, MINUTE_MS } from '../timings.ts'
import type { Glance } from './glance.ts'
import { DEFAULT_STATUSLINE, fitLines, segmentsOf, type Variant } from './line.ts'

/** @param now ms */
export function previewText(now: number, color: boolean): string {
  const rows = statesOf(now).map(([what, glance, variant]) => {
    const settings = { ...DEFAULT_STATUSLINE, variant: variant ?? DEFAULT_STATUSLINE.variant }
    const space = { columns: null, lines: 1, color, ascii: variant === 'ascii' }
    return `${what.padEnd(WIDEST)}  ${fitLines(segmentsOf(glance, settings), space)[0]}`
  })
  return `${rows.join('\n')}\n`
}

const WIDEST = 22

function statesOf(now: number): Array<[string, Glance, Variant?]> {
  const figure = (usedPercent: number, lastsMs: number, ageMs = 0): Figure => {
    const { state } = judgeFreshness(now - ageMs, now, DEFAULT_QUOTA_AGES)
    return state === 'absent' ? { mark: state } : { mark: state, usedPercent, resetsAt: now + lastsMs }
  }
  const old = (ageMs: number) => ({
    weekly: figure(98, 97 * HOUR_MS, ageMs),
    fiveHour: figure(64, 72 * MINUTE_MS, ageMs),
  })
  const account = { slot: 'slot-1', standing: 'active' as const, current: null }
  const good: Glance = {
    now,
    model: 'Opus 4.8',
    context: { freeTokens: 154_000, usedPercent: 23 },
    ...old(0),
    weekly: figure(51, 97 * HOUR_MS),
    billing: { mark: 'fresh', costTodayUsd: 14.5, budgetUsd: 50, budgetPercent: 29, blockEndsAt: now + 42 * MINUTE_MS },
    git: { mark: 'fresh', branch: 'main', staged: 12, changed: 3 },
    account,
    pool: { usable: 3, all: 3 },
    alerts: { firing: 0, worst: 'info', mark: 'fresh' },
    watchdogSilentMs: null,
  }
  const absent = { mark: 'absent' as const }
  return [
    ['all is well', good],
    ['nearly used up', { ...good, ...old(0) }],
    ['stale', { ...good, ...old(20 * MINUTE_MS) }],
    ['unreliable', { ...good, ...old(90 * MINUTE_MS) }],
    ['its window is over', { ...good, fiveHour: absent }],
    [
      'needs /login',
      {
        ...good,
        ...old(90 * MINUTE_MS),
        account: { ...account, standing: 'needsLogin', current: 'slot-2' },
        pool: { usable: 2, all: 3 },
      },
    ],
    ['another is current', { ...good, account: { ...account, current: 'slot-2' } }],
    ['alerts fire', { ...good, alerts: { firing: 2, worst: 'critical', mark: 'fresh' } }],
    [
      'the watchdog is silent',
      { ...good, watchdogSilentMs: 12 * MINUTE_MS, alerts: { firing: 2, worst: 'warning', mark: 'stale' } },
    ],
    [
      'nothing known yet',
      { ...good, context: null, weekly: absent, fiveHour: absent, billing: null, git: null, account: null, pool: null },
    ],
    ['variant: ascii', { ...good, ...old(20 * MINUTE_MS) }, 'ascii'],
    ['variant: nerd', { ...good, ...old(20 * MINUTE_MS) }, 'nerd'],
  ]
}
