// `vigil statusline` as a real process, beside the real jobs.
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { mutate, seeded } from '../support/mutate.ts'
import { type ScratchVigil, scratchVigil } from '../support/scratch-vigil.ts'
import { HOUR, MIN, recorded, SESSION, type StatuslineHome, statuslineHome } from '../support/statusline-home.ts'
import { runLine } from '../support/statusline-process.ts'

const json = (path: string) => JSON.parse(readFileSync(path, 'utf8'))
const namesIn = (folder: string) => (existsSync(folder) ? readdirSync(folder) : [])

describe('the line', () => {
  let home: string
  let laid: StatuslineHome
  let n = 0
  beforeEach(() => {
    n += 1
    home = join(homedir(), `line-${n}`)
    laid = statuslineHome(home, Date.now())
  })

  it('shows model, context, windows, block, repository and account', async () => {
    const told = recorded(Date.now())
    delete told.rate_limits
    const { code, stdout, stderr } = await runLine(home, JSON.stringify(told))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(
      /^Opus 4\.8 \(1M\) 🧠:999k-free\[░{8}\] 📅:9[67]h\(51%\)@\w{3} 🕔:\dh\d+m\(40%\) ⌛:4[12]m\(24%\) \$12\.34\/50 🌿:main\+12\*3 👤:slot-1 3\/3\n$/u,
    )
  })
  it('comes without an answer yet, without stdin, with a torn one and with an endless one', async () => {
    const whole = JSON.stringify(recorded(Date.now()))
    const endless = '['.repeat(3_000_000)
    for (const words of [
      JSON.stringify(recorded(Date.now(), 'session-start')),
      '',
      null,
      whole.slice(0, 700),
      endless,
    ]) {
      const { code, stdout, stderr } = await runLine(home, words)
      expect({ code, stderr, lines: stdout.match(/.+\n/g)?.length }).toEqual({ code: 0, stderr: '', lines: 1 })
      expect(stdout).toContain('(51%)')
    }
  })
  it.each([
    ['nothing was said', ''],
    ['the words are torn', '{"model":'],
    ['the words are whole', JSON.stringify(recorded(Date.now()))],
  ])('does not wait for a stdin that stays open though %s', async (_what, words) => {
    const { code, stdout, stderr } = await runLine(home, words, { ends: false })
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/📅:\d+h\(≥?\d+%/u)
  })
  it('comes where nothing of Vigil is, and leaves nothing there', async () => {
    const empty = join(homedir(), 'nobody')
    mkdirSync(empty, { recursive: true })
    const { code, stdout, stderr } = await runLine(empty, JSON.stringify(recorded(Date.now())))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toContain('Opus 4.8')
    expect(readdirSync(empty)).toEqual([])
    expect(await runLine(empty, '{}', { env: { HOME: '' } })).toMatchObject({ code: 0, stderr: '' })
  })
  it('fits the terminal and obeys NO_COLOR', async () => {
    for (const COLUMNS of ['20', '40', '80']) {
      const { stdout } = await runLine(home, JSON.stringify(recorded(Date.now())), { env: { COLUMNS } })
      expect([...stdout.trimEnd()].length).toBeLessThanOrEqual(Number(COLUMNS))
    }
    const { stdout } = await runLine(home, '{}', { env: { NO_COLOR: '' } })
    expect(stdout).toContain('\x1b[32m')
  })
  it('knows its account by CLAUDE_CONFIG_DIR, and shows the current one where it is another', async () => {
    const told = recorded(Date.now())
    delete told.rate_limits
    const env = { CLAUDE_CONFIG_DIR: join(home, '.claude-2') }
    expect((await runLine(home, JSON.stringify(told), { env })).stdout).toContain('👤:slot-2→slot-1 3/3')
    const elsewhere = await runLine(home, JSON.stringify(told), { env: { CLAUDE_CONFIG_DIR: '/elsewhere' } })
    expect(elsewhere.stdout).toContain('📅:–')
    expect(elsewhere.stdout).not.toContain('👤')
  })
  it('says in its log what is wrong, at most once a minute, without a secret', async () => {
    laid.write(laid.paths.mergedQuota, '{"slots": sk-ant-oat01-abcdefgh')
    for (let n = 0; n < 3; n++) expect(await runLine(home, '{}')).toMatchObject({ code: 0, stderr: '' })
    const log = readFileSync(join(laid.paths.logs, 'statusline.log'), 'utf8')
    expect(
      log
        .trim()
        .split('\n')
        .map(line => JSON.parse(line)),
    ).toMatchObject([{ level: 'warn', message: 'merged-quota-cache.json is no JSON' }])
  })
  it('notes the session at most once in 30 s', async () => {
    const path = join(laid.paths.health, `${SESSION}.json`)
    const words = JSON.stringify(recorded(Date.now()))
    await runLine(home, words)
    const first = json(path)
    expect(first).toMatchObject({ schema: 1, session_id: SESSION, slot: 'slot-1', model: 'Opus 4.8 (1M context)' })
    await runLine(home, words)
    expect(json(path)).toEqual(first)
    utimesSync(path, Date.now() / 1000 - 31, Date.now() / 1000 - 31)
    await runLine(home, words)
    expect(json(path).seen_at).toBeGreaterThan(first.seen_at)
  })
  it('survives two hundred damaged inputs as real processes', async () => {
    const random = seeded(5)
    const whole = JSON.stringify(recorded(Date.now()))
    for (let n = 0; n < 200; n++) {
      const at = performance.now()
      const words = mutate(whole, random)
      const { code, stdout, stderr } = await runLine(home, words)
      const seen = { code, stderr, words, isLine: /^[^\n]+\n$/.test(stdout) }
      expect(seen).toEqual({ code: 0, stderr: '', words, isLine: true })
      // Not a measurement: of a process that hangs, on a machine that is busy.
      expect(performance.now() - at).toBeLessThan(10_000)
    }
  })
})

