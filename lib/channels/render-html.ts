// The mail as HTML: styles inline, for many mail programs drop the rest; no picture, no link, nothing to load.
import type { Severity } from '../domain/alert.ts'
import { escapeEntities } from './markup.ts'
import { isOver, type Line, type Rendered, type Section } from './render.ts'

/** Each reads on white and on black: a program in dark mode may turn the background and leave these. */
const COLORS: Record<Severity | 'over', string> = {
  critical: '#d1242f',
  warning: '#bc6c00',
  info: '#2f6feb',
  over: '#1a7f37',
}
const FONT = "-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif"
const MONO = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"

/** For the programs that do know style sheets. Everything is readable without. */
const DARK = `@media (prefers-color-scheme:dark){
.page{background:#0f1318!important}.card{background:#1a2027!important;border-top-color:#333b45!important;border-right-color:#333b45!important;border-bottom-color:#333b45!important}
.strong{color:#f0f3f6!important}.text{color:#d5dae2!important}.dim{color:#9aa4b2!important}
.command{background:#0f1318!important;color:#f0f3f6!important;border-color:#333b45!important}}`

export function renderHtml({ title, sections }: Rendered): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">
<title>${escapeHtml(title)}</title><style>${DARK}</style></head>
<body class="page" style="margin:0;padding:0;background:#f3f4f6">
<table role="presentation" class="page" width="100%" cellpadding="0" cellspacing="0" border="0" style="background:#f3f4f6"><tr><td align="center" style="padding:16px 12px">
<table role="presentation" width="100%" cellpadding="0" cellspacing="0" border="0" style="max-width:560px;text-align:left">
${sections.map(cardOf).join('\n')}
<tr><td class="dim" style="padding:4px 6px;font:13px/1.5 ${FONT};color:#6b7280">Sent by Vigil on your own machine.</td></tr>
</table></td></tr></table></body></html>
`
}

function cardOf(section: Section): string {
  const { notice, name, mark } = section
  const color = COLORS[isOver(notice) ? 'over' : notice.severity]
  const word = isOver(notice) ? 'over' : notice.severity
  return `<tr><td style="padding:0 0 14px"><table role="presentation" class="card" width="100%" cellpadding="0" cellspacing="0" border="0" style="background:#ffffff;border:1px solid #d9dde3;border-left:5px solid ${color};border-radius:8px"><tr><td style="padding:16px 16px 14px">
<div class="dim" style="font:600 13px/1.4 ${FONT};color:#6b7280">${mark} <span style="color:${color};text-transform:uppercase;letter-spacing:.04em">${word}</span> · ${escapeHtml(name)}</div>
${section.lines.map(lineOf).join('\n')}
</td></tr></table></td></tr>`
}

function lineOf({ kind, text, command }: Line): string {
  const shown = escapeHtml(text)
  const words = (style: string, className: string) =>
    `<div class="${className}" style="${style};overflow-wrap:anywhere">${shown}</div>`
  if (kind === 'what') return words(`margin:6px 0 8px;font:600 19px/1.35 ${FONT};color:#111827`, 'strong')
  if (kind === 'more') return words(`margin:10px 0 0;font:13px/1.5 ${FONT};color:#6b7280`, 'dim')
  if (kind !== 'remedy' || command === null) return words(`margin:3px 0;font:15px/1.5 ${FONT};color:#374151`, 'text')
  return `<div class="text" style="margin:12px 0 4px;font:15px/1.5 ${FONT};color:#374151">To mend it, run:</div>
<div class="command" style="margin:0 0 12px;padding:10px 12px;font:600 15px/1.45 ${MONO};color:#111827;background:#f3f4f6;border:1px solid #d9dde3;border-radius:6px;overflow-wrap:anywhere">${escapeHtml(command)}</div>`
}

function escapeHtml(text: string): string {
  return escapeEntities(text).replaceAll('"', '&quot;')
}
