// No token anywhere but in Claude Code's own store, whatever goes wrong; nothing of Vigil's open to other users.
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { FaultAction } from '../../sandbox/stand-in.ts'
import { REPO, type ScratchVigil } from '../support/scratch-vigil.ts'
import { nameOf, recordSteps, strike } from './kill-points.ts'
import { type LeakFinder, leakFinder } from './leaks.ts'
import * as tools from './tools.ts'

const JOBS = readdirSync(join(REPO, 'jobs'))
  .filter(name => name.endsWith('.ts'))
  .map(name => name.replace('.ts', ''))

interface Canary {
  vigil: ScratchVigil
  leaks: LeakFinder
  /** Runs a job and looks at everything that it wrote, said, and started with which words and environment. */
  run(job: string, onPid?: (pid: number) => void): Promise<{ code: number | null; problems: string[] }>
  /** The first login anew in an emptied home. */
  loginAgain(expiresInMs?: number): { accessToken: string; refreshToken: string }
  /** Where a token stands in a file that is not Claude Code's store. */
  inFiles(): string[]
}

async function canary(lifetime: tools.Lifetime): Promise<Canary> {
  const leaks = leakFinder()
  const seen: string[] = []
  const vigil = await tools.scratch(lifetime, {
    // While a request is under way, whatever runs in this home is looked at from outside.
    onRequest: () => {
      seen.push(...processesIn(vigil.home))
    },
  })
  const learn = () => {
    for (const login of vigil.logins) for (const token of [login.accessToken, login.refreshToken]) leaks.know(token)
    for (const token of tokensIn(tools.textIfThere(join(vigil.dir(0), '.credentials.json')))) leaks.know(token)
    for (const { body, headers } of vigil.standIn.requests) {
      for (const token of tokensIn(`${body} ${headers['authorization']}`)) leaks.know(token)
    }
  }
  const inFiles = () => {
    learn()
    return tools
      .filesBelow(vigil.home)
      .filter(path => path !== join(vigil.dir(0), '.credentials.json') && lstatSync(path).isFile())
      .flatMap(path =>
        leaks.find(readFileSync(path, 'latin1')).map(leak => `${path.replace(vigil.home, '~')}: ${leak}`),
      )
  }
  return {
    vigil,
    leaks,
    inFiles,
    loginAgain(expiresInMs = 5 * 60_000) {
      learn()
      const login = tools.loginAgain(vigil, 0, { emptyHome: true, expiresInMs })
      learn()
      return login
    },
    async run(job, onPid = () => undefined) {
      seen.length = 0
      const options = { trace: 'execve,execveat', verbose: true, stringLimit: 100_000, onPid }
      const run = await tools.traced(tools.jobCommand(job), vigil.env, options)
      learn()
      const said = {
        stdout: run.stdout,
        stderr: run.stderr,
        'a command line or an environment': [...run.calls.map(call => call.text), ...seen].join('\n'),
      }
      expect(run.calls.length, 'programs seen to start').toBeGreaterThan(0)
      const problems = Object.entries(said).flatMap(([where, text]) =>
        leaks.find(text).map(leak => `${where}: ${leak}`),
      )
      return {
        code: run.code,
        problems: [...problems, ...inFiles(), ...openToOthers(vigil)].map(what => `${job}, ${what}`),
      }
    },
  }
}

const tokensIn = (text: string) => text.match(/sk-ant-o[ar]t01-[\w-]+/g) ?? []

/** Command line and environment of each process that has this home. */
function processesIn(home: string): string[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .flatMap(pid => {
      try {
        const environ = readFileSync(`/proc/${pid}/environ`, 'latin1')
        return environ.includes(home) ? [`${readFileSync(`/proc/${pid}/cmdline`, 'latin1')}\n${environ}`] : []
      } catch {
        return [] // it has ended meanwhile
      }
    })
}

