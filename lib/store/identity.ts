// Who is logged in, as Claude Code noted it at login. A help, not a condition: it can lag behind, and it may be missing.
import { join } from 'node:path'
import type { Identity } from '../domain/account.ts'
import { readJson } from '../edges/fs.ts'
import * as v from '../valibot.ts'

/** One line, since it goes into messages and into the registry. */
const word = v.fallback(v.nullable(v.pipe(v.string(), v.regex(/^[^\r\n\0]+$/))), null)

const ClaudeJson = v.object({
  oauthAccount: v.object({
    accountUuid: v.pipe(v.string(), v.minLength(1)),
    emailAddress: word,
    organizationUuid: word,
  }),
})

/**
 * null: not logged in there, or nothing of it can be read. It does *not* mean that the login is over.
 * @param isDefault the default account's file stands in the home folder, beside `~/.claude`, not in it
 */
export async function readIdentity(configDir: string, isDefault: boolean, home: string): Promise<Identity | null> {
  try {
    const reading = readJson(join(isDefault ? home : configDir, '.claude.json'), ClaudeJson)
    if (reading.state !== 'present') return null
    const { accountUuid, emailAddress, organizationUuid } = reading.value.oauthAccount
    return { accountUuid, organizationUuid, email: emailAddress }
  } catch {
    return null // No permission, or a directory in its place: what needs the identity says so itself.
  }
}
