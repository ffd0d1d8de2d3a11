// Messages as the watchdog makes them, for the tests of what tells them.
import type { AlertState, Message, Notice } from '../../lib/domain/alert.ts'

/** Tuesday, 24 November 2026, 16:10 in Berlin. */
export const NOW = Date.parse('2026-11-24T15:10:00Z')
export const ZONE = 'Europe/Berlin'
const MINUTE_MS = 60_000

export function notice(changes: Partial<Notice> = {}): Notice {
  return {
    id: 'AccountInactive{slot-2}#1234#f1@phone',
    kind: 'firing',
    key: 'AccountInactive{slot-2}',
    name: 'AccountInactive',
    labels: { slot: 'slot-2' },
    episode: 1234,
    n: 1,
    severity: 'warning',
    text: {
      summary: 'The login of slot-2 is over',
      details: ['Anthropic answered invalid_grant'],
      remedy: 'CLAUDE_CONFIG_DIR=~/.claude-work claude /login',
      affects: 'its quota is no longer measured',
    },
    since: NOW - 130 * MINUTE_MS,
    resolvedAt: null,
    lateMs: 0,
    ...changes,
  }
}

export function message(notices: [Notice, ...Notice[]] = [notice()], changes: Partial<Message> = {}): Message {
  const [first] = notices
  return { id: first.id, channel: 'phone', severity: first.severity, notices, now: NOW, ...changes }
}

export function state(changes: Partial<AlertState> = {}): AlertState {
  const { key, name, labels, episode, severity, text, since } = notice()
  return {
    key,
    name,
    labels,
    phase: 'firing',
    episode,
    severity,
    text,
    pendingSince: since,
    since,
    badRuns: 3,
    firedAt: since,
    okSince: null,
    resolvedAt: null,
    told: {},
    alsoMutedBy: [],
    unmutedRuns: null,
    ...changes,
  }
}
