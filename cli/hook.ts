// `vigil hook stop-failure`: what Claude Code calls when a session was turned away. Fast, and always exit code 0: a hook that
// fails or lingers would be in the way of the very session that it is to help.
import type { Account } from '../lib/domain/account.ts'
import { hitOfHook, StopFailure } from '../lib/domain/evidence.ts'
import { readEnvironment } from '../lib/settings.ts'
import { readRegistry } from '../lib/store/accounts.ts'
import { addStopFailure } from '../lib/store/failover.ts'
import * as v from '../lib/valibot.ts'

/** What is longer is no call of a hook. */
const MOST_BYTES = 256 * 1024
const LONGEST_WAIT_MS = 2000

export async function stopFailureHook(): Promise<void> {
  try {
    process.umask(0o077)
    const { paths } = readEnvironment()
    const parsed = v.safeParse(StopFailure, JSON.parse(await readInput()))
    if (!parsed.success) return
    const registry = await readRegistry(paths, 'leave')
    const account = registry?.accounts.find(one => isOf(one, process.env['CLAUDE_CONFIG_DIR'], paths.home))
    if (account === undefined) return
    const hit = hitOfHook(parsed.output, account.slot, Date.now())
    if (hit !== null) await addStopFailure(paths, hit, process.pid)
  } catch {
    // Nobody reads what a hook says; the figures tell the same within minutes.
  }
}

function isOf({ configDir, isDefault }: Account, set: string | undefined, home: string): boolean {
  if (!set) return isDefault
  const dir = set.replace(/(?<=.)\/+$/, '')
  return dir === configDir || (isDefault && dir === `${home}/.claude`)
}

async function readInput(): Promise<string> {
  const giveUp = setTimeout(() => process.stdin.destroy(new Error('nothing more came')), LONGEST_WAIT_MS)
  try {
    let text = ''
    for await (const chunk of process.stdin.setEncoding('utf8')) {
      text += chunk
      if (text.length > MOST_BYTES) throw new Error('it is too long')
    }
    return text
  } finally {
    clearTimeout(giveUp)
  }
}
