// How a file is read, and node:fs, taken as a value: an ESM import of it looks at every export, loads its promises half by
// that, and costs a start 3 of its 20 ms.
import type * as v from '../valibot.ts'

export const {
  accessSync,
  appendFileSync,
  chmodSync,
  closeSync,
  constants,
  existsSync,
  fstatSync,
  fsync,
  fsyncSync,
  ftruncateSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  read,
  readFileSync,
  readSync,
  readdirSync,
  readlinkSync,
  realpathSync,
  renameSync,
  rmSync,
  rmdirSync,
  statSync,
  statfsSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} = process.getBuiltinModule('node:fs')

/** Absent and corrupt are different things: the first is normal at the start, the second is a fact to report. */
export type JsonReading<T> = { state: 'present'; value: T } | { state: 'absent' } | { state: 'corrupt'; detail: string }

/** What is longer is none of the files that we know; Claude Code's `.claude.json` is the longest of them. */
const MAX_BYTES = 64 * 1024 * 1024

/** It is there, and reading it would be wrong: a FIFO keeps a reader for ever, and nothing of ours is this long. */
export class UnfitFileError extends Error {
  override name = 'UnfitFileError'
}

/**
 * The whole of a regular file; whatever else stands in its place never keeps the run waiting.
 * @throws UnfitFileError, or the system's error
 */
export function readRegularFile(path: string): Buffer {
  return readOpened(path, descriptor => readFileSync(descriptor))
}

/** The same as UTF-8 text. Read as such, for a Buffer apiece adds up with a thousand accounts. */
function readRegularText(path: string): string {
  return readOpened(path, descriptor => readFileSync(descriptor, 'utf8'))
}

function readOpened<T>(path: string, read: (descriptor: number) => T): T {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    // A socket cannot even be opened.
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') throw new UnfitFileError('it is no regular file')
    throw error
  }
  try {
    const stat = fstatSync(descriptor)
    if (!stat.isFile()) throw new UnfitFileError('it is no regular file')
    if (stat.size > MAX_BYTES) throw new UnfitFileError(`it is ${stat.size} bytes long`)
    return read(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

/**
 * Reads a JSON file and checks its schema.
 * @throws Error for what is neither absent nor a matter of content (permission, I/O)
 */
export function readJson<Schema extends v.GenericSchema>(
  path: string,
  schema: Schema,
): JsonReading<v.InferOutput<Schema>> {
  let text: string
  try {
    text = readRegularText(path)
  } catch (error) {
    if (error instanceof UnfitFileError) return { state: 'corrupt', detail: error.message }
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return { state: 'absent' }
    throw error
  }
  let data: unknown
  try {
    data = JSON.parse(text)
  } catch {
    return { state: 'corrupt', detail: `it is not JSON (${text.length} characters)` }
  }
  // By the interface that validators share: this file is loaded by who needs none.
  const parsed = schema['~standard'].validate(data)
  if (parsed instanceof Promise) throw new Error('a schema that has to be waited for')
  if (parsed.issues === undefined) return { state: 'present', value: parsed.value as v.InferOutput<Schema> }
  const { path: where = [], message } = parsed.issues[0]!
  const keys = where.map(part => String(typeof part === 'object' ? part.key : part))
  return { state: 'corrupt', detail: `${keys.join('.') || 'the whole'}: ${message}` }
}