/** What under session-health somebody else could read or enter. */
function openToOthers(vigil: ScratchVigil): string[] {
  const below = tools.ifThere(() => readdirSync(vigil.paths.health, { recursive: true }).map(String))
  return ['.', ...(below ?? [])].flatMap(name => {
    const path = join(vigil.paths.health, name)
    const stat = tools.ifThere(() => lstatSync(path))
    if (stat === null) return []
    const mode = stat.mode & 0o777
    const wanted = stat.isDirectory() ? 0o700 : 0o600
    return mode === wanted ? [] : [`session-health/${name} has mode ${mode.toString(8)}, not ${wanted.toString(8)}`]
  })
}

/** The token in each of the forms in which a server or a proxy may echo it. */
function forms(token: string): string {
  const bytes = Buffer.from(token)
  const percent = [...bytes].map(byte => `%${byte.toString(16)}`).join('')
  const escaped = [...bytes].map(byte => `\\u00${byte.toString(16)}`).join('')
  return [
    token,
    `Bearer ${token}`,
    bytes.toString('base64'),
    bytes.toString('base64url'),
    Buffer.from(`a:${token}`).toString('base64'),
    encodeURIComponent(`?t=${token}&x`),
    percent,
    escaped,
    bytes.toString('hex'),
  ].join(' | ')
}

/** An error's type is what gets quoted, perhaps cut; so each form has its turn there. */
function errorsNamed(token: string): Record<string, FaultAction> {
  const named = forms(token)
    .split(' | ')
    .map((form, index) => [`form ${index + 1} of the token for an error`, form])
  return Object.fromEntries(
    named.map(([name, form]) => [
      name,
      { kind: 'answer', status: 500, body: { type: 'error', error: { type: form } } },
    ]),
  )
}

/** Everything the stand-in can do to a request that carries this token, but hanging. */
function faultsWith(token: string): Record<string, FaultAction> {
  const all = forms(token)
  const faults: Record<string, FaultAction> = {
    garbage: { kind: 'garbage', body: `<html>${all}` },
    'a piece of JSON': { kind: 'garbage', body: `{"access_token":"${token}", ${all}` },
    'the token alone': { kind: 'garbage', body: token },
    'a list': { kind: 'garbage', body: JSON.stringify([all]) },
    'a redirect': { kind: 'redirect', location: `http://127.0.0.1:1/${token}?t=${encodeURIComponent(all)}` },
    'a redirect to nowhere': { kind: 'redirect', location: token },
    'a huge body': { kind: 'huge', bytes: 20_000_000 },
    'no answer': { kind: 'drop-before' },
    'no answer, processed': { kind: 'drop-after' },
  }
  for (const bytes of [0, 1, 30, 60, 150, 300]) faults[`${bytes} bytes of the answer`] = { kind: 'truncate', bytes }
  for (const status of [200, 400, 401, 403, 404, 418, 429, 500, 503]) {
    faults[`${status} with text`] = { kind: 'answer', status, body: all }
    const error = { type: 'error', error: { type: token, message: all }, request_id: token }
    faults[`${status} with an error of that type`] = { kind: 'answer', status, body: error }
  }
  const headers = {
    'retry-after': token,
    'www-authenticate': `Bearer ${token}`,
    'content-type': token,
    'x-request-id': token,
  }
  faults['429 with headers'] = { kind: 'answer', status: 429, headers, body: all }
  faults['503 with headers'] = { kind: 'answer', status: 503, headers, body: { error: all } }
  return faults
}

function tokenFaults(token: string): Record<string, FaultAction> {
  const answer = (body: object, status = 200): FaultAction => ({ kind: 'answer', status, body })
  const good = { access_token: token.replace(/.{20}$/, 'a'.repeat(20)), expires_in: 28_800, token_type: 'Bearer' }
  return {
    ...faultsWith(token),
    ...errorsNamed(token),
    'invalid_grant with a description': answer({ error: 'invalid_grant', error_description: forms(token) }, 400),
    'invalid_scope with a description': answer({ error: 'invalid_scope', error_description: forms(token) }, 400),
    'an error named like the token': answer({ error: token, error_description: token }, 400),
    'an expires_in that is a token': answer({ ...good, expires_in: token }),
    'an access token in an object': answer({ ...good, access_token: { value: token } }),
    'a refresh token in a list': answer({ ...good, refresh_token: [token] }),
    'a scope that is a token': answer({ ...good, scope: token, token_type: token }),
    'an account named like the token': answer({
      ...good,
      account: { uuid: token, email_address: `${token}@example.com` },
    }),
    'no expires_in': { kind: 'omit', fields: ['expires_in'] },
    'no access token': { kind: 'omit', fields: ['access_token'] },
    'no refresh token': { kind: 'omit', fields: ['refresh_token', 'scope', 'account', 'organization'] },
  }
}

