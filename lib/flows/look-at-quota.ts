// What is known of each account before any is asked: whose login it is, what its slot holds, who shares its budget.
import { type Account, type Identity, standingOf } from '../domain/account.ts'
import { belongsTo, isSameLogin } from '../domain/quota.ts'
import { type AccountResult, resultOfError } from '../domain/run-record.ts'
import { checkedOwner, emptySlot, ownerOf, type Slot, type SlotOwner } from '../domain/slot.ts'
import type { Run } from '../job.ts'
import { readIdentity } from '../store/identity.ts'
import { readSlot } from '../store/slots.ts'

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
}

export async function lookAtQuota(accounts: readonly Account[], run: Run): Promise<QuotaRound> {
  const looks: QuotaLook[] = []
  for (const account of accounts) looks.push(await lookAt(account, run))
  // Most runs have nothing to do; only a doubt is worth opening a store before it is known that there is.
  for (const look of looks)
    if (isDoubtful(look, looks)) settleOwner(look, (await storedLogin(look.account, run)).organizationUuid, run)
  for (const { account, owner, slot } of looks) {
    if (slot.observation === null || belongsTo(slot.observation, owner)) continue
    run.log('info', `the figures of ${account.slot} are not of the login that it holds now; they are dropped`, {
      slot: account.slot,
    })
  }
  return { looks, twins: twinsOf(looks) }
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
function isDoubtful(look: QuotaLook, looks: readonly QuotaLook[]): boolean {
  if (!mayBeAsked(look)) return false
  const claim = checkedOwner(look.claimed, null)
  if (look.owner?.insteadOf) return true
  return looks.some(
    other => other !== look && mayBeAsked(other) && isSameLogin(checkedOwner(other.claimed, null), claim),
  )
}

/** Takes the credential store's word into account, if it has one. @returns whether that changed whose login this is */
export function settleOwner(look: QuotaLook, storedOrganization: string | null, run: Run): boolean {
  if (storedOrganization === null) return false
  const before = look.owner
  look.owner = checkedOwner(look.claimed, storedOrganization)
  if (look.owner?.insteadOf && look.slot.owner?.insteadOf !== look.owner.insteadOf) {
    const { slot } = look.account
    run.log('warn', `${slot} holds the tokens of another organization than its .claude.json names; whose is unknown`, {
      slot,
    })
  }
  return look.owner?.accountUuid !== before?.accountUuid || look.owner?.organizationUuid !== before?.organizationUuid
}

function twinsOf(looks: readonly QuotaLook[]): Map<string, string> {
  const twins = new Map<string, string>()
  const asked: QuotaLook[] = []
  for (const look of looks.filter(mayBeAsked)) {
    const first = asked.find(({ owner }) => isSameLogin(owner, look.owner))
    if (first === undefined) asked.push(look)
    else twins.set(look.account.slot, first.account.slot)
  }
  return twins
}

function mayBeAsked({ account, failed }: QuotaLook): boolean {
  return failed === null && standingOf(account) === 'active'
}

export interface StoredLogin {
  /** null: none that is good now. */
  accessToken: string | null
  /** The organization that the tokens are of; null where the store does not say. */
  organizationUuid: string | null
}

export async function storedLogin(account: Account, run: Run): Promise<StoredLogin> {
  const { openCredentialStore } = await import('./open-credential-store.ts')
  const store = await openCredentialStore(account, {
    paths: run.paths,
    childEnv: run.environment.childEnv,
    job: run.job,
    signal: run.signal,
  })
  const reading = await store.read()
  if (reading.state !== 'present') return { accessToken: null, organizationUuid: null }
  const { accessToken, expiresAt } = reading.credential
  const { organizationUuid } = reading.blob
  return {
    accessToken: accessToken !== '' && run.clock() < expiresAt ? accessToken : null,
    organizationUuid: typeof organizationUuid === 'string' && organizationUuid !== '' ? organizationUuid : null,
  }
}
