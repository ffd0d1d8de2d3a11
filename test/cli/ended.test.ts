import { afterEach, expect, it, vi } from 'vitest'
import { sayWhyItEnded } from '../../cli/ended.ts'
import { PublishError } from '../../lib/edges/fs.ts'
import { SettingsError } from '../../lib/settings-defaults.ts'

afterEach(() => {
  vi.restoreAllMocks()
  process.exitCode = undefined
})
const systemError = (code: string) => Object.assign(new Error(`${code}: no`), { code })

it.each([
  [new SettingsError('vigil.yaml', ['line 1: no']), 78, 'vigil.yaml has 1 problem; nothing was changed:\n  line 1: no'],
  [new PublishError('/x/alerts.json', systemError('EACCES')), 77, 'alerts.json was not written: EACCES: no'],
  [systemError('ENOSPC'), 1, 'ENOSPC: no'],
])('%s is said in a sentence', (error, code, said) => {
  const write = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  sayWhyItEnded('alerts', error)
  expect(write.mock.calls).toEqual([[`vigil alerts: ${said}\n`]])
  expect(process.exitCode).toBe(code)
})

it.each([new TypeError('x is undefined'), Object.assign(new Error('no'), { code: 'ERR_INVALID_ARG_TYPE' })])(
  'a bug of ours (%s) keeps its place in the program',
  error => {
    expect(() => sayWhyItEnded('alerts', error)).toThrow(error)
  },
)