function usageFaults(token: string): Record<string, FaultAction> {
  const answer = (body: object, status = 200): FaultAction => ({ kind: 'answer', status, body })
  const window = { utilization: 12, resets_at: token }
  return {
    ...faultsWith(token),
    ...errorsNamed(token),
    'a window that resets at a token': answer({
      five_hour: window,
      seven_day: { utilization: token, resets_at: null },
    }),
    'a window named like the token': answer({ five_hour: { utilization: 1, resets_at: null }, [token]: window }),
    'a model named like the token': answer({
      limits: [
        { kind: 'weekly_scoped', group: token, percent: 3, resets_at: null, scope: { model: { display_name: token } } },
        { kind: token, group: 'weekly', percent: 3, resets_at: null, scope: null },
      ],
    }),
    'a currency named like the token': answer({
      five_hour: { utilization: 1, resets_at: null },
      extra_usage: {
        is_enabled: true,
        monthly_limit: 5,
        used_credits: 3,
        utilization: 1,
        currency: token,
        decimal_places: 2,
      },
    }),
  }
}

/** Each of the faults in a home of its own, spread over two at a time. */
async function overFaults(
  lifetime: tools.Lifetime,
  faultsOf: (token: string) => Record<string, FaultAction>,
  play: (canary: Canary, name: string) => Promise<string[]>,
): Promise<void> {
  const problems: string[] = []
  const lanes = [await canary(lifetime), await canary(lifetime)]
  await tools.inParallel(Object.keys(faultsOf('')), lanes.length, async (name, lane) => {
    const found = await play(lanes[lane]!, name)
    problems.push(...found.map(problem => `${name}: ${problem}`))
  })
  expect(problems).toEqual([])
}

test.concurrent('no token is shown, whatever the token endpoint answers', async lifetime => {
  await overFaults(lifetime, tokenFaults, async ({ vigil, loginAgain, run }, name) => {
    const { refreshToken } = loginAgain()
    vigil.standIn.clearFaults()
    vigil.standIn.fault({ endpoint: 'token', action: tokenFaults(refreshToken)[name]! })
    const first = await run('refresh-tokens')
    expect(vigil.standIn.state().faultsLeft, `${name} struck; ${JSON.stringify(first)}`).toBe(0)
    const second = await run('refresh-tokens')
    // An answer that nobody understands stays in the journal for the next run, as after a kill; no longer.
    const kept = first.problems.filter(problem => !/\.vigil-refresh-[0-9a-f]{16}\.journal/.test(problem))
    return [...kept, ...second.problems.map(problem => `the second time, ${problem}`)]
  })
})

test.concurrent('no token is shown, whatever the usage endpoint answers', async lifetime => {
  await overFaults(lifetime, usageFaults, async ({ vigil, loginAgain, run }, name) => {
    const { accessToken } = loginAgain(5 * 3600_000)
    vigil.standIn.clearFaults()
    vigil.standIn.fault({ endpoint: 'usage', action: usageFaults(accessToken)[name]! })
    const first = await run('fetch-quota')
    expect(vigil.standIn.state().faultsLeft, `${name} struck; ${JSON.stringify(first)}`).toBe(0)
    const second = await run('fetch-quota')
    return [...first.problems, ...second.problems]
  })
})

const HANGING = [
  ['refresh-tokens', 'token', 'hang-before'],
  ['refresh-tokens', 'token', 'hang-after'],
  ['fetch-quota', 'usage', 'hang-before'],
] as const

