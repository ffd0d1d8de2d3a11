// `vigil statusline` beside an empty script on the same Node, on the recorded input; with --compare also beside others.
import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { REPO } from '../test/support/scratch-vigil.ts'
import { recorded, SESSION, statuslineHome } from '../test/support/statusline-home.ts'

const FILES = 5000
/** In several batches, of which the quietest counts: beside other work a longer run is hit more often than a shorter one. */
const BATCHES = 5
const STARTS = 31
const OTHERS = ['ccstatusline@2.2.30', '@cometix/ccline@1.1.2', 'ccusage@20.0.20']

export interface StatuslineRow {
  name: string
  figure: string
  ratio: number
  target: number | null
}

interface Timed {
  ms: number
  stdout: string
}

/** @param scratch a folder of the bench's own */
export async function statuslineBench(scratch: string, compare: boolean): Promise<StatuslineRow[]> {
  const node = process.execPath
  const empty = join(scratch, 'empty-line.ts')
  writeFileSync(empty, '')
  const repository = layOutRepository(scratch)
  const rows: StatuslineRow[] = []
  for (const accounts of [3, 50]) {
    const now = Date.now()
    const home = join(scratch, `line-${accounts}`)
    const { paths, write } = statuslineHome(home, now, accounts)
    const told = { ...recorded(now), cwd: repository, workspace: { current_dir: repository } }
    // A session that is known: its figures are a minute old.
    write(join(paths.harvest, `${SESSION}.json`), {
      schema: 1,
      sessionId: SESSION,
      configDir: null,
      measuredAt: now,
      answer: '',
    })
    const env = environment(home, scratch)
    const line = [node, join(REPO, 'cli/statusline.ts')]
    const words = JSON.stringify(told)
    // The first lines start what looks at the repository, and fill the compile cache.
    let shown = ''
    for (let n = 0; n < 200 && !shown.includes('🌿'); n++) shown = (await timed(line, words, env)).stdout
    for (const expected of ['🌿:main*1', '(98%)', `👤:slot-1 ${accounts}/${accounts}`])
      if (!shown.includes(expected)) throw new Error(`the line is not what was meant: ${shown}`)
    await timed([node, empty], words, env)
    const batches: Array<Record<'floor' | 'line', number[]>> = []
    for (let n = 0; n < BATCHES * STARTS; n++) {
      if (n % STARTS === 0) batches.push({ floor: [], line: [] })
      batches.at(-1)!.floor.push((await timed([node, empty], words, env)).ms)
      batches.at(-1)!.line.push((await timed(line, words, env)).ms)
    }
    const [quietest] = batches.toSorted((a, b) => at(a.floor, 0.5) - at(b.floor, 0.5))
    const floor = at(quietest!.floor, 0.5)
    const times = { floor: batches.flatMap(batch => batch.floor), line: batches.flatMap(batch => batch.line) }
    if (accounts === 3) rows.push({ name: 'empty script', figure: inMs(floor), ratio: 1, target: null })
    rows.push({
      name: `statusline, ${accounts} accounts`,
      figure: inMs(at(quietest!.line, 0.5)),
      ratio: at(quietest!.line, 0.5) / floor,
      target: 1.35,
    })
    // Of the machine's own outliers the empty script has as many.
    rows.push({
      name: '  99th of a hundred, beside its',
      figure: inMs(at(times.line, 0.99)),
      ratio: at(times.line, 0.99) / Math.max(floor, at(times.floor, 0.99)),
      target: 2.5,
    })
    const { peakMb, children } = watched(line, words, env, scratch)
    if (children > 0) throw new Error('a line with nothing to start has loaded what it would start a child with')
    rows.push({ name: '  peak memory, no child', figure: `${peakMb.toFixed(0)} MB`, ratio: peakMb / 60, target: 1 })
    if (compare && accounts === 3) rows.push(...(await others(scratch, words, env, floor)))
  }
  return rows
}

