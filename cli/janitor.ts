// `vigil run janitor --dry-run`: what it would take away now, and why. Reads only.
import { relative } from 'node:path'
import { planRound } from '../lib/flows/clean-up.ts'
import { readEnvironment } from '../lib/settings.ts'

export function showCleanup(): void {
  const { paths } = readEnvironment()
  const { steps, oldEntries, unseen } = planRound(paths, Date.now())
  const lines = steps.map(
    ({ do: what, file, reason }) => `${what} ${relative(paths.vigilHome, file.path)} (${size(file.bytes)}): ${reason}`,
  )
  if (oldEntries > 0) lines.push(`remove ${oldEntries} entries of history.sqlite: they are over 60 days old`)
  const bytes = steps.reduce((sum, { do: what, file }) => sum + (what === 'remove' ? file.bytes : 0), 0)
  lines.push(lines.length === 0 ? 'nothing to clean up' : `${size(bytes)} would be free again; nothing was changed`)
  process.stdout.write(`${lines.join('\n')}\n`)
  for (const what of unseen) process.stderr.write(`vigil run janitor: ${what}\n`)
}

function size(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`
  return bytes < 1e6 ? `${Math.round(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`
}