test.concurrent('no token is shown by a run that is told to stop while nobody answers', async lifetime => {
  await tools.inParallel([...HANGING], HANGING.length, async ([job, endpoint, kind]) => {
    const { vigil, loginAgain, run } = await canary(lifetime)
    loginAgain(job === 'fetch-quota' ? 5 * 3600_000 : undefined)
    vigil.standIn.fault({ endpoint, action: { kind } })
    let pid = 0
    const running = run(job, started => {
      pid = started
    })
    await tools.until('the request was there', () => vigil.standIn.state().faultsLeft === 0)
    process.kill(pid, 'SIGTERM')
    const stopped = (await running).problems.filter(problem => !/\.vigil-refresh-[0-9a-f]{16}\.journal/.test(problem))
    expect([...stopped, ...(await run(job)).problems], `${job}, ${kind}`).toEqual([])
  })
})

/** Credentials files that nobody wants, with tokens where a parser stumbles over them. */
function brokenStores(access: string, refresh: string): Record<string, string> {
  const login = { accessToken: access, refreshToken: refresh, expiresAt: Date.now() - 1, scopes: ['user:inference'] }
  const whole = JSON.stringify({ claudeAiOauth: login })
  const having = (field: object) => JSON.stringify({ claudeAiOauth: { ...login, ...field } })
  return {
    'cut short': whole.slice(0, whole.indexOf(refresh) + 60),
    'the token alone': refresh,
    'the token in one quote': `'${refresh}'`,
    'a line break in the token': whole.replace(refresh, `${refresh.slice(0, 50)}\n${refresh.slice(50)}`),
    'a quote in the token': whole.replace(refresh, `${refresh.slice(0, 50)}"${refresh.slice(50)}`),
    'an escape in the token': whole.replace(refresh, `${refresh.slice(0, 50)}\\q${refresh.slice(50)}`),
    'two in one': whole + whole,
    'a byte order mark': `\ufeff${whole}`,
    'a token for a key': JSON.stringify({ [refresh]: { [access]: 1 } }),
    'a token for a login': JSON.stringify({ claudeAiOauth: refresh }),
    'a list': JSON.stringify([login]),
    'a token for a time': having({ expiresAt: refresh, refreshTokenExpiresAt: access }),
    'tokens for scopes': having({ scopes: [refresh, { [access]: 1 }] }),
    'a token for scopes': having({ scopes: refresh }),
    'a refresh token in an object': having({ refreshToken: { value: refresh } }),
    'an access token in a list': having({ accessToken: [access] }),
    'a token for a plan': having({ subscriptionType: refresh, rateLimitTier: access }),
    'a line break after the token': having({
      refreshToken: `${refresh}\r\nX-Header: ${refresh}`,
      accessToken: `${access}\n`,
    }),
    'a logged-out husk beside a token': having({ accessToken: '', refreshToken: '', expiresAt: 0, old: refresh }),
  }
}

test.concurrent('no token is shown, by any job, whatever stands in the credentials file', async lifetime => {
  const problems: string[] = []
  const lanes = [await canary(lifetime), await canary(lifetime)]
  await tools.inParallel(Object.keys(brokenStores('', '')), lanes.length, async (name, lane) => {
    const { vigil, loginAgain, run } = lanes[lane]!
    const { accessToken, refreshToken } = loginAgain(-60_000)
    vigil.writeCredentials(0, brokenStores(accessToken, refreshToken)[name])
    for (const job of JOBS) problems.push(...(await run(job)).problems.map(problem => `${name}: ${problem}`))
  })
  expect(problems).toEqual([])
})

