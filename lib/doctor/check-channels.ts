// Whether an alert would reach anybody. Pure; nothing was sent to find out.
import type { Finding } from './finding.ts'

export interface SeenChannels {
  /** Whether any channel can say that a message arrived. */
  anyConfirms: boolean
  hasDeadMan: boolean
  /** null = it is turned off. */
  desktop: { problem: string | null } | null
  /** null = there is none. */
  smtp: { server: string; problem: string | null } | null
}

export function checkChannels({ anyConfirms, hasDeadMan, desktop, smtp }: SeenChannels, edit: string): Finding[] {
  const findings: Finding[] = []
  if (smtp !== null && smtp.problem !== null)
    findings.push({
      check: 'smtp',
      severity: 'error',
      what: `${smtp.server} would take no mail of ours`,
      evidence: smtp.problem,
      remedy: `${edit}   # mend channels.email, then: vigil alerts test`,
    })
  if (desktop !== null && desktop.problem !== null)
    findings.push({
      check: 'desktop',
      severity: anyConfirms ? 'info' : 'warning',
      what: 'no notice can be shown on the desktop',
      evidence: desktop.problem,
      remedy: `${edit}   # channels: { desktop: { enabled: false } }, or log in there`,
    })
  if (!anyConfirms)
    findings.push({
      check: 'channels',
      severity: 'warning',
      what: 'no channel can say that an alert arrived',
      evidence: desktop === null ? 'none is set up' : 'there is only the desktop, and nobody may be there',
      remedy: `${edit}   # set up mail or a phone, then: vigil alerts test`,
    })
  if (!hasDeadMan)
    findings.push({
      check: 'dead_man',
      severity: 'info',
      what: 'nobody is told when this machine is off',
      evidence: 'no dead_man URL in vigil.yaml',
      remedy: edit,
    })
  return findings
}
