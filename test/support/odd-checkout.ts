// A checkout whose path holds all that a shell, JSON or a crontab would trip over; but no backslash, for Node loads nothing
// from behind one.
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { REPO } from './scratch-vigil.ts'

/** @returns its root */
export function oddCheckout(under: string): string {
  const root = join(under, `it's a "100%" $HOME ünd`)
  mkdirSync(root, { recursive: true })
  for (const name of ['bin', 'cli', 'jobs', 'lib', 'package.json'])
    cpSync(join(REPO, name), join(root, name), { recursive: true })
  symlinkSync(join(REPO, 'node_modules'), join(root, 'node_modules'))
  return root
}
