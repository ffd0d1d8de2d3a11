// What was spent, in a line or two. A figure that is not fresh never stands without its mark.
import type { Status, StatusBilling } from '../domain/status.ts'
import { displayWidth, flow, type Style, wrapWords } from './ansi.ts'
import type { Look } from './look.ts'
import { ago, wallTime } from './times.ts'

const LABEL = 'cost  '

export function billingLines({ billing }: Status, look: Look): string[] {
  if (billing === null) return []
  const { paint, signs, width } = look
  const facts = [
    paint(`today ${money(billing.cost_today_usd, billing, look)}`, ...styleOf(billing.budgets.daily.used_percent)) +
      ofBudget(billing.budgets.daily),
    ...blockFacts(billing, look),
    ...(billing.cost_week_usd === null
      ? []
      : [`week ${money(billing.cost_week_usd, billing, look)}${ofBudget(billing.budgets.weekly)}`]),
  ]
  const room = width - LABEL.length
  const between = paint(signs.between, 'dim')
  const rows = [...flow(facts, between, room), ...flow(ageFacts(billing, look), between, room)].flatMap(row =>
    displayWidth(row) > room ? wrapWords(row, room) : [row],
  )
  return rows.map((row, index) => (index === 0 ? paint(LABEL, 'dim') : ' '.repeat(LABEL.length)) + row)
}

function blockFacts(billing: StatusBilling, look: Look): string[] {
  const { block, budgets } = billing
  if (block === null) return []
  const facts = [`block ${money(block.cost_usd, billing, look)}${ofBudget(budgets.block)}`]
  if (block.burn_rate_usd_per_hour !== null) facts.push(`${money(block.burn_rate_usd_per_hour, billing, look)} an hour`)
  if (block.projected_cost_usd !== null)
    facts.push(`${money(block.projected_cost_usd, billing, look)} by ${wallTime(block.ends_at, look.clock)}`)
  return facts
}

function ageFacts(billing: StatusBilling, { paint, clock }: Look): string[] {
  const by = { ccusage: 'at API prices, by ccusage', subscription: 'typed in by hand', oauth: 'paid use only' }
  const facts = billing.source === null ? [] : [paint(by[billing.source], 'dim')]
  if (billing.measured_at !== null) {
    const style: Style = billing.freshness.state === 'fresh' ? 'dim' : 'yellow'
    facts.push(paint(`measured ${ago(billing.measured_at, clock.now)}`, style))
  }
  return facts
}

function money(amount: number | null, { freshness }: StatusBilling, { signs }: Look): string {
  if (amount === null || freshness.state === 'absent') return signs.unknown
  const text = `$${amount.toFixed(2)}`
  if (freshness.state === 'fresh') return text
  return freshness.state === 'stale' ? `${signs.stale} ${text}` : `${signs.unreliable} ${signs.atLeast}${text}`
}

function ofBudget({ limit_usd: limit, used_percent: percent }: StatusBilling['budgets']['daily']): string {
  if (limit === null) return ''
  return ` of $${limit}${percent === null ? '' : ` (${Math.floor(percent)} %)`}`
}

function styleOf(percent: number | null): Style[] {
  if (percent === null || percent < 80) return []
  return [percent < 100 ? 'yellow' : 'red']
}
