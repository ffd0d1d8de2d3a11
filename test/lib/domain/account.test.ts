import { expect, test } from 'vitest'
import { loginCommand, startCommand } from '../../../lib/domain/account.ts'

test.each([
  ['/home/me/.claude', true, 'claude'],
  ['/home/me/.claude-work', false, 'CLAUDE_CONFIG_DIR=~/.claude-work claude'],
  ['/home/me/Library/My Claude', false, "CLAUDE_CONFIG_DIR=~/'Library/My Claude' claude"],
  ["/srv/it's; rm", false, "CLAUDE_CONFIG_DIR='/srv/it'\\''s; rm' claude"],
])('what starts Claude Code in %s can be pasted into a shell', (configDir, isDefault, command) => {
  expect(startCommand({ configDir, isDefault }, '/home/me')).toBe(command)
  expect(loginCommand({ configDir, isDefault }, '/home/me')).toBe(`${command} /login`)
})
