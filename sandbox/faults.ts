import {
  type Check,
  checkFields,
  isCount,
  isListOf,
  isName,
  isNumber,
  isObject,
  isOptional,
  isText,
  Refusal,
} from './refusal.ts'

/** What happens to a request in place of the ordinary answer. "Processed" means: tokens rotate, counters move. */
export type FaultAction =
  /** This answer, unprocessed. A string body is sent as text/plain, an object as JSON, unless `headers` say otherwise. */
  | { kind: 'answer'; status: number; headers?: Record<string, string>; body: string | object }
  /** Waits, then processes and answers as usual. */
  | { kind: 'delay'; ms: number }
  /** The connection ends with no answer, unprocessed / processed. */
  | { kind: 'drop-before' }
  | { kind: 'drop-after' }
  /** The connection stays open with no answer, unprocessed / processed. */
  | { kind: 'hang-before' }
  | { kind: 'hang-after' }
  /** Processed; the headers promise the whole body, `bytes` of it arrive, the connection ends. */
  | { kind: 'truncate'; bytes: number }
  /** Processed; 200 with text that is not JSON. */
  | { kind: 'garbage'; body?: string }
  /** Unprocessed; 200 with a JSON object of exactly `bytes` bytes, chunked: no header warns of the length. */
  | { kind: 'huge'; bytes: number }
  /** Unprocessed; 302. */
  | { kind: 'redirect'; location: string }
  /**
   * Processed; the named top-level fields are left out of the 200's JSON. An answer without `refresh_token` says that
   * the old one goes on working (RFC 6749 §6), so leaving that out also keeps it unspent.
   */
  | { kind: 'omit'; fields: string[] }
  /** Processed and answered as usual, but for its `Date`: `ms` later than it is, or earlier where that is negative. */
  | { kind: 'skew'; ms: number }

export interface FaultRule {
  /** Absent: any request but a control request. */
  endpoint?: 'token' | 'usage' | 'profile'
  /** Only requests whose token names this login. */
  email?: string
  /** How many requests it strikes; 1 unless told, Infinity for ever. JSON writes Infinity as null, so null is that. */
  times?: number
  /** How many matching requests it lets pass first, to the rules after it or to the ordinary answer; 0 unless told. */
  skip?: number
  action: FaultAction
}

const isStatus: Check = value => isCount(value) && (value as number) >= 200 && (value as number) <= 599
const isHeaders: Check = value => isObject(value) && Object.values(value as object).every(isText)
const isTimes: Check = value => value === Infinity || (isCount(value) && value !== 0)

// Of type Record over the union's kinds: a kind without its row is a type error.
const ACTION_FIELDS: Record<FaultAction['kind'], Record<string, Check>> = {
  answer: { status: isStatus, headers: isOptional(isHeaders), body: value => isText(value) || isObject(value) },
  delay: { ms: isCount },
  'drop-before': {},
  'drop-after': {},
  'hang-before': {},
  'hang-after': {},
  truncate: { bytes: isCount },
  garbage: { body: isOptional(isText) },
  huge: { bytes: isCount },
  redirect: { location: isName },
  omit: { fields: isListOf(isName) },
  skew: { ms: isNumber },
}

const RULE_FIELDS: Record<string, Check> = {
  endpoint: isOptional(value => value === 'token' || value === 'usage' || value === 'profile'),
  email: isOptional(isName),
  times: value => value === null || isOptional(isTimes)(value),
  skip: isOptional(isCount),
  action: isObject,
}

/** The value as a rule, copied. Throws a Refusal with a sentence about what is wrong with it. */
export function parseFaultRule(value: unknown): FaultRule {
  const rule = structuredClone(checkFields(value, RULE_FIELDS, 'A fault rule')) as unknown as FaultRule
  const { kind } = rule.action
  if (!Object.hasOwn(ACTION_FIELDS, kind)) {
    throw new Refusal(`A fault's action.kind must be one of ${Object.keys(ACTION_FIELDS).join(', ')}.`)
  }
  checkFields(rule.action, { kind: isName, ...ACTION_FIELDS[kind] }, `A fault's action of kind "${kind}"`)
  return rule.times === null ? { ...rule, times: Infinity } : rule
}

/** The rules in force, in the order in which they were added. */
export function openFaults() {
  let rules: Array<{ rule: FaultRule; passes: number; left: number }> = []
  return {
    add(value: unknown): void {
      const rule = parseFaultRule(value)
      rules.push({ rule, passes: rule.skip ?? 0, left: rule.times ?? 1 })
    },
    clear(): void {
      rules = []
    },
    left: () => rules.length,
    /** The action for this request, which uses up one of its rule's times; null where no rule strikes. */
    take(endpoint: string, email: string | null): FaultAction | null {
      for (const entry of rules) {
        const { rule } = entry
        if (rule.endpoint !== undefined && rule.endpoint !== endpoint) continue
        if (rule.email !== undefined && rule.email !== email) continue
        if (entry.passes > 0) {
          entry.passes -= 1
          continue
        }
        entry.left -= 1
        if (entry.left === 0) rules = rules.filter(other => other !== entry)
        return rule.action
      }
      return null
    },
  }
}
