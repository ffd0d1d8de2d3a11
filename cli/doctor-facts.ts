// What `vigil doctor` looks at of logins, settings, schedule, channels and programs. It writes nothing, refreshes nothing
// and sends nothing; only the mail server is asked whether it would take mail.
import { accessSync, constants, existsSync, realpathSync, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { fileURLToPath } from 'node:url'
import type { SeenChannels } from '../lib/doctor/check-channels.ts'
import type { SeenLogin } from '../lib/doctor/check-logins.ts'
import type { SeenPrograms } from '../lib/doctor/check-programs.ts'
import type { SeenSchedule } from '../lib/doctor/check-schedule.ts'
import type { SeenSecret } from '../lib/doctor/check-settings.ts'
import { type Account, loginCommand, standingOf, tildePath } from '../lib/domain/account.ts'
import { needsRefresh } from '../lib/domain/credential.ts'
import type { ClockError } from '../lib/domain/slot.ts'
import { readSecret, type SecretContext } from '../lib/edges/secret.ts'
import { copiedFrom, type FoundLogin, loginIn } from '../lib/flows/discover-logins.ts'
import { readInstalled } from '../lib/install/apply.ts'
import { ask, type Machine, seemsToRunCron } from '../lib/install/machine.ts'
import { inUse, rootsInUse } from '../lib/install/plan.ts'
import { placeNamed } from '../lib/install/start-script.ts'
import type { Paths } from '../lib/paths.ts'
import type { Environment } from '../lib/settings.ts'
import type { AllSettings } from '../lib/settings-defaults.ts'
import { findCcusage } from '../lib/sources/ccusage-program.ts'
import { fingerprint, readLoginState } from '../lib/store/login-states.ts'
import { readSlot } from '../lib/store/quota.ts'
import { isSpent } from '../lib/store/spent-tokens.ts'
import { claudeVersion } from './doctor-files.ts'

const MAIL_SERVER_MS = 10_000

/** @param scratch takes what macOS' `security` says on stderr, for nothing is written in session-health */
export async function lookAtLogins(
  { paths, childEnv }: Environment,
  accounts: readonly Account[],
  scratch: string,
  now: number,
): Promise<SeenLogin[]> {
  const found: FoundLogin[] = []
  const seen: SeenLogin[] = []
  for (const account of accounts) {
    if (standingOf(account) === 'pausedByPerson') continue
    const login = await loginIn(account, {
      paths: { ...paths, logs: scratch },
      environment: { childEnv },
      job: 'doctor',
    })
    const { reading } = login
    const copy = reading.state === 'present' ? copiedFrom(login, found) : null
    found.push(login)
    const credential = reading.state === 'present' ? reading.credential : null
    const state = readLoginState(paths.logins, account)
    seen.push({
      slot: account.slot,
      dir: tildePath(account.configDir, paths.home),
      command: loginCommand(account, paths.home),
      isDir: statSync(account.configDir, { throwIfNoEntry: false })?.isDirectory() ?? false,
      state: reading.state,
      trouble: 'detail' in reading ? { detail: reading.detail, remedy: reading.remedy } : null,
      loggedOut: credential !== null && needsRefresh(credential, now, 0) === 'loggedOut',
      canBeRenewed: Boolean(credential?.refreshToken),
      scopes: credential?.scopes ?? null,
      endsAt: credential?.refreshTokenExpiresAt ?? null,
      isSpent: Boolean(credential?.refreshToken) && isSpent(paths.logins, fingerprint(credential!.refreshToken!)),
      copyOf: copy && tildePath(copy.original, paths.home),
      lasted: state.lasted,
    })
  }
  return seen
}

/** `file:` is read as a job would; an `env:` or `cmd:` is only named, for ours is not the schedule's environment. */
export async function lookAtSecrets(settings: AllSettings, context: SecretContext): Promise<SeenSecret[]> {
  const { email, webhooks } = settings.channels
  const specs: Array<[key: string, spec: string | null]> = [
    ['channels.email.smtp.password', email?.smtp.password ?? null],
    ...webhooks.flatMap(
      ({ name, token, urls, kind }): Array<[string, string | null]> => [
        [`the token of ${name}`, token],
        // Of these the address is the secret; of the others it may be told.
        [
          `the url of ${name}`,
          ['slack', 'discord', 'telegram'].includes(kind) || !/^https?:/.test(urls[0]) ? urls[0] : null,
        ],
      ],
    ),
  ]
  const seen: SeenSecret[] = []
  for (const [key, spec] of specs) {
    if (spec === null) continue
    const kind = (/^(file|env|cmd):/.exec(spec)?.[1] ?? 'plain') as SeenSecret['kind']
    const reading = kind === 'file' ? await readSecret(spec, context) : null
    seen.push({ key, kind, trouble: reading === null || reading.ok ? null : reading.reason })
  }
  return seen
}

export async function lookAtSchedule({ paths }: Environment, machine: Machine): Promise<SeenSchedule> {
  const installed = await readInstalled(machine, paths.health)
  const own = checkout()
  // Lines that were put in by hand count as well.
  const byHand = Buffer.from(installed.crontab ?? '', 'latin1')
    .toString('utf8')
    .split('\n')
  const named = byHand.filter(line => !line.startsWith('#')).map(placeNamed)
  const roots = new Set([...rootsInUse(installed), ...named.filter(root => root !== null)])
  const by = new Set([...inUse(installed), ...(named.some(root => root !== null) ? ['cron'] : [])])
  return {
    by: [...by],
    roots: [...roots].map(root => ({
      shown: tildePath(root, paths.home),
      isThere: existsSync(join(root, 'jobs', 'watchdog.ts')),
      isThis: existsSync(root) && realpathSync(root) === own,
    })),
    cronRuns: seemsToRunCron(),
  }
}

/** The latest of what the answers said; null = none did. */
export function lookAtClock(paths: Paths, accounts: readonly Account[]): ClockError | null {
  const seen = accounts.flatMap(({ slot, configDir }) => readSlot(paths, slot, configDir).slot.clock ?? [])
  return seen.toSorted((a, b) => b.measuredAt - a.measuredAt)[0] ?? null
}

/** The command lines of this user's processes. */
export async function listCommands(machine: Machine): Promise<string[]> {
  const { exitCode, stdout } = await ask(machine, ['ps', '-U', String(machine.uid), '-o', 'args='])
  if (exitCode !== 0) throw new Error('ps does not list the processes')
  return stdout.split('\n')
}

export async function lookAtChannels(
  { channels, delivery, deadMan }: AllSettings,
  machine: Machine,
  context: SecretContext,
): Promise<SeenChannels> {
  const { email, desktop } = channels
  return {
    anyConfirms: delivery.channels.some(({ confirms }) => confirms),
    hasDeadMan: deadMan.watchdog !== null,
    desktop: desktop.enabled ? { problem: machine.platform === 'linux' ? desktopProblem(machine) : null } : null,
    smtp: email === null ? null : { server: email.smtp.host, problem: await smtpProblem(email.smtp, context) },
  }
}

function desktopProblem({ uid, path }: Machine): string | null {
  if (!existsSync(`/run/user/${uid}/bus`)) return 'no D-Bus of a desktop session: nobody is logged in there'
  return isOnPath('notify-send', path) === null
    ? 'notify-send is not installed (Debian: apt install libnotify-bin)'
    : null
}

async function smtpProblem(
  { host, port, user, password }: NonNullable<AllSettings['channels']['email']>['smtp'],
  context: SecretContext,
): Promise<string | null> {
  const signal = AbortSignal.timeout(MAIL_SERVER_MS)
  const { tryMailServer } = await import('../lib/channels/email-handshake.ts')
  if (user === null || password === null) return tryMailServer({ host, port, login: null }, signal)
  const [name, pass] = [await readSecret(user, context), await readSecret(password, context)]
  if (!name.ok) return `its user cannot be had: ${name.reason}`
  if (!pass.ok) return `its password cannot be had: ${pass.reason}`
  return tryMailServer({ host, port, login: { user: name.secret, pass: pass.secret } }, signal)
}

export function lookAtPrograms(path: string, home: string, pinnedNode: string): SeenPrograms {
  const ccusage = findCcusage(path, undefined, 'look')
  const claude = isOnPath('claude', [path, join(home, '.local/bin'), join(home, '.claude/local')].join(delimiter))
  return {
    node: process.version,
    pinnedNode,
    lockProblem: lockProblem(),
    ccusageProblem: ccusage.kind === 'found' ? null : ccusage.reason,
    claude: claude === null ? null : claudeVersion(realpathSync(claude)),
  }
}

/** In memory: a lock on the disk would be a file. */
function lockProblem(): string | null {
  try {
    const database = new DatabaseSync(':memory:')
    database.exec('BEGIN EXCLUSIVE')
    database.close()
    return null
  } catch (error) {
    return (error as Error).message
  }
}

function isOnPath(name: string, path: string): string | null {
  for (const folder of path.split(delimiter)) {
    try {
      accessSync(join(folder, name), constants.X_OK)
      return join(folder, name)
    } catch {
      // Not in this one.
    }
  }
  return null
}

export function checkout(): string {
  return realpathSync(fileURLToPath(new URL('..', import.meta.url)))
}
