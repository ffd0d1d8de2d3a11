// Says where an alert would go, and what would be told to nobody.
import { tildePath } from '../lib/domain/account.ts'
import { type Environment, loadDelivery } from '../lib/settings.ts'

export async function sayWhereAlertsGo({ paths }: Environment): Promise<void> {
  const { channels, deadMan } = await loadDelivery(paths)
  const { desktop, email, webhooks, exec } = channels
  const rows = [
    ...(desktop.enabled ? [{ name: 'desktop', least: desktop.minSeverity, how: 'a notice on this machine' }] : []),
    ...(email ? [{ name: 'email', least: email.minSeverity, how: `mail to ${email.to.join(', ')}` }] : []),
    ...webhooks.map(({ name, kind, minSeverity }) => ({ name, least: minSeverity, how: kind })),
    ...exec.map(({ name, minSeverity }) => ({ name, least: minSeverity, how: 'a program of yours' })),
  ]
  const lines = ['', rows.length > 0 ? 'Alerts go to:' : 'Alerts go nowhere.']
  const width = Math.max(0, ...rows.map(({ name }) => name.length))
  for (const { name, how, least } of rows)
    lines.push(
      `  ${name.padEnd(width)}  ${how}${least === 'info' ? '' : `, ${least}${least === 'critical' ? '' : ' and worse'}`}`,
    )
  const file = tildePath(paths.settings, paths.home)
  if (!rows.some(({ name }) => name !== 'desktop')) {
    const why = rows.length > 0 ? 'A notice cannot tell whether anybody saw it' : 'Nobody would be told of anything'
    lines.push(`${why}; set up mail or a phone in ${file}`)
  }
  if (deadMan.watchdog === null)
    lines.push(`When this machine is off, nobody is told: only a dead_man URL in ${file} covers that`)
  lines.push('Try them: vigil alerts test')
  process.stdout.write(`${lines.join('\n')}\n`)
}
