import { expect, it } from 'vitest'
import { chooseScheduler } from '../../../lib/install/machine.ts'
import { refuse, type Situation, warnings } from '../../../lib/install/refusals.ts'

const good: Situation = {
  platform: 'linux',
  uid: 1000,
  homeOwner: 1000,
  home: '/home/me',
  vigilHome: '/home/me/.claude',
  place: { root: '/home/me/vigil', home: null, vigilHome: null },
}
const at = (root: string, changes: Partial<Situation> = {}): Situation => ({
  ...good,
  ...changes,
  place: { ...good.place, root },
})

it.each<[string, Situation]>([
  ['a folder of one’s own', good],
  ['Documents where that means nothing', at('/home/me/Documents/vigil')],
  ['a folder of one’s own on a Mac', at('/home/me/vigil', { platform: 'darwin' })],
  ['a name that only begins like a protected one', at('/home/me/Documents2/vigil', { platform: 'darwin' })],
  ['a home with a quote in it, which no line names', { ...good, home: '/home/"me"' }],
  ['a home whose owner nobody knows', { ...good, homeOwner: null }],
])('%s is fine', (_name, situation) => {
  expect(refuse(situation)).toBeNull()
})

it.each<[string, Situation, number, RegExp]>([
  [
    'Documents',
    at('/home/me/Documents/vigil', { platform: 'darwin' }),
    77,
    /^~\/Documents\/vigil is in ~\/Documents, where macOS lets no/,
  ],
  ['Desktop itself', at('/home/me/Desktop', { platform: 'darwin' }), 77, /is in ~\/Desktop/],
  ['Downloads', at('/home/me/Downloads/a/b', { platform: 'darwin' }), 77, /such as to ~\/vigil/],
  [
    'iCloud',
    at('/home/me/Library/Mobile Documents/vigil', { platform: 'darwin' }),
    77,
    /is in ~\/Library\/Mobile Documents/,
  ],
  [
    'figures in Documents',
    { ...good, platform: 'darwin', vigilHome: '/home/me/Documents/v' },
    77,
    /^~\/Documents\/v is in/,
  ],
  ['another user’s home', { ...good, homeOwner: 0 }, 77, /another user's \(is this sudo\?\)/],
  ['a $ in the path', at('/home/me/$x'), 78, /"~\/\$x": it has a \$ in its name/],
  ['a " in VIGIL_HOME', { ...good, place: { ...good.place, vigilHome: '/a"b' } }, 78, /it has a "/],
])('%s is refused', (_name, situation, exitCode, reason) => {
  expect(refuse(situation)).toEqual({ exitCode, reason: expect.stringMatching(reason) })
})

const calm = { platform: 'linux', user: 'me', cronRuns: true, lingers: true } as const
it.each([
  ['cron', calm, []],
  ['systemd', calm, []],
  ['launchd', { ...calm, platform: 'darwin' }, []],
  ['cron', { ...calm, cronRuns: false }, [expect.stringContaining('service cron start')]],
  ['cron', { ...calm, platform: 'darwin' }, [expect.stringContaining('vigil install --launchd')]],
  ['systemd', { ...calm, lingers: false }, [expect.stringContaining('loginctl enable-linger me')]],
] as const)('by %s on %j a person should know %j', (name, surroundings, said) => {
  expect(warnings(name, surroundings)).toEqual(said)
})

it.each([
  ['darwin', false, null, [], 'launchd'],
  ['linux', true, null, [], 'systemd'],
  ['linux', false, null, [], 'cron'],
  ['darwin', false, null, ['cron'], 'cron'],
  ['linux', true, 'cron', ['systemd'], 'cron'],
  ['linux', true, null, ['cron', 'systemd'], 'systemd'],
] as const)(
  'on %s with a user manager: %s, asked for %s, in use %j: %s',
  (platform, hasUserManager, asked, inUse, name) => {
    expect(chooseScheduler({ platform, hasUserManager }, asked, inUse).name).toBe(name)
  },
)
