// `vigil` on the PATH: a link of ours in ~/.local/bin.
import { dirname, join } from 'node:path'
import { existsSync, mkdirSync, rmSync, symlinkSync } from '../edges/fs.ts'
import { linkAt } from './apply.ts'

export interface LinkPlan {
  path: string
  target: string
  /** foreign: something is there that is not ours. noFolder: ~/.local/bin is neither there nor on the PATH. */
  do: 'make' | 'change' | 'keep' | 'foreign' | 'noFolder'
  onPath: boolean
}

export function linkPath(home: string): string {
  return join(home, '.local', 'bin', 'vigil')
}

/** @param oldRoots the checkouts that the schedule led to until now */
export function planLink(home: string, path: string, root: string, oldRoots: readonly string[]): LinkPlan {
  const link = linkPath(home)
  const target = programIn(root)
  const onPath = path.split(':').includes(dirname(link))
  const plan = (what: LinkPlan['do']): LinkPlan => ({ path: link, target, do: what, onPath })
  const there = linkAt(link)
  if (there === target) return plan('keep')
  if (there !== null) return plan(oldRoots.map(programIn).includes(there) ? 'change' : 'foreign')
  return plan(onPath || existsSync(dirname(link)) ? 'make' : 'noFolder')
}

export function makeLink({ path, target }: LinkPlan): void {
  mkdirSync(dirname(path), { recursive: true })
  rmSync(path, { force: true })
  symlinkSync(target, path)
}

/** Only a link that leads to one of these checkouts. */
export function isOurLink(home: string, roots: readonly string[]): boolean {
  return roots.map(programIn).includes(linkAt(linkPath(home)) ?? '')
}

function programIn(root: string): string {
  return join(root, 'bin', 'vigil')
}