test.concurrent('no token is shown, by any job, where the store is too open, a link, a directory, or the settings hold one', async lifetime => {
  const { vigil, loginAgain, run } = await canary(lifetime)
  const store = join(vigil.dir(0), '.credentials.json')
  const settings = vigil.paths.settings
  const spoil: Record<string, (token: string) => void> = {
    'nothing is wrong': () => undefined,
    'the store can be read by all': () => chmodSync(store, 0o644),
    'the store is a link': () => {
      renameSync(store, join(vigil.home, 'elsewhere'))
      chmodSync(join(vigil.home, 'elsewhere'), 0o644)
      symlinkSync(join(vigil.home, 'elsewhere'), store)
      rmSync(join(vigil.home, 'elsewhere'))
    },
    'the store is a directory': () => {
      rmSync(store)
      mkdirSync(store)
    },
    'a token for a setting': token =>
      writeFileSync(settings, `refresh: ${token}\nrefresh_ahead: ${token}\n${token}: 1\n`),
    'a token in an address': token => writeFileSync(settings, `endpoints: { api: "https://${token}@example.com/" }\n`),
    'settings that are not YAML': token => writeFileSync(settings, `refresh: [${token}\n  "${token}: }`),
    'accounts that are not YAML': token => writeFileSync(vigil.paths.accounts, `accounts:\n  ${token}: [\n "${token}`),
    'a token for a standing': token => {
      writeFileSync(
        vigil.paths.accounts,
        `current: ${token}\naccounts:\n  a:\n    config_dir: ~/.claude\n    status: ${token}\n`,
      )
    },
  }
  const problems: string[] = []
  for (const [name, act] of Object.entries(spoil)) {
    const { refreshToken } = loginAgain(-60_000)
    act(refreshToken)
    const written = [settings, vigil.paths.accounts].map(path => tools.textIfThere(path)).join('\n')
    for (const job of JOBS) {
      const found = (await run(job)).problems
      // What a person wrote into a file of theirs stays there; only copies of it are leaks.
      const own = (problem: string) =>
        written.includes(refreshToken) && /~\/\.claude\/config\/[\w-]+\.yaml: /.test(problem)
      problems.push(...found.filter(problem => !own(problem)).map(problem => `${name}: ${problem}`))
    }
  }
  expect(problems).toEqual([])
})

test.concurrent('a killed run leaves tokens only in the store, beside it for the next one, and in its journal; the next run clears that', async lifetime => {
  const problems: string[] = []
  await tools.inParallel([0, 1], 2, async lane => {
    const { vigil, loginAgain, run, inFiles } = await canary(lifetime)
    loginAgain()
    const steps = (await recordSteps(vigil)).filter(step =>
      /journal|refreshing|credentials|lock$/.test(step.path ?? 'socket'),
    )
    expect(steps.length).toBeGreaterThan(20)
    for (const step of steps.filter((_, index) => index % 2 === lane)) {
      loginAgain()
      const killed = await strike(vigil, step, 'kill')
      if (step.path !== null) expect(killed.signal, nameOf(step, vigil.home)).toBe('SIGKILL')
      const allowed = /^~\/\.claude\/\.([^/]*vigil-refresh[^/]*|[^/]*credentials[^/]*\.vigil-tmp: )/
      const left = [...inFiles().filter(leak => !allowed.test(leak)), ...openToOthers(vigil)]
      tools.removeClaudeLocks(vigil)
      const next = await run('refresh-tokens')
      const where = `killed at ${nameOf(step, vigil.home)}`
      problems.push(...left.map(leak => `${where}: ${leak}`), ...next.problems.map(leak => `${where}, then ${leak}`))
    }
  })
  expect(problems).toEqual([])
})

test('the search itself finds a token in each of the forms', () => {
  const leaks = leakFinder()
  const token = `sk-ant-ort01-${'aB3_dE-fG9'.repeat(5)}Zq7Lk2Mn8Pv4Rt6Yw1Xs5Uc9Oi3Hj0${'_-'.repeat(8)}`
  leaks.know(token)
  for (const form of forms(token).split(' | ')) expect(leaks.find(`..."${form}",...`), form).not.toEqual([])
  for (let start = 13; start < 40; start++) expect(leaks.find(`"${token.slice(start, start + 10)}"`)).not.toEqual([])
  expect(leaks.find('sk-ant-ort01-unheard-of')).not.toEqual([])
  expect(leaks.find('sk-ant-… and a fingerprint, 0a1b2c3d4e5f')).toEqual([])
})
