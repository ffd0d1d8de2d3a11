// Who may read and change the files that logins and alerts depend on, and what they lie on. Pure.
import { shellPath } from '../domain/account.ts'
import type { Finding } from './finding.ts'

export interface SeenPath {
  path: string
  /** With `~` for the home. */
  shown: string
  uid: number
  mode: number
  kind: 'file' | 'folder'
  /** `ours`: closed to others. `person`: a person's file that others must not write. `above`: a folder on the way to them. */
  role: 'ours' | 'person' | 'above'
}

/** @param me the user; null where the system knows none */
export function checkPermissions(seen: readonly SeenPath[], me: number | null): Finding[] {
  return seen.flatMap(path => wrongWith(path, me))
}

function wrongWith({ path, shown, uid, mode, kind, role }: SeenPath, me: number | null): Finding[] {
  const named = { check: 'permissions', severity: 'error' as const }
  const octal = (mode & 0o777).toString(8).padStart(3, '0')
  if (me !== null && uid !== me && !(role === 'above' && uid === 0))
    return [
      {
        ...named,
        what: `${shown} belongs to somebody else`,
        evidence: `owner ${uid}, and you are ${me}`,
        remedy: `sudo chown ${me} ${shellPath(shown)}`,
      },
    ]
  if (role === 'ours' && (mode & 0o077) !== 0) {
    const right = kind === 'folder' ? 0o700 : 0o600
    return [
      {
        ...named,
        what: `${shown} is open to others`,
        evidence: `mode ${octal}`,
        remedy: `chmod ${right.toString(8)} ${shellPath(shown)}`,
        fix: { do: 'chmod', path, mode: right },
      },
    ]
  }
  // With the sticky bit, as /tmp has it, others cannot take away what is not theirs.
  if (role === 'ours' || (mode & 0o022) === 0 || (kind === 'folder' && (mode & 0o1000) !== 0)) return []
  const how = kind === 'folder' ? 'so they can put another login in place of yours' : 'so they decide what Vigil does'
  return [
    {
      ...named,
      what: `others can write ${shown}, ${how}`,
      evidence: `mode ${octal}`,
      remedy: `chmod go-w ${shellPath(shown)}`,
      ...(role === 'person' && { fix: { do: 'chmod' as const, path, mode: mode & 0o755 } }),
    },
  ]
}

export function checkLeftovers(count: number): Finding[] {
  if (count === 0) return []
  return [
    {
      check: 'leftovers',
      severity: 'info',
      what: `${count} temporary ${count === 1 ? 'file' : 'files'} of writes that were cut short`,
      evidence: 'older than an hour, and their writers are gone',
      remedy: 'vigil doctor --fix',
    },
  ]
}

export interface SeenDisk {
  freeBytes: number
  totalBytes: number
  freeInodes: number
  inodes: number
  /** Of statfs; Linux only. */
  type: number
}

const LITTLE_BYTES = 100 * 1024 * 1024
/** Kernel locks over a network are kept by some servers and not by others, and nobody says which. */
const NETWORK: Record<number, string> = {
  26985: 'NFS',
  20859: 'SMB',
  4283649346: 'CIFS',
  4266872130: 'SMB',
  1702057286: 'FUSE',
  1397113167: 'AFS',
  12805120: 'Ceph',
  16914839: '9p',
}

/** @param platform as Node names it: elsewhere than on Linux the type is another number. */
export function checkDisk(disk: SeenDisk, platform: string): Finding[] {
  const findings: Finding[] = []
  if (disk.freeBytes < LITTLE_BYTES)
    findings.push({
      check: 'disk',
      severity: 'error',
      what: 'the disk under session-health is nearly full',
      evidence: `${Math.floor(disk.freeBytes / 1e6)} MB of ${Math.floor(disk.totalBytes / 1e6)} MB are free`,
      remedy: 'make room; what Vigil itself could give back: vigil run janitor --dry-run',
    })
  if (disk.inodes > 0 && disk.freeInodes < 1000)
    findings.push({
      check: 'disk',
      severity: 'error',
      what: 'the disk under session-health takes hardly any more files',
      evidence: `${disk.freeInodes} of ${disk.inodes} inodes are free`,
      remedy: 'find the folder with too many files: du --inodes -x ~ | sort -n | tail',
    })
  const network = platform === 'linux' ? NETWORK[disk.type >>> 0] : undefined
  if (network !== undefined)
    findings.push({
      check: 'locks',
      severity: network === 'FUSE' ? 'warning' : 'error',
      what: `session-health/locks lies on ${network}, where a lock may not hold between machines`,
      evidence: `file system type 0x${(disk.type >>> 0).toString(16)}`,
      remedy: 'set VIGIL_HOME to a folder on a local disk, for the schedule and for your shell',
    })
  return findings
}
