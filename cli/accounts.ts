// `vigil accounts`: which logins there are, and what a person wants of them. Changes claude-sessions.yaml as a person
// would, under the jobs' lock, and keeps its comments and order.
import { resolve } from 'node:path'
import { type Account, loginCommand, SLOT_PATTERN, standingOf, startCommand, tildePath } from '../lib/domain/account.ts'
import { expandHome, type Registry } from '../lib/domain/accounts-file.ts'
import { ensurePrivateDir } from '../lib/edges/fs.ts'
import { painter, truncate } from '../lib/screen/ansi.ts'
import { ago } from '../lib/screen/times.ts'
import { type Environment, readEnvironment } from '../lib/settings.ts'
import { SettingsError } from '../lib/settings-defaults.ts'
import { readRegistry } from '../lib/store/accounts.ts'
import { editRegistry, writeFirstRegistry } from '../lib/store/change-accounts.ts'

const FAILED = 1
const WRONG_USAGE = 64
const TRY_LATER = 75
const NO_PERMISSION = 77
const SETTINGS_ARE_WRONG = 78
const NO_REGISTRY =
  'there is no list of accounts yet; it is written from the logins that are found: vigil run refresh-tokens'

export async function listAccounts({ json }: { json: boolean }): Promise<void> {
  await guarded('list', async ({ paths, terminal }) => {
    const registry = await readRegistry(paths, 'leave')
    if (json) return say(JSON.stringify(registry ?? { current: null, accounts: [] }, null, 2))
    if (registry === null) return say(`${NO_REGISTRY.replace('there', 'There')}`)
    const { isTTY = false, columns } = process.stdout
    const paint = painter(terminal.color === 'auto' ? isTTY : terminal.color === 'always')
    const width = isTTY ? Math.max(36, columns ?? terminal.columns ?? 80) : Number.POSITIVE_INFINITY
    for (const account of registry.accounts) {
      const mark = account.slot === registry.current ? '*' : ' '
      const standing = standingOf(account)
      const [word, style] = WORDS[standing]
      const who = account.email === null ? '' : `  ${account.email}`
      say(paint(truncate(`${mark} ${account.slot}  ${word}${who}`, width, '...'), style))
      const reason = standing === 'active' ? '' : `, ${account.inactiveReason ?? 'paused'}${since(account)}`
      say(truncate(`    ${tildePath(account.configDir, paths.home)}${reason}`, width, '...'))
      if (standing === 'inactiveByJob') say(`    run: ${loginCommand(account, paths.home)}`)
    }
    if (registry.accounts.length === 0) say('No accounts; to add one: vigil accounts add DIR')
    else
      say(
        `\n* = current. One more, in a directory of its own: CLAUDE_CONFIG_DIR=${freeDir(registry, paths.home)} claude /login`,
      )
  })
}

const WORDS = {
  active: ['active', 'green'],
  inactiveByJob: ['inactive', 'red'],
  pausedByPerson: ['paused', 'yellow'],
} as const

function since({ inactiveSince }: Account): string {
  const at = Date.parse(inactiveSince ?? '')
  return Number.isNaN(at) ? '' : `, ${ago(at, Date.now())}`
}

export async function addAccount(dir: string, options: { slot?: string }): Promise<void> {
  await guarded('add', async ({ paths, childEnv }) => {
    const now = Date.now()
    const { home } = paths
    const configDir = expandHome(/^~(\/|$)/.test(dir) ? dir : resolve(dir), home)
    const account = { configDir, isDefault: configDir === expandHome('~/.claude', home) }
    if (options.slot !== undefined && !SLOT_PATTERN.test(options.slot))
      return fail('add', `"${options.slot}" is no name for a slot; use letters, digits, ".", "_" and "-"`, WRONG_USAGE)
    const context = { paths, job: 'accounts', now, environment: { childEnv } }
    // What macOS' `security` says on stderr needs a place.
    for (const folder of [paths.health, paths.logs]) ensurePrivateDir(folder)
    const registry = (await readRegistry(paths, 'leave')) ?? { current: null, accounts: [] }
    const { judgeNewLogin } = await import('../lib/flows/add-account.ts')
    const verdict = await judgeNewLogin(account, registry.accounts, context)
    if (!verdict.ok) {
      if (verdict.kind === 'known') return say(`Nothing to do: ${verdict.why}.`)
      return fail('add', verdict.why, { login: FAILED, permission: NO_PERMISSION, later: TRY_LATER }[verdict.kind])
    }
    const { email } = verdict
    const slot = options.slot ?? nextSlot(registry)
    if (registry.accounts.some(known => known.slot.toLowerCase() === slot.toLowerCase()))
      return fail('add', `there is a slot ${slot} already; choose another name with --slot`, WRONG_USAGE)
    const text = await import('../lib/domain/accounts-edit.ts')
    const changed = await editRegistry(paths, 'accounts', now, async before =>
      before === '' ? { left: 'none' } : text.withAccount(before, { slot, configDir, email }, home),
    )
    if (changed === 'none') await writeFirstRegistry(paths, 'accounts', now, [{ slot, configDir, email }])
    say(`${slot} is ${tildePath(configDir, home)}${email === null ? '' : `, ${email}`}. See it with: vigil status`)
    say('Never copy a login from one directory to another: the first renewal of either burns both.')
  })
}

