// The programs that Vigil runs on, and those that it reads. Pure.
import type { Finding } from './finding.ts'

export interface SeenPrograms {
  /** As `process.version` says it. */
  node: string
  /** What package.json pins. */
  pinnedNode: string
  /** Why a kernel lock cannot be had by SQLite; null = it can. */
  lockProblem: string | null
  /** Why ccusage cannot be run; null = it can. */
  ccusageProblem: string | null
  /** Of Claude Code; null = not found, or it does not say. */
  claude: string | null
}

/** The Claude Code whose files and locks docs describe; another minor version may have others. */
const KNOWN_CLAUDE = '2.1'

export function checkPrograms({ node, pinnedNode, lockProblem, ccusageProblem, claude }: SeenPrograms): Finding[] {
  const findings: Finding[] = []
  const major = (version: string) => version.replace(/^v/, '').split('.')[0]
  if (major(node) !== major(pinnedNode))
    findings.push({
      check: 'node',
      severity: 'error',
      what: 'this is not the Node that Vigil is made for',
      evidence: `${node}, not ${pinnedNode}`,
      remedy: 'npm ci   # in the checkout; then start it by bin/vigil',
    })
  if (lockProblem !== null)
    findings.push({
      check: 'locks',
      severity: 'error',
      what: 'no lock can be had',
      evidence: lockProblem,
      remedy: 'npm ci',
    })
  if (ccusageProblem !== null)
    findings.push({
      check: 'ccusage',
      severity: 'error',
      what: 'ccusage cannot be run, so nothing of billing is measured',
      evidence: ccusageProblem,
      remedy: 'npm ci   # in the checkout',
    })
  if (claude !== null && claude.split('.').slice(0, 2).join('.') !== KNOWN_CLAUDE)
    findings.push({
      check: 'claude',
      severity: 'info',
      what: 'this Claude Code is another one than Vigil was tried with',
      evidence: `${claude}, and known is ${KNOWN_CLAUDE}`,
      remedy: 'look at the next runs: vigil status',
    })
  return findings
}
