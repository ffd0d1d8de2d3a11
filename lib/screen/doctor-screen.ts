// `vigil doctor` as a person reads it: what is wrong, what shows it, what mends it, the worst first.
import { type Colour, oneLine, painter, toAscii, wrapCommand, wrapWords } from './ansi.ts'

interface ShownFinding {
  check: string
  severity: 'error' | 'warning' | 'info'
  what: string
  evidence: string
  remedy: string
}

export interface DoctorReport {
  findings: ShownFinding[]
  skipped: Array<{ check: string; reason: string }>
  /** What --fix did. */
  fixed: string[]
}

const COLOURS: Record<ShownFinding['severity'], Colour> = { error: 'red', warning: 'yellow', info: 'cyan' }
const WIDEST = 100

export function renderDoctor(
  { findings, skipped, fixed }: DoctorReport,
  { columns, color, unicode }: { columns: number; color: boolean; unicode: boolean },
): string[] {
  const paint = painter(color)
  const say = (text: string) => (unicode ? oneLine(text) : toAscii(oneLine(text)))
  const width = Math.max(30, Math.min(columns, WIDEST))
  const indented = (text: string) => wrapWords(say(text), width - 2).map(line => `  ${line}`)
  const lines: string[] = []
  for (const { severity, what, evidence, remedy } of findings) {
    const [first = '', ...rest] = wrapWords(say(`${severity}: ${what}`), width)
    lines.push(paint(first, COLOURS[severity], 'bold'), ...rest.map(line => paint(line, COLOURS[severity])))
    lines.push(...indented(evidence).map(line => paint(line, 'dim')))
    lines.push(...wrapCommand(say(remedy), width, '  '), '')
  }
  if (fixed.length > 0) lines.push('Done:', ...fixed.flatMap(indented), '')
  if (skipped.length > 0)
    lines.push('Not looked at:', ...skipped.flatMap(({ check, reason }) => indented(`${check}: ${reason}`)), '')
  const count = (severity: ShownFinding['severity']) => findings.filter(finding => finding.severity === severity).length
  const [errors, warnings] = [count('error'), count('warning')]
  const sum = `${errors} ${errors === 1 ? 'error' : 'errors'}, ${warnings} ${warnings === 1 ? 'warning' : 'warnings'}`
  return [...lines, errors + warnings === 0 ? paint('All is well.', 'green') : sum]
}
