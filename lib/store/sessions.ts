// What the status lines noted of their sessions.
import { SessionHealth } from '../domain/session.ts'
import { readdirSync, readJson } from '../edges/fs.ts'
import type { Paths } from '../paths.ts'

const SESSION = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\.json$/
/** The janitor keeps a hundred; of more, whoever left them, no look may become slow. */
const MOST = 500

/** What cannot be read is left out: the next call of its status line writes it anew. */
export function readSessions({ health }: Paths): SessionHealth[] {
  const names = tolerant(() => readdirSync(health)) ?? []
  return names
    .filter(name => SESSION.test(name))
    .slice(0, MOST)
    .flatMap(name => {
      const reading = tolerant(() => readJson(`${health}/${name}`, SessionHealth))
      return reading?.state === 'present' ? [reading.value] : []
    })
}

function tolerant<T>(read: () => T): T | null {
  try {
    return read()
  } catch {
    return null // Gone meanwhile, or another's file of such a name.
  }
}
