import { readFileSync } from './fs.ts'

/** Whether a process of that id is at work. One that has ended and that nobody has waited for yet is not. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM' // There, but another user's.
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The command in brackets may hold anything; the state stands behind it.
    return stat[stat.lastIndexOf(')') + 2] !== 'Z'
  } catch {
    return true // No /proc (macOS): the signal was enough.
  }
}
