// Why nothing is installed here, and what will not work although it is. Pure.
import { resolve } from 'node:path'
import { tildePath } from '../domain/account.ts'
import type { SchedulerName } from './machine.ts'
import { badPath, type Place } from './start-script.ts'

/** Folders that macOS opens only to programs that a person allowed to; launchd and cron are not among them. */
const PROTECTED = ['Documents', 'Desktop', 'Downloads', 'Library/Mobile Documents', 'Library/CloudStorage']

export interface Situation {
  platform: NodeJS.Platform
  uid: number
  /** Whose HOME it is; null = nobody knows. */
  homeOwner: number | null
  home: string
  vigilHome: string
  place: Place
}

interface Refusal {
  exitCode: 77 | 78
  reason: string
}

/** null = go on. */
export function refuse({ platform, uid, homeOwner, home, vigilHome, place }: Situation): Refusal | null {
  const shown = (path: string) => tildePath(path, home)
  if (homeOwner !== null && homeOwner !== uid) {
    const reason = "HOME is another user's (is this sudo?); run it as the user whose logins are to be looked after"
    return { exitCode: 77, reason }
  }
  for (const path of [place.root, place.home ?? '', place.vigilHome ?? '']) {
    const bad = badPath(path)
    if (bad !== null) return { exitCode: 78, reason: `${JSON.stringify(shown(path))}: ${bad}; move it` }
  }
  if (platform !== 'darwin') return null
  for (const path of [place.root, vigilHome]) {
    const folder = PROTECTED.map(name => resolve(home, name)).find(name => path === name || path.startsWith(`${name}/`))
    if (folder === undefined) continue
    const reason = `${shown(path)} is in ${shown(folder)}, where macOS lets no scheduled job read; move it out of there, such as to ~/vigil, and run bin/vigil install again`
    return { exitCode: 77, reason }
  }
  return null
}

export interface Surroundings {
  platform: NodeJS.Platform
  user: string
  cronRuns: boolean
  /** Whether systemd keeps the user's manager when nobody is logged in. */
  lingers: boolean
}

/** What a person has to know of the scheduler that was chosen. */
export function warnings(name: SchedulerName, { platform, user, cronRuns, lingers }: Surroundings): string[] {
  if (name === 'cron' && platform === 'darwin') {
    return [
      "from cron no notice reaches the desktop and the Keychain, where Claude Code's logins are, stays locked; better: vigil install --launchd",
    ]
  }
  if (name === 'cron' && !cronRuns) return ['no cron seems to run here; start it (Debian: service cron start)']
  if (name === 'systemd' && !lingers)
    return [`jobs run only while you are logged in; to keep them running: loginctl enable-linger ${user}`]
  return []
}
