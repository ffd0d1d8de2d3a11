import { describe, expect, it } from 'vitest'
import type { Account, Identity } from '../../../lib/domain/account.ts'
import { CLOCK_TOLERANCE_MS } from '../../../lib/domain/freshness.ts'
import type { Owner, QuotaObservation } from '../../../lib/domain/quota.ts'
import { buildMergedCache, observationOf } from '../../../lib/domain/quota-cache.ts'
import {
  byLogin,
  checkedOwner,
  emailOf,
  emptySlot,
  type MeasuredAccount,
  ownerOf,
  type SlotOwner,
  takenOver,
} from '../../../lib/domain/slot.ts'

const NOW = 1_795_000_000_000
const MIN = 60_000
const BUDGET = { freshForMs: 10 * MIN, staleAfterMs: 15 * MIN, unreliableAfterMs: 60 * MIN }
const OWN: Owner = { accountUuid: 'anna', organizationUuid: 'own' }
const COMPANY: Owner = { accountUuid: 'anna', organizationUuid: 'company' }
const BEN: Owner = { accountUuid: 'ben', organizationUuid: 'own' }
const NOBODY: Owner = { accountUuid: null, organizationUuid: null }

const account = (slot: string): Account => ({
  slot,
  configDir: `/${slot}`,
  isDefault: false,
  email: 'registry@example.com',
  status: 'active',
  inactiveReason: null,
  inactiveSince: null,
})
const figures = (of: Owner, usedPercent: number, measuredAt = NOW - MIN): QuotaObservation => ({
  measuredAt,
  source: 'oauth',
  accountUuid: of.accountUuid,
  organizationUuid: of.organizationUuid,
  windows: [{ name: 'five_hour', scope: null, usedPercent, resetsAt: null }],
  extraUsage: null,
})
const measured = (slot: string, owner: Owner | null, observation: QuotaObservation | null): MeasuredAccount => ({
  account: account(slot),
  slot: { ...emptySlot(slot, `/${slot}`), observation },
  owner,
})
const shown = (...all: MeasuredAccount[]) =>
  all.map(one => observationOf(one, byLogin(all), NOW)?.windows[0]?.usedPercent ?? null)

describe('whose figures an account shows', () => {
  it('its own, and those of a second slot with the same login, whichever are newer', () => {
    expect(shown(measured('a', OWN, figures(OWN, 10, NOW - 2 * MIN)), measured('b', OWN, figures(OWN, 20)))).toEqual([
      20, 20,
    ])
  })
  it('not those of the same person in another organization, in its own slot or in a second one', () => {
    expect(shown(measured('a', OWN, figures(OWN, 10)), measured('b', COMPANY, figures(COMPANY, 97)))).toEqual([10, 97])
    expect(shown(measured('a', OWN, figures(COMPANY, 97)), measured('b', OWN, null))).toEqual([null, null])
  })
  it('not those of another person', () => {
    expect(shown(measured('a', OWN, figures(BEN, 97)))).toEqual([null])
  })
  it('ownerless ones only while nobody knows whose login it is', () => {
    expect(shown(measured('a', null, figures(NOBODY, 97)))).toEqual([97])
    expect(shown(measured('a', OWN, figures(NOBODY, 97)))).toEqual([null])
    expect(shown(measured('a', OWN, null), measured('b', null, figures(NOBODY, 97)))).toEqual([null, 97])
  })
  it('where only the organization is known, its own of that one, and never shares them', () => {
    const someone: Owner = { accountUuid: null, organizationUuid: 'company' }
    expect(
      shown(
        measured('a', someone, figures(someone, 97)),
        measured('b', someone, figures(OWN, 10)),
        measured('c', COMPANY, null),
      ),
    ).toEqual([97, null, null])
  })
})

describe('figures from the future', () => {
  it.each([
    [-1, 12],
    [0, 12],
    [1, 90],
  ])('at the tolerance %i ms', (offset, expected) => {
    const ahead = figures(OWN, 12, NOW + CLOCK_TOLERANCE_MS + offset)
    expect(shown(measured('a', OWN, figures(OWN, 90)), measured('b', OWN, ahead))).toEqual([expected, expected])
  })
  it('stand where there are no others, and are not called fresh', () => {
    const all = [measured('a', OWN, figures(OWN, 12, NOW + 60 * MIN))]
    expect(buildMergedCache(all, null, NOW, BUDGET).slots['a']).toMatchObject({ five_hour_util: 12, is_fresh: false })
  })
})

describe('whose login it is', () => {
  const claimed: Identity = { accountUuid: 'anna', organizationUuid: 'own', email: 'anna@example.com' }
  const known: SlotOwner = { accountUuid: 'anna', organizationUuid: 'own', insteadOf: null }
  const contradicted: SlotOwner = { accountUuid: null, organizationUuid: 'company', insteadOf: 'anna own' }

  it.each([
    ['agrees', 'own', known],
    ['says nothing', null, known],
    ['names another organization', 'company', contradicted],
  ])('the claim, where the store %s', (_name, stored, expected) => {
    expect(checkedOwner(claimed, stored)).toEqual(expected)
  })
  it('unknown without a claim, and the claim where it names no organization', () => {
    expect(checkedOwner(null, 'own')).toBeNull()
    expect(checkedOwner({ ...claimed, organizationUuid: null }, 'own')).toMatchObject({ accountUuid: 'anna' })
  })
  it('a claim that was found wrong stays so until it changes', () => {
    const slot = { ...emptySlot('a', '/a'), owner: contradicted }
    expect(ownerOf(claimed, slot)).toEqual(contradicted)
    expect(ownerOf({ ...claimed, accountUuid: 'ben' }, slot)).toMatchObject({ accountUuid: 'ben', insteadOf: null })
  })
  it("the present login's e-mail comes first, then the registry's, unless that is the wrong claim's too", () => {
    expect(emailOf(account('a'), claimed, known)).toBe('anna@example.com')
    expect(emailOf(account('a'), { ...claimed, email: null }, known)).toBe('registry@example.com')
    expect(emailOf(account('a'), null, null)).toBe('registry@example.com')
    expect(emailOf(account('a'), claimed, contradicted)).toBe('registry@example.com')
    expect(emailOf({ ...account('a'), email: 'anna@example.com' }, claimed, contradicted)).toBeNull()
  })
  it('a new one takes over neither figures nor requests; an unknown one loses none', () => {
    const requests = { requestedAt: [NOW], blockedUntil: NOW + MIN, rateLimitedInARow: 1 }
    const slot = { ...emptySlot('a', '/a'), observation: figures(OWN, 10), requests, owner: known }
    const ben = { accountUuid: 'ben', organizationUuid: 'own', insteadOf: null }
    expect(takenOver(slot, ben)).toMatchObject({
      observation: null,
      requests: { requestedAt: [], blockedUntil: null },
      owner: ben,
    })
    expect(takenOver(slot, known)).toEqual(slot)
    expect(takenOver(slot, null)).toEqual(slot)
  })
})