function layOutRepository(scratch: string): string {
  const folder = join(scratch, 'repository')
  mkdirSync(folder)
  const git = (...words: string[]) =>
    execFileSync('git', ['-c', 'user.name=n', '-c', 'user.email=n@example.com', ...words], {
      cwd: folder,
      env: environment(scratch, scratch),
    })
  git('init', '-q', '-b', 'main')
  for (let n = 0; n < FILES; n++) {
    if (n % 100 === 0) mkdirSync(join(folder, String(n / 100)))
    writeFileSync(join(folder, String(Math.floor(n / 100)), `${n}.txt`), String(n))
  }
  git('add', '-A')
  git('commit', '-qm', 'all')
  writeFileSync(join(folder, '0', '0.txt'), 'changed')
  return folder
}

function environment(home: string, scratch: string): Record<string, string> {
  return {
    HOME: home,
    PATH: '/usr/bin:/bin',
    COLUMNS: '200',
    NO_COLOR: '1',
    NODE_COMPILE_CACHE: join(scratch, 'compile-cache'),
  }
}

function timed(command: string[], words: string, env: Record<string, string>): Promise<Timed> {
  return new Promise((resolve, reject) => {
    const at = performance.now()
    const child = spawn(command[0]!, command.slice(1), { env, stdio: ['pipe', 'pipe', 'inherit'] })
    let stdout = ''
    child.stdout.on('data', chunk => {
      stdout += chunk
    })
    // An empty script goes without reading.
    child.stdin.on('error', () => undefined)
    child.stdin.end(words)
    child.once('error', reject)
    child.once('close', code => {
      if (code === 0) resolve({ ms: performance.now() - at, stdout })
      else reject(new Error(`${command.join(' ')} ended with ${code}`))
    })
  })
}

function watched(command: string[], words: string, env: Record<string, string>, scratch: string) {
  const look = join(scratch, 'look-line.mjs')
  const out = join(scratch, 'looked')
  writeFileSync(
    look,
    `process.on('exit', () => process.getBuiltinModule('node:fs').writeFileSync(${JSON.stringify(out)}, JSON.stringify({ rss: process.resourceUsage().maxRSS, modules: process.moduleLoadList })))\n`,
  )
  execFileSync(command[0]!, ['--import', look, ...command.slice(1)], { input: words, env })
  const { rss, modules } = JSON.parse(readFileSync(out, 'utf8')) as { rss: number; modules: string[] }
  return { peakMb: rss / 1024, children: modules.filter(name => name === 'NativeModule child_process').length }
}

/** Installed outside the tree, from the registry; each with the same input. */
async function others(
  scratch: string,
  words: string,
  env: Record<string, string>,
  floor: number,
): Promise<StatuslineRow[]> {
  const folder = join(scratch, 'others')
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"private":true}')
  const npm = join(process.execPath, '../npm')
  execFileSync(
    existsSync(npm) ? npm : 'npm',
    ['install', '--no-audit', '--no-fund', '--install-strategy=nested', ...OTHERS],
    {
      cwd: folder,
      stdio: 'inherit',
    },
  )
  mkdirSync(join(env['HOME']!, '.claude/projects'), { recursive: true })
  const rows: StatuslineRow[] = []
  for (const [name, ...command] of [
    ['ccstatusline', 'ccstatusline'],
    ['@cometix/ccline', 'ccline'],
    ['ccusage statusline', 'ccusage', 'statusline', '--offline'],
  ] as Array<[string, string, ...string[]]>) {
    const [program, ...rest] = command
    const withNode = { ...env, PATH: `${join(process.execPath, '..')}:/usr/bin:/bin` }
    const times: number[] = []
    try {
      for (let n = 0; n < 21; n++)
        times.push((await timed([join(folder, 'node_modules/.bin', program!), ...rest], words, withNode)).ms)
    } catch {
      // Its part for this platform may be missing in the registry.
      rows.push({ name: `${name}: does not run here`, figure: '-', ratio: Number.NaN, target: null })
      continue
    }
    const ms = at(times.slice(1), 0.5)
    rows.push({ name, figure: inMs(ms), ratio: ms / floor, target: null })
  }
  return rows
}

function inMs(ms: number): string {
  return `${ms.toFixed(1)} ms`
}

/** The one at this part of the sorted list. */
function at(list: readonly number[], part: number): number {
  return [...list].sort((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * part))]!
}
