// A round of quota. Before any account is asked: whose login it is, what its slot holds, who shares its budget. In the end
// all slots are merged into the two caches, freshness judged anew, the figures with their own time. In one file, for every
// start loads both.
import { join } from 'node:path'
import { type Account, type Identity, standingOf } from '../domain/account.ts'
import { belongsTo, countsFrom, loginKey } from '../domain/quota.ts'
import {
  buildHotSwapCache,
  buildMergedCache,
  findFalseFreshFlags,
  type MergedQuotaCache,
  observationOf,
} from '../domain/quota-cache.ts'
import { type AccountResult, resultOfError } from '../domain/run-record.ts'
import {
  byLogin,
  checkedOwner,
  decideRequest,
  emailOf,
  emptySlot,
  type Holder,
  historyOf,
  type MeasuredAccount,
  ownerOf,
  type RequestDecision,
  type Slot,
  type SlotOwner,
} from '../domain/slot.ts'
import { existsSync, readdirSync, statSync } from '../edges/fs.ts'
import type { Run } from '../job.ts'
import { readIdentity, readRegistry } from '../store/accounts.ts'
import { readMergedCache, readSlot, saveQuotaCaches } from '../store/quota.ts'
import { CRON_PERIOD_MS } from '../timings.ts'

/** One account's look. It is kept up to date while the account has its turn. */
export interface QuotaLook {
  readonly account: Account
  /** What `.claude.json` claims. */
  claimed: Identity | null
  /** Whose login it is, as far as that is known; null = unknown. */
  owner: SlotOwner | null
  slot: Slot
  /** The slot cannot be read at all: this account's turn is over, the others go on. */
  readonly failed: AccountResult | null
}

export interface QuotaRound {
  readonly looks: readonly QuotaLook[]
  /** Two slots on one login share its request budget. For each slot that is not asked, the one that is. */
  readonly twins: ReadonlyMap<string, string>
  readonly byLogin: ReadonlyMap<string, readonly Holder[]>
}

export async function lookAtQuota(accounts: readonly Account[], run: Run): Promise<QuotaRound> {
  const looks: QuotaLook[] = []
  for (const account of accounts) looks.push(await lookAt(account, run))
  // Most runs have nothing to do; only a doubt is worth opening a store before it is known that there is.
  for (const look of doubtful(looks)) {
    const { storedLogin } = await import('./stored-login.ts')
    const stored = await storedLogin(look.account, run).catch(() => null) // Its own turn says what is wrong with it.
    settleOwner(look, stored?.organizationUuid ?? null, run)
  }
  await takeInHarvest(looks, run)
  for (const { account, owner, slot } of looks) {
    if (slot.observation === null || belongsTo(slot.observation, owner)) continue
    run.log('info', `the figures of ${account.slot} are not of the login that it holds now; they are dropped`, {
      slot: account.slot,
    })
  }
  return { looks, twins: twinsOf(looks), byLogin: byLogin(looks) }
}

/** A run with nothing to take in has looked into one folder, and loaded nothing for it. */
async function takeInHarvest(looks: readonly QuotaLook[], run: Run): Promise<void> {
  try {
    const files = harvestFiles(run)
    if (files.length === 0) return
    const { takeHarvest } = await import('./take-harvest.ts')
    await takeHarvest(looks, files, run)
  } catch (error) {
    // Then the endpoint is asked, as if no status line had been told anything.
    run.log('warn', `what status lines were told cannot be taken in: ${(error as Error).message}`)
  }
}

/** What sessions were told lately, if that is to count. @throws Error where the folder cannot be read */
export function harvestFiles({ paths, settings, now }: Pick<Run, 'paths' | 'settings' | 'now'>): string[] {
  if (!settings.quota.sources.includes('statusline') || !existsSync(paths.harvest)) return []
  return readdirSync(paths.harvest)
    .filter(name => !name.startsWith('.') && name.endsWith('.json'))
    .map(name => join(paths.harvest, name))
    .filter(path => now - (statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0) < settings.quota.freshForMs)
}

async function lookAt(account: Account, run: Run): Promise<QuotaLook> {
  const claimed = await readIdentity(account.configDir, account.isDefault, run.paths.home)
  try {
    const { slot, trouble } = readSlot(run.paths, account.slot, account.configDir)
    if (trouble) run.log('warn', trouble, { slot: account.slot })
    return { account, claimed, owner: ownerOf(claimed, slot), slot, failed: null }
  } catch (error) {
    const failed = resultOfError(error)
    const lastAttempt = { at: run.now, outcome: failed.outcome, reason: failed.reason }
    const slot = { ...emptySlot(account.slot, account.configDir), lastAttempt }
    return { account, claimed, owner: ownerOf(claimed, slot), slot, failed }
  }
}

/** A claim that was wrong before, or that another account makes too: a copied directory looks so. */
function doubtful(looks: readonly QuotaLook[]): QuotaLook[] {
  const asked = looks.filter(mayBeAsked)
  const claims = new Map<string | null, number>()
  for (const { claimed } of asked) claims.set(loginKey(claimed), (claims.get(loginKey(claimed)) ?? 0) + 1)
  return asked.filter(
    ({ claimed, owner }) => claimed !== null && (owner?.insteadOf || claims.get(loginKey(claimed))! > 1),
  )
}