describe('beside the jobs', () => {
  let vigil: ScratchVigil
  afterEach(() => vigil?.dispose())
  const slots = () => json(vigil.paths.mergedQuota).slots
  const told = (fiveHour: number, apiMs: number) => {
    const words = recorded(Date.now())
    const body = json(join(vigil.paths.slots, 'slot-1.json')).observation.windows
    const resets = (name: string) => Math.floor(body.find((w: { name: string }) => w.name === name).resetsAt / 1000)
    words.rate_limits = {
      five_hour: { used_percentage: fiveHour, resets_at: resets('five_hour') },
      seven_day: { used_percentage: 60, resets_at: resets('seven_day') },
    }
    words.cost.total_api_duration_ms = apiMs
    words.transcript_path = vigil.paths.settings
    return JSON.stringify(words)
  }
  /** As if the last asking had been so long ago. */
  const age = (minutes: number) => {
    const path = join(vigil.paths.slots, 'slot-1.json')
    const slot = json(path)
    slot.observation.measuredAt -= minutes * MIN
    slot.requests.requestedAt = slot.requests.requestedAt.map((at: number) => at - minutes * MIN)
    writeFileSync(path, JSON.stringify(slot))
  }

  it('what a session was told spares the request, and its echo does not', async () => {
    vigil = await scratchVigil({ expiresInMin: 300 })
    await vigil.run('fetch-quota')
    age(6)
    // Its first line is met with figures of unknown age, the next answer is new.
    await runLine(vigil.home, told(70, 100))
    await runLine(vigil.home, told(77, 200))
    const { measuredAt } = json(join(vigil.paths.harvest, `${SESSION}.json`))
    expect(await vigil.run('fetch-quota')).toMatchObject({ code: 0, stderr: '' })
    expect(vigil.record('fetch-quota').counters).toMatchObject({ harvested: 1, skipped_fresh: 1 })
    expect(slots()['slot-1']).toMatchObject({
      source: 'statusline',
      five_hour_util: 77,
      seven_day_util: 60,
      last_fetched: measuredAt,
    })
    // Idle for long: the same figures again and again are no new ones.
    age(12)
    const harvest = join(vigil.paths.harvest, `${SESSION}.json`)
    writeFileSync(harvest, JSON.stringify({ ...json(harvest), measuredAt: measuredAt - 12 * MIN }))
    for (let n = 0; n < 3; n++) await runLine(vigil.home, told(77, 200))
    await vigil.run('fetch-quota')
    expect(vigil.record('fetch-quota').counters['requests']).toBe(1)
    expect(slots()['slot-1'].source).toBe('oauth')
  })
  it('starts the job that is overdue, once for twenty lines', async () => {
    vigil = await scratchVigil({ expiresInMin: 300 })
    await vigil.run('fetch-quota')
    const words = told(12, 1)
    const record = join(vigil.paths.runs, 'fetch-quota.json')
    const cache = json(vigil.paths.mergedQuota)
    cache.slots['slot-1'].last_fetched -= 2 * HOUR
    writeFileSync(vigil.paths.mergedQuota, JSON.stringify(cache))
    age(120)
    const past = json(record)
    const bare = JSON.stringify({ ...JSON.parse(words), rate_limits: null })
    writeFileSync(record, JSON.stringify({ ...past, started_at: past.started_at - 2 * HOUR, totals: {} }))
    const lines = await Promise.all(Array.from({ length: 20 }, () => runLine(vigil.home, bare)))
    for (const { code, stderr, stdout } of lines)
      expect({ code, stderr, stdout }).toMatchObject({ code: 0, stderr: '' })
    await expect.poll(() => json(record).outcome === 'ok' && json(record).totals.fetched, { timeout: 30_000 }).toBe(1)
    expect(namesIn(vigil.paths.kicks)).toHaveLength(1)
    expect(json(join(vigil.paths.locks, 'fetch-quota.lock.info')).session).toBe(SESSION)
  })
  it('what sessions were told is all there is where nobody may be asked', async () => {
    vigil = await scratchVigil({ expiresInMin: 300, settings: 'quota: { sources: [statusline] }' })
    const words = (apiMs: number) => {
      const words = recorded(Date.now())
      words.cost.total_api_duration_ms = apiMs
      return JSON.stringify({ ...words, transcript_path: vigil.paths.settings })
    }
    await vigil.run('fetch-quota')
    await runLine(vigil.home, words(1))
    // Whose the figures of before are, nobody knows.
    await vigil.run('fetch-quota')
    expect(slots()['slot-1']).toMatchObject({ five_hour_util: null, source: null })
    await runLine(vigil.home, words(2))
    await vigil.run('fetch-quota')
    expect(slots()['slot-1']).toMatchObject({ five_hour_util: 64, seven_day_util: 98, source: 'statusline' })
    expect(vigil.standIn.requests).toEqual([])
  })
  it('is shown as vigil.yaml says once a job has read it, and by the defaults while it has changed since', async () => {
    vigil = await scratchVigil({
      expiresInMin: 300,
      settings: 'statusline: { variant: ascii, segments: [weekly, account] }',
    })
    await expect.poll(() => Date.now() - statSync(vigil.paths.settings).ctimeMs > 2500, { timeout: 20_000 }).toBe(true)
    await vigil.run('fetch-quota')
    expect((await runLine(vigil.home, '{}')).stdout).toMatch(/^wk:\d+h\(40%\)@\w{3} acct:slot-1 1\/1\n$/)
    vigil.settings('')
    expect((await runLine(vigil.home, '{}')).stdout).toMatch(/📅:\d+h\(40%\)/u)
  })
  it('loses no update of a slot with fifty lines and three jobs at once', async () => {
    vigil = await scratchVigil({ count: 3, expiresInMin: 300 })
    await vigil.run('fetch-quota')
    const requestsOf = (slot: string) => json(join(vigil.paths.slots, `${slot}.json`)).requests.requestedAt.length
    for (let round = 0; round < 3; round++) {
      for (const n of [1, 2, 3]) {
        const path = join(vigil.paths.slots, `slot-${n}.json`)
        const slot = json(path)
        slot.observation.measuredAt -= 8 * MIN
        writeFileSync(path, JSON.stringify(slot))
      }
      const words = (n: number) =>
        told(20 + n / 10, 1000 * round + n).replaceAll(SESSION, SESSION.slice(0, -2) + String(n).padStart(2, '0'))
      const jobs = ['fetch-quota', 'refresh-tokens', 'watchdog'].map(job => vigil.run(job))
      const lines = Array.from({ length: 50 }, (_, n) => runLine(vigil.home, words(n)))
      for (const { code, stderr } of await Promise.all(lines)) expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      for (const { stderr } of await Promise.all(jobs)) expect(stderr).toBe('')
    }
    const counted = [1, 2, 3].map(n => requestsOf(`slot-${n}`)).reduce((sum, count) => sum + count)
    const asked = vigil.standIn.requests.filter(({ path }) => path === '/api/oauth/usage').length
    expect(counted).toBe(asked)
    for (const name of namesIn(vigil.paths.harvest)) expect(json(join(vigil.paths.harvest, name)).schema).toBe(1)
    expect(dirname(vigil.paths.harvest)).toBe(vigil.paths.health)
  })
})
