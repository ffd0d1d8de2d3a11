// The completion as each shell does it, set up as the README says, in a real terminal: keys go in, the line is looked at.
import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { REPO, runProcess } from '../support/scratch-vigil.ts'
import * as tools from './tools.ts'

tools.needs('tmux', 'tmux')
tools.needs('zsh', 'zsh')
tools.needs('fish', 'fish')

const START = {
  bash: { '.bashrc': `PS1='READY '\neval "$(vigil completion bash)"` },
  zsh: { '.zshrc': `PS1='READY '\nautoload -Uz compinit\ncompinit\neval "$(vigil completion zsh)"` },
  fish: {
    '.config/fish/config.fish':
      'function fish_prompt\n  echo -n "READY "\nend\nset fish_greeting\nset fish_autosuggestion_enabled 0',
  },
}

/** A home with two accounts and the three shells' start files. */
async function open(lifetime: tools.Lifetime) {
  const vigil = await tools.scratch(lifetime, { count: 2, expiresInMin: 300 })
  const put = (name: string, text: string) => {
    mkdirSync(dirname(join(vigil.home, name)), { recursive: true })
    writeFileSync(join(vigil.home, name), `${text}\n`, { mode: 0o600 })
  }
  const dirs = ['~/.claude', '~/.claude-0001']
  const accounts = ['home-office', 'work'].map((slot, n) => `  ${slot}: { config_dir: ${dirs[n]}, status: active }`)
  put('.claude/config/claude-sessions.yaml', `current: work\naccounts:\n${accounts.join('\n')}`)
  mkdirSync(join(vigil.home, 'my logins'))
  mkdirSync(join(vigil.home, 'bin'))
  symlinkSync(join(REPO, 'bin/vigil'), join(vigil.home, 'bin/vigil'))
  for (const files of Object.values(START)) for (const [name, text] of Object.entries(files)) put(name, text)
  const env = { ...vigil.env, PATH: `${vigil.home}/bin:/usr/bin:/bin`, LANG: 'C.UTF-8', TERM: 'screen' }
  const script = await runProcess([join(vigil.home, 'bin/vigil'), 'completion', 'fish'], env)
  expect(script).toMatchObject({ code: 0, stderr: '' })
  put('.config/fish/completions/vigil.fish', script.stdout)
  return { vigil, env }
}

const LINES = [
  ['vigil acc', 'vigil accounts Z'],
  ['vigil run ref', 'vigil run refresh-tokens Z'],
  ['vigil run --force jan', 'vigil run --force janitor Z'],
  ['vigil log watchdog --sin', 'vigil log watchdog --since Z'],
  ['vigil alerts silence --f', 'vigil alerts silence --for Z'],
  ['vigil accounts use wo', 'vigil accounts use work Z'],
  ['vigil accounts pause ho', 'vigil accounts pause home-office Z'],
  ['vigil accounts add ~/my', 'vigil accounts add ~/my\\ logins/Z'],
  ['vigil accounts add --sl', 'vigil accounts add --slot Z'],
  ['vigil completion f', 'vigil completion fish Z'],
  // The words of another command are none here, though one of its name was said.
  ['vigil run failover --rep', 'vigil run failover --repZ'],
  ['vigil why accounts a', 'vigil why accounts aZ'],
] as const

test.for(['bash', 'zsh', 'fish'] as const)(
  '%s completes what is typed',
  { timeout: 120_000 },
  async (shell, lifetime) => {
    const { vigil, env } = await open(lifetime)
    const bin = join(vigil.home, 'tmux')
    writeFileSync(bin, `#!/bin/sh\nexec /usr/bin/tmux -u -f /dev/null -S '${vigil.home}/socket' "$@"\n`)
    chmodSync(bin, 0o755)
    const tmux = (...words: string[]) => runProcess([bin, ...words], env)
    lifetime.onTestFinished(async () => void (await tmux('kill-server')))
    await tmux('new-session', '-d', '-x', '120', '-y', '50', '-c', vigil.home, `/usr/bin/${shell}`, '-i')
    const screen = async () => (await tmux('capture-pane', '-p')).stdout
    const shows = async (what: RegExp) => {
      for (let tries = 0; !what.test(await screen()); tries += 1) {
        if (tries > 500) throw new Error(`${shell} never showed ${what}:\n${(await screen()).trimEnd()}`)
        await sleep(20)
      }
    }
    await shows(/^READY$/m)
    for (const [typed, line] of LINES) {
      await tmux('send-keys', '-l', typed)
      // Whatever comes behind the key that completes is read when that is done.
      await tmux('send-keys', 'Tab')
      await tmux('send-keys', '-l', 'Z')
      await shows(/Z$/m)
      expect((await screen()).trimEnd().split('\n').at(-1)).toBe(`READY ${line}`)
      await tmux('send-keys', 'C-u')
      await shows(/READY\s*$/)
    }
    await tmux('send-keys', '-l', 'vigil run fetch-')
    await tmux('send-keys', 'Tab')
    await tmux('send-keys', 'Tab')
    await shows(/fetch-billing\s+fetch-quota|fetch-quota\s+fetch-billing/)
  },
)

test('fish offers what may stand there, and nothing else', async lifetime => {
  const { env } = await open(lifetime)
  const offered = async (line: string) => {
    const { code, stdout, stderr } = await runProcess(['/usr/bin/fish', '-c', `complete -C '${line}'`], env)
    expect([code, stderr]).toEqual([0, ''])
    return stdout.split('\n').flatMap(entry => entry.split('\t')[0] || [])
  }
  expect(await offered('vigil run fetch')).toEqual(['fetch-billing', 'fetch-quota'])
  expect(await offered('vigil accounts ')).toEqual(['add', 'list', 'pause', 'resume', 'use'])
  expect(await offered('vigil accounts use ')).toEqual(['home-office', 'work'])
  expect(await offered('vigil doctor --')).toEqual(['--fix', '--help', '--json'])
  expect(await offered('vigil why failover --')).toEqual(['--help', '--hours'])
  expect(await offered('vigil nonsense s')).not.toContain('silence')
})