/** Takes the credential store's word into account, if it has one. @returns whether that changed whose login this is */
export function settleOwner(look: QuotaLook, storedOrganization: string | null, run: Run): boolean {
  if (storedOrganization === null) return false
  const owner = checkedOwner(look.claimed, storedOrganization)
  const changed =
    owner?.accountUuid !== look.owner?.accountUuid || owner?.organizationUuid !== look.owner?.organizationUuid
  look.owner = owner
  if (changed && owner?.insteadOf) {
    const { slot } = look.account
    run.log('warn', `${slot} holds the tokens of another organization than its .claude.json names; whose is unknown`, {
      slot,
    })
  }
  return changed
}

function twinsOf(looks: readonly QuotaLook[]): Map<string, string> {
  const twins = new Map<string, string>()
  const firstOf = new Map<string, string>()
  for (const { account, owner } of looks.filter(mayBeAsked)) {
    const key = loginKey(owner)
    if (key === null) continue
    const first = firstOf.get(key)
    if (first === undefined) firstOf.set(key, account.slot)
    else twins.set(account.slot, first)
  }
  return twins
}

function mayBeAsked({ account, failed }: QuotaLook): boolean {
  return failed === null && standingOf(account) === 'active'
}

/** @returns null where the account's figures are due and a request may be made, or why there is none */
export function settledWithoutAsking(look: QuotaLook, round: QuotaRound, run: Run): AccountResult | null {
  const { account } = look
  if (look.failed !== null) return look.failed
  if (standingOf(account) === 'pausedByPerson') return noRequest('paused', 'paused by hand; vigil leaves it alone')
  if (!run.settings.quota.sources.includes('oauth'))
    return noRequest('off', 'quota.sources does not name oauth: no request is made')
  const twin = round.twins.get(account.slot)
  if (twin !== undefined) return noRequest('shared', `the same login as ${twin}, which is asked for both`)
  return mayAsk(look, round, run, run.now, measuredAtOf(look, round, run))
}

/** When the newest of the figures that may be shown for this login was measured, as far as that puts off asking, ms; null = ask. */
export function measuredAtOf(look: QuotaLook, round: QuotaRound, run: Run): number | null {
  const seen = observationOf(look, round.byLogin, run.now)
  return seen === null ? null : countsFrom(seen, run.settings.quota)
}

/** @returns null where a request may be made, or why it may not */
export function mayAsk(
  look: QuotaLook,
  { byLogin }: QuotaRound,
  run: Run,
  now: number,
  measuredAt: number | null,
): AccountResult | null {
  const history = historyOf(look, byLogin, now)
  const decision: RequestDecision = decideRequest(history, measuredAt, now, {
    everyMs: run.settings.quota.everyMs,
    cronPeriodMs: CRON_PERIOD_MS['fetch-quota'],
    maxRequestsPerHour: run.settings.quota.maxRequestsPerHour,
  })
  if (decision.do === 'fetch') return null
  run.count(`skipped_${decision.code}`)
  const asked = history.requestedAt.length
  return noRequest(
    decision.code,
    `${decision.reason}; ${asked} ${asked === 1 ? 'request' : 'requests'} in the last hour`,
  )
}

function noRequest(outcome: string, reason: string): AccountResult {
  return { outcome, reason, failure: null }
}

/**
 * Says what is wrong with the cache that stands there: a flag that calls old figures fresh was the 49-hour bug.
 * @returns what stands there, where it can be read
 */
export function reportFalseFreshness(run: Run): MergedQuotaCache | null {
  const reading = readMergedCache(run.paths)
  if (reading.state === 'corrupt') {
    run.count('corrupt_caches')
    run.log('warn', `merged-quota-cache.json is corrupt and is built anew: ${reading.detail}`)
  }
  if (reading.state !== 'present') return null
  const falseFlags = findFalseFreshFlags(reading.value, run.now, run.settings.quota)
  for (const { slot, kind, ageMs } of falseFlags) {
    run.count(`false_fresh_${kind}`)
    const minutes = Math.round(ageMs / 60_000)
    const how = kind === 'lied' ? 'was false when written' : 'has outlived its figures'
    run.log('warn', `corrupt data: ${slot} was marked fresh beside figures of ${minutes} min; the mark ${how}`, {
      slot,
    })
  }
  return reading.value
}

/** @param asked whether accounts were asked since `looks` were read: then standings and slots may have changed meanwhile */
export async function publishQuota(
  looks: readonly QuotaLook[],
  current: string | null,
  standing: MergedQuotaCache | null,
  asked: boolean,
  run: Run,
): Promise<void> {
  const registry = asked ? await readRegistry(run.paths) : null
  const measured: MeasuredAccount[] = []
  for (const look of looks) {
    const account = registry?.accounts.find(known => known.slot === look.account.slot) ?? look.account
    const { claimed, owner } = look
    const slot = asked ? slotNow(look, run) : look.slot
    measured.push({ account: { ...account, email: emailOf(account, claimed, owner) }, slot, owner })
  }
  const cache = buildMergedCache(measured, registry?.current ?? current, run.clock(), run.settings.quota)
  await saveQuotaCaches(run.paths, standing, cache, buildHotSwapCache(cache, measured))
}

/** As it is after the account's turn. One that cannot be read costs its own account's figures only. */
function slotNow(look: QuotaLook, run: Run): Slot {
  if (look.failed !== null) return look.slot
  try {
    return readSlot(run.paths, look.account.slot, look.account.configDir).slot
  } catch {
    return look.slot
  }
}
