// The drift tests: what must stay in step, and which way the data flows.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'
import { exampleFiles } from '../lib/install/examples.ts'
import { DEFAULT_SETTINGS } from '../lib/settings-defaults.ts'
import {
  CRON_PERIOD_MS,
  checkTimings,
  JOB_DEADLINE_MS,
  TERM_GRACE_MS,
  TOKEN_TERM_GRACE_MS,
  VERSION,
} from '../lib/timings.ts'
import { REPO } from './support/scratch-vigil.ts'

const read = (path: string) => readFileSync(join(REPO, path), 'utf8')
const sources = (folder: string): string[] =>
  readdirSync(join(REPO, folder), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.ts'))
    .map(name => join(folder, name))
const importsOf = (file: string): string[] =>
  [...read(file).matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)].map(([, path]) =>
    relative(REPO, resolve(REPO, dirname(file), path!)),
  )

describe('the schedule', () => {
  const files = exampleFiles()
  it('has each job, and no other', () => {
    const jobs = readdirSync(join(REPO, 'jobs')).map(name => name.replace('.ts', ''))
    expect(jobs.sort()).toEqual(Object.keys(CRON_PERIOD_MS).sort())
  })
  it.each([...files])('in %s is the one of timings.ts (else: npm run schedules)', (path, text) => {
    expect(read(path)).toBe(text)
  })
  it('stands in no other file', () => {
    const there = ['launchd', 'systemd'].flatMap(name =>
      readdirSync(join(REPO, 'deploy', name)).map(file => `deploy/${name}/${file}`),
    )
    expect(['crontab.example', ...there].sort()).toEqual([...files.keys()].sort())
  })
  it('in crontab.example starts each job as often as it says, holds no % and loses no stderr', () => {
    const lines = read('crontab.example').split('\n')
    for (const line of lines.filter(line => /^[*\d]/.test(line))) {
      const [, times, name] = /^(.{9,12}) \/bin\/sh -c '.*jobs\/([a-z-]+)\.ts"'$/.exec(line)!
      const minutes =
        { '* * * * *': 1, '20 12 * * *': 1440 }[times!] ?? Number(/^\*\/(\d+) \* \* \* \*$/.exec(times!)![1])
      expect([name, minutes * 60_000]).toEqual([name, CRON_PERIOD_MS[name as keyof typeof CRON_PERIOD_MS]])
      expect(line).not.toContain('%')
      expect(line).toContain('exec 2>>"$h/logs/cron.err"')
    }
  })
})

describe('imports', () => {
  /** Which folders of lib a folder may import from, itself included where its files belong together. */
  const MAY: Record<string, string[]> = {
    domain: ['domain'],
    edges: ['edges'],
    sources: ['domain', 'edges'],
    store: ['domain', 'edges', 'store'],
    screen: ['domain', 'screen'],
    // Of screen only how a time is said to a person.
    channels: ['domain', 'edges', 'screen', 'channels'],
    watchdog: ['domain', 'watchdog'],
    install: ['domain', 'edges', 'install'],
    // Of screen only how a time is said to a person.
    doctor: ['domain', 'screen', 'doctor'],
    statusline: ['domain', 'edges', 'statusline'],
    flows: ['domain', 'sources', 'store', 'edges', 'watchdog', 'channels', 'statusline', 'flows'],
  }
  const ROOT_FOR_ALL = ['lib/timings.ts', 'lib/paths.ts', 'lib/settings-defaults.ts', 'lib/valibot.ts']
  it.each(Object.entries(MAY))('of lib/%s go only where data comes from', (folder, allowed) => {
    for (const file of sources(`lib/${folder}`)) {
      for (const target of importsOf(file)) {
        const fine =
          allowed.some(place => target.startsWith(`lib/${place}/`)) ||
          ROOT_FOR_ALL.includes(target) ||
          (folder === 'flows' && ['lib/job.ts', 'lib/settings.ts'].includes(target))
        expect([file, target, fine]).toEqual([file, target, true])
      }
    }
  })
  it('of sources never join two of them', () => {
    for (const file of sources('lib/sources'))
      expect(importsOf(file).filter(target => target.startsWith('lib/sources/'))).toEqual([])
  })
  it('never go from lib to jobs, cli or the stand-in, nor from the stand-in to lib', () => {
    const outside = (file: string) => importsOf(file).filter(target => !target.startsWith('lib/'))
    for (const file of sources('lib'))
      expect([file, outside(file)]).toEqual([file, file === 'lib/valibot.ts' ? [expect.stringMatching(/valibot/)] : []])
    for (const file of sources('sandbox'))
      expect(importsOf(file).filter(target => !target.startsWith('sandbox/'))).toEqual([])
  })
})

