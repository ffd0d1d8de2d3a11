/** One HTTP answer, whole, before anything went over the wire. `body` is text as sent. */
export interface Answer {
  status: number
  headers: Record<string, string>
  body: string
}

export function jsonAnswer(status: number, value: unknown): Answer {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }
}

/** The token endpoint's own form (RFC 6749 §5.2): `error` is a string. */
export function oauthError(error: 'invalid_grant' | 'invalid_scope', description: string): Answer {
  return jsonAnswer(400, { error, error_description: description })
}

/** The API's form: `error` is an object with a type. The token endpoint uses it too, for malformed requests. */
export function apiError(status: number, type: string, message: string): Answer {
  return jsonAnswer(status, { type: 'error', error: { type, message } })
}

/** The same answer without the named top-level fields; only a 200 that is a JSON object has any to lose. */
export function withoutFields(answer: Answer, fields: string[]): Answer {
  if (answer.status !== 200) return answer
  const value = JSON.parse(answer.body)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return answer
  const kept = Object.entries(value).filter(([key]) => !fields.includes(key))
  return { ...answer, body: JSON.stringify(Object.fromEntries(kept)) }
}
