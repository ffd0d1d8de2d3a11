/** A value that the stand-in was handed and will not take. The message is a whole sentence: it is shown as it is. */
export class Refusal extends Error {
  override name = 'Refusal'
}

export type Fields = Record<string, unknown>

export type Check = (value: unknown) => boolean

export const isText: Check = value => typeof value === 'string'
export const isName: Check = value => typeof value === 'string' && value !== ''
export const isNumber: Check = value => Number.isFinite(value)
export const isCount: Check = value => Number.isSafeInteger(value) && (value as number) >= 0
export const isObject: Check = value => typeof value === 'object' && value !== null
export const isNullOr =
  (check: Check): Check =>
  value =>
    value === null || check(value)
export const isOptional =
  (check: Check): Check =>
  value =>
    value === undefined || check(value)
export const isListOf =
  (check: Check): Check =>
  value =>
    Array.isArray(value) && value.every(check)

/**
 * The value as an object whose fields all pass their checks.
 * Throws a Refusal that names the first wrong, missing or unknown field: a misspelt rule that silently did nothing
 * would leave a test green for no reason.
 */
export function checkFields(value: unknown, checks: Record<string, Check>, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new Refusal(`${what} must be a JSON object.`)
  }
  const fields = value as Fields
  const unknown = Object.keys(fields).find(key => !Object.hasOwn(checks, key))
  if (unknown !== undefined) {
    throw new Refusal(`${what} has no field "${unknown}"; it knows ${Object.keys(checks).join(', ')}.`)
  }
  const wrong = Object.keys(checks).find(key => !checks[key]!(fields[key]))
  if (wrong !== undefined) throw new Refusal(`${what} has a wrong or missing "${wrong}": ${show(fields[wrong])}.`)
  return fields
}

/** The value as JSON would write it; only its kind where it could be a token or a whole body. */
function show(value: unknown): string {
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return String(value)
  if (typeof value === 'string' && value.length <= 40 && !value.startsWith('sk-ant-')) return `"${value}"`
  return value === undefined ? 'nothing' : `a value of type ${typeof value}`
}
