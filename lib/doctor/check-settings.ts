// What is wrong with the files that a person writes. Pure.
import type { Finding } from './finding.ts'

export interface SeenFile {
  file: 'vigil.yaml' | 'claude-sessions.yaml'
  /** Every problem with its line; none = it can be used, or is not there. */
  problems: readonly string[]
  /** What opens it. */
  edit: string
}

export function checkPersonsFiles(files: readonly SeenFile[]): Finding[] {
  return files.flatMap(({ file, problems, edit }) =>
    problems.map(problem => ({
      check: 'settings',
      severity: 'error' as const,
      what: `${file} cannot be used, so the jobs stand still`,
      evidence: problem,
      remedy: edit,
    })),
  )
}

export interface SeenSecret {
  /** As vigil.yaml names its place: `channels.email.smtp.password`. */
  key: string
  kind: 'plain' | 'file' | 'env' | 'cmd'
  /** Why it cannot be had; null = it can, or it was not tried. */
  trouble: string | null
}

export function checkSecrets(secrets: readonly SeenSecret[], edit: string): Finding[] {
  return secrets.flatMap(({ key, kind, trouble }): Finding[] => {
    if (kind === 'plain')
      return [
        {
          check: 'secrets',
          severity: 'warning',
          what: `${key} stands openly in vigil.yaml`,
          evidence: 'it is no file:, env: or cmd:',
          remedy: `${edit}   # put it into a file of its own (chmod 600), and write "file:PATH"`,
        },
      ]
    if (trouble !== null)
      return [{ check: 'secrets', severity: 'error', what: `${key} cannot be had`, evidence: trouble, remedy: edit }]
    if (kind === 'env')
      return [
        {
          check: 'secrets',
          severity: 'warning',
          what: `${key} is a variable, and the schedule passes on none of your shell's`,
          evidence: 'env: in vigil.yaml',
          remedy: `${edit}   # write "file:PATH" instead`,
        },
      ]
    return []
  })
}
