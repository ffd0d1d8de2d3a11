import { existsSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { appleScript, type Desktop, linuxArguments, noticeOf, showOnDesktop } from '../../../lib/channels/desktop.ts'
import { message, notice, ZONE } from '../../support/messages.ts'

const signal = new AbortController().signal
const servers: Server[] = []
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

/** A desktop whose notify-send is a script of the test. */
function desktop(script: string | null, changes: Partial<Desktop> = {}): Desktop {
  const home = mkdtempSync(join(homedir(), 'desktop-'))
  mkdirSync(join(home, 'bin'))
  mkdirSync(join(home, 'run'))
  if (script !== null) writeFileSync(join(home, 'bin/notify-send'), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  return {
    platform: 'linux',
    uid: process.getuid!(),
    runtimeDir: join(home, 'run'),
    childEnv: { HOME: home, PATH: script === null ? join(home, 'bin') : `${join(home, 'bin')}:/usr/bin:/bin` },
    stderrPath: join(home, 'err'),
    timeZone: ZONE,
    ...changes,
  }
}
async function withBus(one: Desktop): Promise<Desktop> {
  const server = createServer()
  servers.push(server)
  await new Promise<void>(resolve => server.listen(join(one.runtimeDir, 'bus'), resolve))
  return one
}
const homeOf = (one: Desktop) => one.childEnv['HOME']!

describe('a notice', () => {
  it('has the finding as its title, and below what a glance needs', () => {
    expect(noticeOf(message(), ZONE)).toMatchObject({
      title: '🟠 The login of slot-2 is over',
      text: [
        '– Anthropic answered invalid_grant',
        'Since 14:00 (2 h 10 min).',
        'Account: slot-2',
        'Run: CLAUDE_CONFIG_DIR=~/.claude-work claude /login',
        'Also affected: its quota is no longer measured',
      ].join('\n'),
      urgency: 'normal',
    })
    expect(noticeOf(message([notice({ severity: 'critical' })])).urgency).toBe('critical')
    expect(noticeOf(message([notice({ severity: 'info' })])).urgency).toBe('low')
  })
  it('takes the place of its own earlier one, and of no other', () => {
    const tag = (changes: Parameters<typeof notice>[0]) => noticeOf(message([notice(changes)])).tag
    expect(tag({ kind: 'resolved', episode: 9 })).toBe(tag({}))
    expect(tag({ key: 'AccountInactive{slot-3}' })).not.toBe(tag({}))
  })
})

describe('on Linux', () => {
  it('without a bus of ours it is unavailable, and never sent', async () => {
    const one = desktop('touch "$HOME/ran"')
    const unavailable = {
      outcome: 'retry',
      detail: 'unavailable: nobody is logged in at the desktop',
      retryAfterMs: null,
    }
    expect(await showOnDesktop(one, message(), signal)).toEqual(unavailable)
    writeFileSync(join(one.runtimeDir, 'bus'), '')
    expect(await showOnDesktop(one, message(), signal)).toEqual(unavailable)
    const foreign = await withBus(desktop('touch "$HOME/ran"', { uid: 4242 }))
    expect(await showOnDesktop(foreign, message(), signal)).toEqual(unavailable)
    expect([one, foreign].map(each => existsSync(join(homeOf(each), 'ran')))).toEqual([false, false])
  })
  it('it is handed over with the address of the bus, and never confirmed', async () => {
    const one = await withBus(desktop('env >"$HOME/env"; printf "%s\\n" "$@" >"$HOME/args"'))
    expect(await showOnDesktop(one, message(), signal)).toEqual({
      outcome: 'unconfirmed',
      detail: 'handed to the desktop',
    })
    const env = readFileSync(join(homeOf(one), 'env'), 'utf8')
    expect(env).toContain(`DBUS_SESSION_BUS_ADDRESS=unix:path=${one.runtimeDir}/bus\n`)
    expect(env).toContain('LC_ALL=C.UTF-8\n')
    const args = readFileSync(join(homeOf(one), 'args'), 'utf8').split('\n')
    expect(args.slice(0, 5)).toEqual(['-u', 'normal', '-a', 'Vigil', '-r'])
    expect(args[args.indexOf('--') + 1]).toBe('🟠 The login of slot-2 is over')
  })
  it('an older notify-send is asked again without what it does not know', async () => {
    const one = await withBus(
      desktop('echo x >>"$HOME/calls"; case "$*" in *" -r "*) echo "Unknown option -r" >&2; exit 1;; esac'),
    )
    expect((await showOnDesktop(one, message(), signal)).outcome).toBe('unconfirmed')
    expect(readFileSync(join(homeOf(one), 'calls'), 'utf8')).toBe('x\nx\n')
  })
  it('a bus without anyone who shows notices is unavailable, with what it said', async () => {
    const one = await withBus(desktop('echo "The name was not provided by any .service files" >&2; exit 1'))
    expect(await showOnDesktop(one, message(), signal)).toMatchObject({
      outcome: 'retry',
      detail: 'unavailable: notify-send exited with 1: The name was not provided by any .service files',
    })
  })
  it('without notify-send a person has to install it', async () => {
    const one = await withBus(desktop(null))
    expect(await showOnDesktop(one, message(), signal)).toMatchObject({
      outcome: 'refused',
      detail: expect.stringContaining('libnotify-bin'),
    })
  })
  it('text is never an option, never markup, and never an escape', () => {
    const args = linuxArguments({ title: '--help', text: '<b>a</b> & C:\\new', urgency: 'low', tag: 'f'.repeat(16) })
    expect(args.slice(-3)).toEqual(['--', '--help', '&lt;b&gt;a&lt;/b&gt; &amp; C:\\\\new'])
  })
  it.each(['0000000000000000', 'ffffffffffffffff', '3000000000000000'])(
    'the id of %s is one that no server counts up to',
    tag => {
      const id = Number(linuxArguments({ title: 't', text: '', urgency: 'low', tag })[5])
      expect(id).toBeGreaterThanOrEqual(0x4000_0000)
      expect(id).toBeLessThan(0x8000_0000)
    },
  )
})

describe('elsewhere', () => {
  it('the bundled notifier shows it, with a text that it takes for no option', async () => {
    const shown: string[] = []
    const mac = desktop(null, {
      platform: 'darwin',
      notifyBundled: async ({ title, text }) => void shown.push(title, text),
    })
    const told = message([notice({ text: { summary: 's', details: [], remedy: null, affects: null } })])
    expect((await showOnDesktop(mac, told, signal)).outcome).toBe('unconfirmed')
    expect(shown).toEqual(['🟠 s', 'Since 14:00 (2 h 10 min).\nAccount: slot-2'])
    await showOnDesktop(mac, message(), signal)
    expect(shown[3]).toMatch(/^\u200b– Anthropic/)
  })
  it('Windows says why it could not', async () => {
    const fails = async () => Promise.reject(new Error('no toast\nstack'))
    expect(
      await showOnDesktop(desktop(null, { platform: 'win32', notifyBundled: fails }), message(), signal),
    ).toMatchObject({
      outcome: 'retry',
      detail: 'unavailable: no toast',
    })
  })
  it("macOS's own gets the words as arguments, and never as a script", () => {
    const words = appleScript({ title: '" & do shell script "x', text: '-e', urgency: 'low', tag: '' })
    expect(words[0]).toBe('/usr/bin/osascript')
    expect(words.slice(-2)).toEqual(['" & do shell script "x', '-e'])
    expect(words.slice(0, -2).join(' ')).not.toContain('do shell')
  })
  it('macOS falls back to its own where the bundled one cannot run', async () => {
    const fails = async () => Promise.reject(new Error('bad CPU type'))
    const result = await showOnDesktop(desktop(null, { platform: 'darwin', notifyBundled: fails }), message(), signal)
    // There is none on this machine; what matters is that it was asked.
    if (process.platform !== 'darwin') expect(result.detail).toContain('osascript cannot be started')
  })
})
