import { appendFileSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type ProgramOptions, runProgram } from '../../../lib/edges/shell.ts'

const SH = '/bin/sh'

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-shell-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

function options(more: Partial<ProgramOptions> = {}): ProgramOptions {
  return {
    stderrPath: join(scratch(), 'stderr.log'),
    deadlineMs: 20_000,
    maxOutputBytes: 100_000,
    env: { PATH: '/usr/bin:/bin' },
    ...more,
  }
}

/** A file that a script writes a process id into; what bears that id is ended with the test. */
function pidFile(): { path: string; pid: () => number } {
  const path = join(scratch(), 'pid')
  const pid = () => Number(readFileSync(path, 'utf8'))
  onTestFinished(() => {
    if (isAlive(pid())) process.kill(pid(), 'SIGKILL')
  })
  return { path, pid }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
  } catch {
    return false // No such process.
  }
  // A killed process stays in the table until its parent has asked for it; in a container nobody may ever do so.
  return process.platform !== 'linux' || !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
}

async function gone(pid: number): Promise<boolean> {
  for (let tries = 0; tries < 100 && isAlive(pid); tries += 1) await new Promise(done => setTimeout(done, 20))
  return !isAlive(pid)
}

test('a program that ends by itself gives its output and its exit code', async () => {
  const result = await runProgram([SH, '-c', 'echo out; echo err >&2; exit 3'], options())
  expect(result).toEqual({ exitCode: 3, stdout: 'out\n', stderrTail: 'err\n', ended: 'byItself' })
})

test('a program that a signal ended has no exit code', async () => {
  const result = await runProgram([SH, '-c', 'kill -9 $$'], options())
  expect(result).toMatchObject({ exitCode: null, ended: 'byItself' })
})

test('output in many bytes a character arrives whole', async () => {
  const result = await runProgram([SH, '-c', "printf 'gr\\303'; sleep 0.2; printf '\\274n'"], options())
  expect(result.stdout).toBe('grün')
})

test('arguments arrive as they are', async () => {
  const words = [
    'two words',
    '',
    `it's "quoted"`,
    '$(id) `id` $HOME ${PATH}',
    'line one\nline two\n',
    '\ttab\\backslash\\n',
    '*',
    '~',
    '-n',
    ';exit 9',
    'ünïcödé \u0001',
  ]
  const show = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))'
  const result = await runProgram([process.execPath, '-e', show, '--', ...words], options())
  expect(JSON.parse(result.stdout)).toEqual(words)
})

test.each([[{}], [{ A: '1', B: 'two words' }], [{ PWD: '/nowhere', SHLVL: '7', _: 'x', BASH_ENV: '/nowhere' }]])(
  'the environment is exactly %j',
  async env => {
    const result = await runProgram(['/usr/bin/env'], options({ env }))
    const lines = result.stdout.split('\n').filter(line => line !== '')
    expect(lines.sort()).toEqual(
      Object.entries(env)
        .map(([name, value]) => `${name}=${value}`)
        .sort(),
    )
  },
)

test.each([
  ['is not there', 'ENOENT', null],
  ['may not be run', 'EACCES', 0o600],
])('a program that %s is an error that names it', async (_what, code, mode) => {
  const path = join(scratch(), 'program')
  if (mode !== null) writeFileSync(path, 'neither script nor binary', { mode })
  const run = runProgram([path, 'argument'], options({ deadlineMs: 5000 }))
  await expect(run).rejects.toThrow(`${path} cannot be started (${code})`)
})

test('an argument that no program can be given is an error too', async () => {
  const run = runProgram(['/bin/echo', 'a\0b'], options({ deadlineMs: 5000 }))
  await expect(run).rejects.toThrow('/bin/echo cannot be started (ERR_INVALID_ARG_VALUE)')
})

test('a program reads its input to the end', async () => {
  const input = `${'x'.repeat(300_000)}\nlast line\n`
  const result = await runProgram(['/bin/cat'], options({ input, maxOutputBytes: 400_000 }))
  expect(result.stdout === input).toBe(true)
})

test.each([['no'], ['empty']])('a program with %s input reads the end of it at once', async kind => {
  const result = await runProgram(['/bin/cat'], options({ deadlineMs: 3000, ...(kind === 'empty' && { input: '' }) }))
  expect(result).toMatchObject({ exitCode: 0, stdout: '', ended: 'byItself' })
})

test('a program that does not read its input breaks nothing', async () => {
  const result = await runProgram([SH, '-c', 'exec <&-; sleep 0.2; exit 4'], options({ input: 'y'.repeat(2_000_000) }))
  expect(result).toMatchObject({ exitCode: 4, ended: 'byItself' })
})

test('stderr is added to its file, which only its owner may read, and the tail is of this run alone', async () => {
  const given = options()
  const first = await runProgram([SH, '-c', 'echo first >&2'], given)
  expect(statSync(given.stderrPath).mode & 0o777).toBe(0o600)
  appendFileSync(given.stderrPath, 'somebody else\n')
  const second = await runProgram([SH, '-c', 'echo second >&2'], given)
  expect(first.stderrTail).toBe('first\n')
  expect(second.stderrTail).toBe('second\n')
  expect(readFileSync(given.stderrPath, 'utf8')).toBe('first\nsomebody else\nsecond\n')
})

