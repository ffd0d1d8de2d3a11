// Real tmux: what a session shows at its end, in panes of several widths, and no false hit on talk about limits.
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { readFailoverEvents } from '../../lib/store/history.ts'
import { runProcess } from '../support/scratch-vigil.ts'
import * as tools from './tools.ts'

tools.needs('tmux', 'tmux')

const CASES = [
  [
    'a banner',
    100,
    "> go on\n  ⎿  You've hit your limit · resets 11:59pm (UTC)\n     /upgrade to increase your usage limit.\n\n> ",
    true,
  ],
  [
    'a banner that Claude Code broke',
    46,
    '  ⎿  Claude usage limit reached. Your limit will\n     reset at 11:59pm (UTC).\n\n',
    true,
  ],
  ['a banner that the pane breaks', 30, '  ⎿  5-hour limit reached ∙ resets 11:59pm (UTC)\n\n', true],
  [
    'a banner below another language',
    80,
    '> 続けてください、お願いします\n  ⎿  Weekly limit reached ∙ resets 11:59pm (UTC)\n',
    true,
  ],
  ['an answer about limits', 100, '● "5-hour limit reached ∙ resets 11:59pm (UTC)" means that you wait.\n', false],
  ['a question about limits', 100, '> what is "5-hour limit reached ∙ resets 11:59pm (UTC)"?\n', false],
  ['a log with the words', 100, '  ⎿  app.log:7: 5-hour limit reached ∙ resets 11:59pm (UTC)\n', false],
  ['another language', 100, '  ⎿  5-Stunden-Limit erreicht ∙ wird um 23:59 zurückgesetzt\n', false],
  ['a 500', 100, '  ⎿  API Error: 500 {"message":"rate limit reached, resets 11:59pm (UTC)"}\n', false],
  ['a session that went on', 100, '  ⎿  5-hour limit reached ∙ resets 11:59pm (UTC)\n> go on\n● Done.\n', false],
] as const

test.for(CASES)('%s, in a real pane', { timeout: 60_000 }, async ([, width, shown, isHit], lifetime) => {
  const settings = 'channels: { desktop: { enabled: false } }\nfailover: { enabled: true, tmux: true }'
  const vigil = await tools.scratch(lifetime, { count: 2, expiresInMin: 300, settings })
  await vigil.run('refresh-tokens')
  const bin = join(vigil.home, 'bin')
  mkdirSync(bin)
  const program = (name: string, text: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  // A server of its own: nobody's panes are looked at.
  program('tmux', `exec /usr/bin/tmux -u -f /dev/null -S '${vigil.home}/tmux' "$@"`)
  writeFileSync(join(vigil.home, 'shown'), shown)
  // It stays a process of that name.
  program('claude', `cat '${vigil.home}/shown'; sleep 50 & wait`)
  const env = { ...vigil.env, PATH: `${bin}:/usr/bin:/bin`, LANG: 'C.UTF-8' }
  const tmux = (...words: string[]) => runProcess([join(bin, 'tmux'), ...words], env)
  lifetime.onTestFinished(async () => void (await tmux('kill-server')))
  await tmux(
    'new-session',
    '-d',
    '-x',
    String(width),
    '-y',
    '40',
    '-e',
    `CLAUDE_CONFIG_DIR=${vigil.dir(1)}`,
    join(bin, 'claude'),
  )
  const last = shown.trim().split('\n').at(-1)!.slice(-8)
  const isShown = async () => (await tmux('capture-pane', '-p', '-J')).stdout.includes(last.trim())
  for (let tries = 0; !(await isShown()); tries += 1) {
    if (tries > 500) throw new Error('The pane never showed it.')
    await sleep(20)
  }
  expect(await vigil.run('failover', env)).toMatchObject({ code: 0, stderr: '' })
  const hits = readFailoverEvents(vigil.paths.history, 0)!.filter(({ event }) => event === 'hit')
  expect(hits.map(({ slot, reason }) => `${slot} ${reason}`)).toEqual(isHit ? ['slot-2 tmux: banner'] : [])
  expect(readFileSync(vigil.paths.failover, 'utf8').includes('"tmux"')).toBe(isHit)
})
