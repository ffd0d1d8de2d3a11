// A switch to another account that is under way: enough to finish it, or to put everything back, after a kill at any step.
import * as v from '../valibot.ts'

/** `switch.json`. It is written before anything is changed and removed after everything is. Times ms. */
export const SwitchJournal = v.object({
  schema: v.literal(1),
  /** Of its record: the same switch is recorded once. */
  id: v.string(),
  /** `back`: the login there was not the expected one, so everything is put back. */
  phase: v.picklist(['forward', 'back']),
  at: v.number(),
  from: v.string(),
  to: v.string(),
  reason: v.string(),
  /** Until when nobody returns to `from`, and the window it is left for. */
  until: v.number(),
  window: v.nullable(v.string()),
  /** `back`: why. */
  failure: v.nullable(v.string()),
})
export type SwitchJournal = v.InferOutput<typeof SwitchJournal>

/** What a shell sources: the environment in which Claude Code uses this account. */
export function currentEnvText({
  slot,
  configDir,
  isDefault,
}: {
  slot: string
  configDir: string
  isDefault: boolean
}): string {
  // Set to ~/.claude is not the same as unset: the Keychain item and .claude.json are others.
  const dir = isDefault ? 'unset CLAUDE_CONFIG_DIR' : `export CLAUDE_CONFIG_DIR=${quoted(configDir)}`
  return `# The current account, by Vigil. Source it before you start Claude Code: . ~/.claude/session-health/current.env\n${dir}\nexport VIGIL_SLOT=${quoted(slot)}\n`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