test('of a long stderr the tail is the last 2 KiB, and the file holds it all', async () => {
  const given = options()
  const write = 'process.stderr.write("a".repeat(5000) + "b".repeat(2048))'
  const result = await runProgram([process.execPath, '-e', write], given)
  expect(result.stderrTail).toBe('b'.repeat(2048))
  expect(statSync(given.stderrPath).size).toBe(7048)
})

test.each([
  [999, 'byItself', 999],
  [1000, 'byItself', 1000],
  [1001, 'tooMuchOutput', 0],
])('of a limit of 1,000 bytes, %i bytes end %s and give %i', async (size, ended, kept) => {
  const write = `process.stdout.write("x".repeat(${size}))`
  const result = await runProgram([process.execPath, '-e', write], options({ maxOutputBytes: 1000 }))
  expect(result.ended).toBe(ended)
  expect(result.stdout.length).toBe(kept)
})

test('output over the limit is refused whole, with what came before', async () => {
  const script = 'echo first; sleep 0.2; echo second; sleep 0.2; echo third'
  const result = await runProgram([SH, '-c', script], options({ maxOutputBytes: 10 }))
  expect(result).toMatchObject({ stdout: '', ended: 'tooMuchOutput' })
})

test('a program that writes without end and ignores SIGTERM is not read on', async () => {
  const from = performance.now()
  const result = await runProgram([SH, '-c', 'trap "" TERM; yes'], options({ maxOutputBytes: 1000, killGraceMs: 3000 }))
  expect(result).toMatchObject({ stdout: '', ended: 'tooMuchOutput' })
  // It fails to write, long before it would be killed.
  expect(performance.now() - from).toBeLessThan(2500)
})

test('at the deadline the whole group is ended, with a grandchild that ignores SIGTERM', async () => {
  const { path, pid } = pidFile()
  const script = `(trap '' TERM; sleep 60 & echo $! > '${path}'; wait) >&- & sleep 60`
  const result = await runProgram([SH, '-c', script], options({ deadlineMs: 1000, killGraceMs: 300 }))
  expect(result).toMatchObject({ exitCode: null, ended: 'atDeadline' })
  expect(await gone(pid())).toBe(true)
})

test('a grandchild that ignores SIGTERM and holds stdout open is ended too', async () => {
  const { path, pid } = pidFile()
  const script = `(trap '' TERM; sleep 60 & echo $! > '${path}'; wait) & echo begun; sleep 60`
  const result = await runProgram([SH, '-c', script], options({ deadlineMs: 1000, killGraceMs: 300 }))
  expect(result).toMatchObject({ stdout: 'begun\n', ended: 'atDeadline' })
  expect(await gone(pid())).toBe(true)
})

test('a program that ignores SIGTERM has its grace, then is killed', async () => {
  const from = performance.now()
  const script = 'trap "" TERM; while :; do sleep 0.05; done'
  const result = await runProgram([SH, '-c', script], options({ deadlineMs: 1000, killGraceMs: 700 }))
  expect(result).toMatchObject({ exitCode: null, ended: 'atDeadline' })
  expect(performance.now() - from).toBeGreaterThanOrEqual(1700)
  expect(performance.now() - from).toBeLessThan(8000)
})

test('a program that ends in order on SIGTERM keeps its exit code', async () => {
  const script = 'trap "echo bye; exit 5" TERM; echo hello; while :; do sleep 0.05; done'
  const result = await runProgram([SH, '-c', script], options({ deadlineMs: 1000 }))
  expect(result).toMatchObject({ exitCode: 5, stdout: 'hello\nbye\n', ended: 'atDeadline' })
})

test('a grandchild that holds stdout open does not hang the call', async () => {
  const { path } = pidFile()
  const from = performance.now()
  const result = await runProgram([SH, '-c', `sleep 60 & echo $! > '${path}'; echo done; exit 6`], options())
  expect(result).toMatchObject({ exitCode: 6, stdout: 'done\n', ended: 'byItself' })
  expect(performance.now() - from).toBeLessThan(5000)
})

test('a grandchild that holds stderr open is not waited for at all', async () => {
  const { path } = pidFile()
  const from = performance.now()
  const result = await runProgram([SH, '-c', `sleep 60 >&- & echo $! > '${path}'; exit 6`], options())
  expect(result).toMatchObject({ exitCode: 6, ended: 'byItself' })
  expect(performance.now() - from).toBeLessThan(900)
})

test('an abort ends the whole group', async () => {
  const { path, pid } = pidFile()
  const abort = new AbortController()
  const run = runProgram([SH, '-c', `sleep 60 & echo $! > '${path}'; wait`], options({ signal: abort.signal }))
  setTimeout(() => abort.abort(), 800)
  expect(await run).toMatchObject({ exitCode: null, ended: 'aborted' })
  expect(await gone(pid())).toBe(true)
})

test('after an abort nothing is started', async () => {
  const path = join(scratch(), 'trace')
  const run = runProgram([SH, '-c', `echo begun > '${path}'; sleep 60`], options({ signal: AbortSignal.abort() }))
  expect(await run).toEqual({ exitCode: null, stdout: '', stderrTail: '', ended: 'aborted' })
  expect(() => statSync(path)).toThrow('ENOENT')
})