describe('the house', () => {
  it('reads the environment in one place and the clock in few', () => {
    const code = [...sources('lib'), ...sources('jobs')]
    expect(code.filter(file => read(file).includes('process.env'))).toEqual(['lib/settings.ts'])
    expect(code.sort().filter(file => /Date\.now|new Date\(\)/.test(read(file)))).toEqual([
      'lib/edges/lock-beat.ts',
      'lib/job.ts',
    ])
  })
  it('keeps a job a recipe of at most 60 lines', () => {
    for (const file of sources('jobs')) expect([file, read(file).split('\n').length <= 60]).toEqual([file, true])
  })
  it('takes valibot from one place, whose build is the small one', () => {
    const direct = [...sources('lib'), ...sources('jobs'), ...sources('cli')].filter(file =>
      /^import \* as v from 'valibot'/m.test(read(file)),
    )
    expect(direct).toEqual([])
  })
  it('spawns nothing with its stderr thrown away', () => {
    for (const file of [...sources('lib'), ...sources('jobs'), ...sources('cli')])
      expect([file, /stdio: *'ignore'/.test(read(file))]).toEqual([file, false])
  })
  it('knows its own version', () => {
    expect(JSON.parse(read('package.json')).version).toBe(VERSION)
  })
  it('pins every dependency exactly, and names each in the README with its reason', () => {
    const { dependencies, devDependencies } = JSON.parse(read('package.json')) as Record<string, Record<string, string>>
    for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies })) {
      expect([name, version]).toEqual([name, expect.stringMatching(/^\d+\.\d+\.\d+$/)])
      expect([name, read('README.md').includes(`| \`${name}\` |`)]).toEqual([name, true])
    }
  })
  it('has a lock file without any address, whole for Linux and Mac', () => {
    const lock = read('package-lock.json')
    expect(lock).not.toMatch(
      /"resolved"|https?:\/\/(?!opencollective|github|www\.|paulmillr|feross|jaywcjlove|tidelift|ko-fi|polar)/,
    )
    for (const platform of ['darwin-arm64', 'darwin-x64', 'linux-x64', 'linux-arm64', 'win32-x64']) {
      expect(lock).toContain(`"node_modules/@biomejs/cli-${platform}"`)
      expect(lock).toContain(`"node_modules/@typescript/typescript-${platform}"`)
    }
  })
  it('starts by a script that can be run', () => {
    expect(statSync(join(REPO, 'bin/vigil')).mode & 0o111).not.toBe(0)
    expect(statSync(join(REPO, '.ci/run')).mode & 0o111).not.toBe(0)
  })
})

describe('timings', () => {
  it('hold their relations by default', () => {
    expect(checkTimings(DEFAULT_SETTINGS)).toEqual([])
  })
  it('let a POST finish before a stop is forced, and a stop within 10 s', () => {
    expect(TOKEN_TERM_GRACE_MS).toBeLessThan(TERM_GRACE_MS)
    expect(TERM_GRACE_MS).toBeLessThan(10_000)
  })
  it('end a hung fetch-quota before its next start', () => {
    expect(JOB_DEADLINE_MS['fetch-quota'] + TERM_GRACE_MS).toBeLessThan(CRON_PERIOD_MS['fetch-quota'])
    expect(JOB_DEADLINE_MS['refresh-tokens'] + TERM_GRACE_MS).toBeLessThan(CRON_PERIOD_MS['refresh-tokens'])
  })
})
