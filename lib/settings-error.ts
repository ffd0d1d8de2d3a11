/** Settings or registry that cannot be used, all problems at once. Exit code 78. */
export class SettingsError extends Error {
  readonly problems: string[]
  /** @param file its name, not its path: messages hold no home path */
  constructor(file: string, problems: string[]) {
    const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
    super(`${file} has ${count}; nothing was changed:\n${problems.map(problem => `  ${problem}`).join('\n')}`)
    this.name = 'SettingsError'
    this.problems = problems
  }
}
