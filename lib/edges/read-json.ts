import * as v from 'valibot'
import { readFileSync } from './fs.ts'

/** Absent and corrupt are different things: the first is normal at the start, the second is a fact to report. */
export type JsonReading<T> = { state: 'present'; value: T } | { state: 'absent' } | { state: 'corrupt'; detail: string }

/**
 * Reads one of our own files and checks its schema.
 * @throws Error for what is neither absent nor a matter of content (permission, I/O)
 */
export function readJson<Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
): JsonReading<v.InferOutput<Schema>> {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { state: 'absent' }
    throw error
  }
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    return { state: 'corrupt', detail: `it is not JSON (${text.length} characters)` }
  }
  const parsed = v.safeParse(schema, data)
  if (parsed.success) return { state: 'present', value: parsed.output }
  const issue = parsed.issues[0]
  return { state: 'corrupt', detail: `${v.getDotPath(issue) ?? 'the whole'}: ${issue.message}` }
}