/** A login in the directory of another account would take that one's place. */
function freeDir({ accounts }: Registry, home: string): string {
  const isTaken = (dir: string) => accounts.some(({ configDir }) => configDir === expandHome(dir, home))
  let n = accounts.length + 1
  while (isTaken(`~/.claude-${n}`)) n += 1
  return isTaken('~/.claude-work') ? `~/.claude-${n}` : '~/.claude-work'
}

function nextSlot({ accounts }: Registry): string {
  const taken = new Set(accounts.map(({ slot }) => slot.toLowerCase()))
  let n = accounts.length + 1
  while (taken.has(`slot-${n}`)) n += 1
  return `slot-${n}`
}

/** Only a person undoes it: no job touches the login, whatever happens to it. */
export async function pauseAccount(slot: string): Promise<void> {
  await change('pause', slot, async (text, account, now) => {
    if (standingOf(account) === 'pausedByPerson') return `Nothing to do: ${slot} is paused already.`
    const { withStanding } = await import('../lib/domain/accounts-text.ts')
    const next = withStanding(text, slot, { status: 'inactive', reason: 'paused', since: new Date(now).toISOString() })
    return { text: next, said: `${slot} is paused: its login is left alone until: vigil accounts resume ${slot}` }
  })
}

/** Undoes what a person did, and nothing else: a login that is over does not come back by saying so. */
export async function resumeAccount(slot: string): Promise<void> {
  await change('resume', slot, async (text, account, _now, home) => {
    const standing = standingOf(account)
    if (standing === 'active') return `Nothing to do: ${slot} is active.`
    if (standing === 'inactiveByJob')
      throw new Refusal(
        `${slot} is not paused: its login is over (${account.inactiveReason}); run: ${loginCommand(account, home)}`,
      )
    const { withStanding } = await import('../lib/domain/accounts-text.ts')
    return { text: withStanding(text, slot, { status: 'active' }), said: `${slot} is active again.` }
  })
}

export async function useAccount(slot: string): Promise<void> {
  let chosen: Account | null = null
  await change('use', slot, async (text, account, _now, home, registry) => {
    if (registry.current === slot) return `Nothing to do: ${slot} is current already.`
    const { withCurrent } = await import('../lib/domain/accounts-edit.ts')
    const warning =
      standingOf(account) === 'active' ? '' : `\nIt is ${WORDS[standingOf(account)][0]}: vigil accounts list`
    chosen = account
    return {
      text: withCurrent(text, slot),
      said: `${slot} is current. A session with it: ${startCommand(account, home)}${warning}`,
    }
  })
  const account = chosen as Account | null
  if (account === null || process.exitCode !== undefined) return
  // What a shell sources and the link lead to the same account.
  await guarded('use', async ({ paths }) => {
    const { pointAt } = await import('../lib/flows/point-at.ts')
    await pointAt(account, paths)
  })
}

class Refusal extends Error {}

type Edited = { text: string; said: string } | string

async function change(
  command: string,
  slot: string,
  edit: (text: string, account: Account, now: number, home: string, registry: Registry) => Promise<Edited>,
): Promise<void> {
  await guarded(command, async ({ paths }) => {
    const now = Date.now()
    let said = ''
    const outcome = await editRegistry(paths, 'accounts', now, async (text, registry) => {
      if (text === '') return { left: 'none' as const }
      const account = registry.accounts.find(known => known.slot === slot)
      if (account === undefined) {
        const names = registry.accounts.map(known => known.slot).join(', ')
        said = `there is no slot "${slot}"; there are ${names || 'none'}`
        return { left: 'noSuchSlot' as const }
      }
      const edited = await edit(text, account, now, paths.home, registry)
      if (typeof edited === 'string') {
        said = edited
        return { left: 'unchanged' as const }
      }
      said = edited.said
      return edited.text
    })
    if (outcome === 'none') fail(command, NO_REGISTRY, FAILED)
    else if (outcome === 'noSuchSlot') fail(command, said, WRONG_USAGE)
    else say(said)
  })
}

async function guarded(command: string, work: (environment: Environment) => Promise<void>): Promise<void> {
  try {
    process.umask(0o077)
    await work(readEnvironment())
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (error instanceof SettingsError) fail(command, message, SETTINGS_ARE_WRONG)
    else if (error instanceof Refusal) fail(command, message, FAILED)
    else if (code !== undefined && ['EACCES', 'EPERM', 'EROFS'].includes(code)) fail(command, message, NO_PERMISSION)
    else fail(command, message, /too long|meanwhile/.test(message) ? TRY_LATER : FAILED)
  }
}

function say(text: string): void {
  process.stdout.write(`${text}\n`)
}

function fail(command: string, problem: string, code: number): void {
  process.stderr.write(`vigil accounts ${command}: ${problem}\n`)
  process.exitCode = code
}
