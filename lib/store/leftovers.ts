// What lies in our folders that may go one day: known by its name and, where it has one, by its schema. What is not listed
// here can never be removed. No link is followed, neither of a file nor of a folder below session-health.
import { basename, dirname, join } from 'node:path'
import type { CleanupStep, Leftover, LeftoverKind } from '../domain/cleanup.ts'
import { readLogLine } from '../domain/log-line.ts'
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readSync, unlinkSync } from '../edges/fs.ts'
import { isProcessAlive } from '../edges/kernel-lock.ts'
import type { Paths } from '../paths.ts'
import { CRON_PERIOD_MS } from '../timings.ts'
import { isRotationDue, rotate } from './runs.ts'

const SESSION = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.json$/i
const GIT = /^[0-9a-f]{16}\.json$/
/** As stagingName() makes them. */
const TEMP = /^\..+\.(\d{1,10})\.\d{1,10}\.vigil-tmp$/
const ASIDE = /^(?:alerts\.json\.corrupt|history\.sqlite\.broken)-(\d{13})(?:-wal|-shm)?$/
const LOG = /^(?:[\p{L}\p{N}._-]{1,80}\.(?:err|stderr)|[a-z-]{1,40}\.log)$/u
const ROTATED = /^(.+)\.\d{1,3}$/

/** @returns `unseen`: folders that could not be read, each with its reason */
export function listLeftovers(paths: Paths): { found: Leftover[]; unseen: string[] } {
  const unseen: string[] = []
  const inFolder = (folder: string, kindOf: (name: string) => LeftoverKind | null): Leftover[] => {
    try {
      if (folder !== paths.health && !lstatSync(folder).isDirectory()) return []
      return readdirSync(folder).flatMap(name => leftover(join(folder, name), kindOf(name)))
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code !== 'ENOENT') unseen.push(`${basename(folder)} cannot be read (${code})`)
      return []
    }
  }
  const temp = (name: string) => (TEMP.test(name) ? 'temp' : null)
  const found = [
    ...inFolder(paths.health, name => {
      if (SESSION.test(name)) return 'session'
      if (ASIDE.test(name)) return 'aside'
      return isRotated(name) && name.startsWith('token-refresh.log.') ? 'rotatedLog' : temp(name)
    }),
    ...inFolder(paths.harvest, name => (SESSION.test(name) ? 'harvest' : temp(name))),
    ...inFolder(paths.git, name => (GIT.test(name) ? 'git' : temp(name))),
    ...inFolder(paths.logs, name => (isRotated(name) ? 'rotatedLog' : isOthersLog(name) ? 'log' : temp(name))),
    ...[paths.slots, paths.runs, paths.logins, paths.ccusage, dirname(paths.parsedAccounts)].flatMap(folder =>
      inFolder(folder, temp),
    ),
    // Of ours only: an editor may have files of its own beside a person's.
    ...inFolder(dirname(paths.accounts), name =>
      name.startsWith(`.${basename(paths.accounts)}.`) ? temp(name) : null,
    ),
  ]
  return { found, unseen }
}

/** @returns false where it is another file by now, or gone; nothing was done then */
export function applyStep({ do: what, file }: CleanupStep): boolean {
  const stat = lstatSync(file.path, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile() || stat.ino !== file.ino) return false
  if (what === 'rotate') rotate(file.path)
  // Written since it was listed: then it is in use.
  else if (file.kind !== 'aside' && stat.mtimeMs !== file.changedAt) return false
  else unlinkSync(file.path)
  return true
}

function isRotated(name: string): boolean {
  const [, log] = ROTATED.exec(name) ?? []
  return log !== undefined && LOG.test(log)
}

/** A job begins its own log anew, under its lock. */
function isOthersLog(name: string): boolean {
  return LOG.test(name) && !Object.keys(CRON_PERIOD_MS).some(job => name === `${job}.log`)
}

function leftover(path: string, kind: LeftoverKind | null): Leftover[] {
  if (kind === null) return []
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat === undefined || !stat.isFile() || !isOurs(path, kind)) return []
  const name = basename(path)
  const writer = Number(TEMP.exec(name)?.[1])
  const held = kind === 'log' ? isRotationDue(stat) : kind === 'temp' && isProcessAlive(writer)
  const putAsideAt = Number(ASIDE.exec(name)?.[1])
  const changedAt = kind === 'aside' ? putAsideAt : stat.mtimeMs
  return [{ kind, path, bytes: stat.size, changedAt, ino: stat.ino, held }]
}

/** By what is in it, for another program may write files of the same name. */
function isOurs(path: string, kind: LeftoverKind): boolean {
  const isJsonLog = (kind === 'log' || kind === 'rotatedLog') && /\.log(?:\.\d+)?$/.test(path)
  if (isJsonLog) return readLogLine(beginningOf(path).split('\n')[0]!) !== null
  if (kind !== 'session' && kind !== 'harvest' && kind !== 'git') return true
  let data: Record<string, unknown>
  try {
    data = JSON.parse(beginningOf(path))
  } catch {
    return false // Torn, or another's: it stays.
  }
  if (typeof data !== 'object' || data === null || data['schema'] !== 1) return false
  if (kind === 'harvest') return typeof data['answer'] === 'string'
  if (kind === 'git') return typeof data['folder'] === 'string' && typeof data['measuredAt'] === 'number'
  const id = data['session_id'] ?? data['sessionId']
  return typeof id === 'string' && `${id.toLowerCase()}.json` === basename(path).toLowerCase()
}

/** Whole files of ours are far shorter; of a log the first line is enough. */
const ENOUGH_BYTES = 64 * 1024

function beginningOf(path: string): string {
  try {
    const descriptor = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW)
    try {
      const bytes = Buffer.alloc(Math.min(ENOUGH_BYTES, fstatSync(descriptor).size))
      return bytes.subarray(0, readSync(descriptor, bytes, 0, bytes.length, 0)).toString('utf8')
    } finally {
      closeSync(descriptor)
    }
  } catch {
    return '' // Not to be read, so not known to be ours.
  }
}
