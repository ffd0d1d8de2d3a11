// Writes crontab.example and deploy/ from the one schedule; with --check it only says what is out of step.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { exampleFiles } from '../lib/install/examples.ts'

const FOLDERS = ['deploy/launchd', 'deploy/systemd']
const root = fileURLToPath(new URL('..', import.meta.url))
const files = exampleFiles()
const there = FOLDERS.flatMap(folder => namesIn(join(root, folder)).map(name => `${folder}/${name}`))
const stale = there.filter(path => !files.has(path))
const changed = [...files].filter(([path, text]) => textOf(join(root, path)) !== text).map(([path]) => path)

if (process.argv.includes('--check')) {
  for (const path of [...changed, ...stale]) process.stderr.write(`${path} is out of step; run: npm run schedules\n`)
  if (changed.length + stale.length > 0) process.exitCode = 1
} else {
  for (const path of stale) rmSync(join(root, path))
  for (const path of changed) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), files.get(path)!)
  }
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch {
    return [] // Not there yet.
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return null // Not there yet, so out of step.
  }
}
