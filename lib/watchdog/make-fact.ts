// How a fact is put together, and how the keys that are alive are looked up.
import { type AlertName, type AlertState, alertKey, type Fact } from '../domain/alert.ts'

type Labels = Record<string, string>

export interface BadFact {
  severity: Fact['severity']
  /** One sentence without a full stop. */
  summary: string
  details?: string[]
  remedy?: string | null
  affects?: string | null
  since?: number | null
  certain?: boolean
  alsoMutedBy?: string[]
}

export function bad(name: AlertName, labels: Labels, found: BadFact): Fact {
  const { severity, summary, details = [], remedy = null, affects = null, since = null, certain, alsoMutedBy } = found
  return {
    name,
    labels,
    verdict: 'bad',
    severity,
    text: { summary, details, remedy, affects },
    since,
    ...(certain ? { certain } : {}),
    ...(alsoMutedBy && alsoMutedBy.length > 0 ? { alsoMutedBy } : {}),
  }
}

/** @param why the reason for this verdict, in one sentence */
export function ok(name: AlertName, labels: Labels, why: string): Fact {
  return judged('ok', name, labels, why)
}

/** @param why what keeps us from seeing it */
export function unknown(name: AlertName, labels: Labels, why: string): Fact {
  return judged('unknown', name, labels, why)
}

function judged(verdict: 'ok' | 'unknown', name: AlertName, labels: Labels, why: string): Fact {
  const text = { summary: why, details: [], remedy: null, affects: null }
  return { name, labels, verdict, severity: 'info', text, since: null }
}

/** The states of one kind of alert, those of one subject first where labels are given. */
export function statesOf(states: readonly AlertState[], name: AlertName, labels: Labels = {}): AlertState[] {
  return states.filter(
    state => state.name === name && Object.entries(labels).every(([label, value]) => state.labels[label] === value),
  )
}

export function stateOf(states: readonly AlertState[], name: AlertName, labels: Labels): AlertState | undefined {
  if (states.length === 0) return undefined
  const key = alertKey({ name, labels })
  return states.find(state => state.key === key)
}

/** It fires, or did until a moment ago: a person has been told. */
export function isTold(state: AlertState | undefined): boolean {
  return state?.phase === 'firing' || state?.phase === 'recovering'
}

/** What stands in a key may hold nothing that a key is made of, nor a space, which a shell would cut at. */
export function labelOf(text: string): string {
  return text.replace(/[\s,{}#@*]+/g, '-')
}

/** Up to three by name. */
export function someOf(names: readonly string[]): string {
  if (names.length > 3) return `${names.slice(0, 2).join(', ')} and ${names.length - 2} more`
  return names.length < 2 ? names.join('') : `${names.slice(0, -1).join(', ')} and ${names.at(-1)}`
}

/** A message is read on a phone. */
export function fewLines(lines: readonly string[], most = 8): string[] {
  return lines.length <= most ? [...lines] : [...lines.slice(0, most - 1), `and ${lines.length - most + 1} more`]
}

/** To the minute, in UTC: `2026-11-24 14:00 UTC`. */
export function minuteOf(at: number): string {
  return `${new Date(at).toISOString().slice(0, 16).replace('T', ' ')} UTC`
}
