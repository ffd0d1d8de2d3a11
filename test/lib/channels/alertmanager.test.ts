import { describe, expect, it } from 'vitest'
import { alertmanagerAlerts } from '../../../lib/channels/alertmanager.ts'
import type { AlertState } from '../../../lib/domain/alert.ts'
import { NOW, state } from '../../support/messages.ts'

const MINUTE_MS = 60_000
const told = (changes: Partial<AlertState> = {}, minSeverity: 'info' | 'warning' | 'critical' = 'info') =>
  alertmanagerAlerts([state(changes)], { minSeverity, hostname: 'box' }, NOW)

describe('what an Alertmanager is told', () => {
  it('is each alert that fires, with an end that the next runs put off', () => {
    expect(told()).toEqual([
      {
        labels: {
          alertname: 'AccountInactive',
          severity: 'warning',
          slot: 'slot-2',
          service: 'vigil',
          instance: 'box',
        },
        annotations: {
          summary: 'The login of slot-2 is over',
          description: 'Anthropic answered invalid_grant',
          remedy: 'CLAUDE_CONFIG_DIR=~/.claude-work claude /login',
          affects: 'its quota is no longer measured',
        },
        startsAt: '2026-11-24T13:00:00.000Z',
        endsAt: '2026-11-24T15:15:00.000Z',
      },
    ])
  })
  it.each([
    [{ phase: 'pending' }, null],
    [{ phase: 'recovering' }, '2026-11-24T15:15:00.000Z'],
    [{ phase: 'resolved', resolvedAt: NOW }, '2026-11-24T15:10:00.000Z'],
    [{ phase: 'resolved', resolvedAt: NOW - 5 * MINUTE_MS }, '2026-11-24T15:05:00.000Z'],
    [{ phase: 'resolved', resolvedAt: NOW - 5 * MINUTE_MS - 1 }, null],
  ] as const)('of %j ends at %s', (changes, endsAt) => {
    expect(told(changes)[0]?.endsAt ?? null).toBe(endsAt)
  })
  it('is nothing below the severity that it asked for', () => {
    expect(told({ severity: 'info' }, 'warning')).toEqual([])
    expect(told({ severity: 'warning' }, 'warning')).toHaveLength(1)
    expect(told({ severity: 'critical' }, 'warning')).toHaveLength(1)
  })
  it('never ends before it begins, for then all of them would be refused', () => {
    const [one] = told({ phase: 'resolved', since: NOW, resolvedAt: NOW - MINUTE_MS })
    expect(one!.startsAt <= one!.endsAt).toBe(true)
  })
  it('has names of labels that Prometheus knows', () => {
    const [one] = told({ labels: { 'a-b': 'x' } })
    expect(Object.keys(one!.labels)).toContain('a_b')
  })
})
