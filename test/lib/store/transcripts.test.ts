import { appendFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { idsAndLastTime, type Known, listTranscripts, lookAt } from '../../../lib/store/transcripts.ts'
import { lineOf, promptLine } from '../../support/histories.ts'

const CUT = Date.parse('2026-11-19T22:00:00.001Z')
const DAY = Date.parse('2026-11-20T00:00:00.000Z')

function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'vigil-transcripts-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A transcript that can be added to and looked at, and what is left of it by the ranges. */
function transcript() {
  const folder = scratch()
  const path = join(folder, 's.jsonl')
  writeFileSync(path, '')
  return {
    path,
    add: (...lines: string[]) => appendFileSync(path, lines.join('')),
    look: (known: Known | null = null) =>
      lookAt(folder, listTranscripts(folder)!.files.get('s.jsonl')!, { cutAt: CUT, dayStartsAt: DAY }, known),
    left({ ranges }: Known): string[] {
      const bytes = readFileSync(path)
      const parts = ranges.flatMap((from, index) =>
        index % 2 === 1 ? [] : [bytes.subarray(from, ranges[index + 1] === -1 ? undefined : ranges[index + 1])],
      )
      return [
        ...Buffer.concat(parts)
          .toString()
          .matchAll(/"id":"msg_(\w+)"/g),
      ].map(match => match[1]!)
    },
    ids: () => idsAndLastTime(folder, listTranscripts(folder)!.files.get('s.jsonl')!),
  }
}

describe('a look at a transcript', () => {
  it.each([
    ['before the cut', CUT - 1, { beforeCut: 1, beforeToday: 0 }, [1, 0, 0], []],
    ['at the cut', CUT, { beforeCut: 0, beforeToday: 1 }, [0, 1, 0], ['a']],
    ['before today', DAY - 1, { beforeCut: 0, beforeToday: 1 }, [0, 1, 0], ['a']],
    ['of today', DAY, { beforeCut: 0, beforeToday: 0 }, [0, 0, 1], ['a']],
    ['of the future', DAY + 9e9, { beforeCut: 0, beforeToday: 0 }, [0, 0, 1], ['a']],
  ])('tells an entry %s', (_when, at, counts, ids, left) => {
    const { add, look, left: leftOf } = transcript()
    add(promptLine(at), lineOf({ at, id: 'a' }))
    const seen = look()!
    expect(seen).toMatchObject(counts)
    expect([seen.idsBeforeCut.length, seen.idsBeforeToday.length, seen.ids.length]).toEqual(ids)
    expect(leftOf(seen.known)).toEqual(left)
  })

  it('takes out the entries from before the cut wherever they stand', () => {
    const { add, look, left } = transcript()
    const of = (id: string, at: number) => lineOf({ at, id })
    add(of('a', CUT - 9), promptLine(1), of('b', DAY), of('c', CUT - 8), of('d', CUT), promptLine(DAY), of('e', 0))
    const { known } = look()!
    expect(left(known)).toEqual(['b', 'd'])
    add(of('f', DAY + 1))
    const next = look(known)!
    expect([left(next.known), next.ids.length]).toEqual([['b', 'd', 'f'], 1])
  })

  it('links as a whole what has nothing from before, or nothing at all yet', () => {
    const { add, look } = transcript()
    expect(look()!.known.ranges).toEqual([0, -1])
    add(promptLine(1), lineOf({ at: DAY, id: 'a' }))
    expect(look()!.known.ranges).toEqual([0, -1])
  })

  it('looks only at new lines, and again at one that was not whole', () => {
    const { add, look } = transcript()
    add(lineOf({ at: DAY, id: 'a' }))
    const first = look()!
    const line = lineOf({ at: CUT - 1, id: 'b' })
    add(line.slice(0, 250))
    const second = look(first.known)!
    expect([second.beforeCut, second.known.scannedTo]).toEqual([0, first.known.scannedTo])
    add(line.slice(250))
    expect(look(second.known)!.beforeCut).toBe(1)
  })

  it.each([
    ['rewritten before its new lines', (text: string) => text.replace('go on', 'go no')],
    ['replaced', (text: string) => 'x'.repeat(text.length)],
  ])('does not take a transcript that was %s for one that grew', (_how, change) => {
    const { add, look, path } = transcript()
    add(promptLine(DAY), lineOf({ at: DAY, id: 'a' }).slice(0, 300), '\n')
    const { known } = look()!
    writeFileSync(path, change(readFileSync(path, 'utf8')) + lineOf({ at: DAY, id: 'b' }))
    expect(look(known)).toBeNull()
  })

  it('leaves out what ccusage leaves out: torn lines, times that are none', () => {
    const { add, look } = transcript()
    add(
      `${lineOf({ at: CUT - 1, id: 'a' }).slice(0, 320)}\n`,
      lineOf({ at: CUT - 1, id: 'b' }).replace(/2026-/g, 'then-'),
    )
    expect(look()).toMatchObject({ beforeCut: 0, beforeToday: 0 })
  })

  it('takes the time of the entry, not one that is told in it', () => {
    const { add, look } = transcript()
    const line = lineOf({ at: DAY, id: 'a' })
    add(line.replace('"command":"ls', '"timestamp":"2026-01-01T00:00:00.000Z","command":"ls'))
    expect(look()).toMatchObject({ beforeCut: 0, ids: [expect.any(Number)] })
    const progress = `{"type":"progress","data":{"message":${line.trim()}},"uuid":"u"}\n`
    add(progress.replaceAll('2026-11-20', '2026-11-18'))
    expect(look()).toMatchObject({ beforeCut: 1 })
  })
})

describe('the ids of a transcript', () => {
  it('are those of its messages, each once, without those of tools', () => {
    const { add, ids } = transcript()
    add(
      lineOf({ at: DAY, id: 'a' }),
      lineOf({ at: DAY, id: 'a' }),
      lineOf({ at: DAY + 5, id: 'b' }),
      promptLine(DAY + 7),
    )
    expect(ids()).toEqual({ ids: [expect.any(Number), expect.any(Number)], lastAt: DAY + 5 })
  })
  it('come with the latest time, wherever it stands', () => {
    const { add, ids } = transcript()
    add(lineOf({ at: CUT, id: 'a' }), lineOf({ at: DAY, id: 'b' }), lineOf({ at: CUT - 7, id: 'c' }))
    expect(ids().lastAt).toBe(DAY)
  })
  it('come with the end of time where one cannot be read', () => {
    const { add, ids } = transcript()
    add(lineOf({ at: CUT, id: 'a' }), lineOf({ at: CUT, id: 'b' }).replace('2026-11-19T', 'yesterday '))
    expect(ids().lastAt).toBe(Number.MAX_SAFE_INTEGER)
  })
  it('are the same in every transcript', () => {
    const [one, other] = [transcript(), transcript()]
    one.add(promptLine(1), lineOf({ at: DAY, id: 'a' }))
    other.add(lineOf({ at: CUT, id: 'a', output: 7 }))
    expect(one.ids().ids).toEqual(other.ids().ids)
  })
  it('are none in one without a message, which has no time either', () => {
    const { add, ids } = transcript()
    add('{}\n')
    expect(ids()).toEqual({ ids: [], lastAt: null })
  })
})

describe('the list of transcripts', () => {
  it('is that of ccusage: *.jsonl at any depth, behind no symbolic link', () => {
    const folder = scratch()
    const put = (path: string) => {
      mkdirSync(join(folder, path, '..'), { recursive: true })
      writeFileSync(join(folder, path), 'x')
    }
    for (const path of [
      'top.jsonl',
      '-p/s.jsonl',
      '-p/s/subagents/a.jsonl',
      '-p/.jsonl',
      '-p/s.JSONL',
      '-p/s.jsonl.bak',
    ])
      put(path)
    mkdirSync(join(folder, '-p/folder.jsonl'))
    symlinkSync(join(folder, '-p'), join(folder, '-linked'))
    symlinkSync(join(folder, 'top.jsonl'), join(folder, 'link.jsonl'))
    const { files, bytes } = listTranscripts(folder)!
    expect([[...files.keys()].sort(), bytes]).toEqual([['-p/s.jsonl', '-p/s/subagents/a.jsonl', 'top.jsonl'], 3])
  })
  it('is none without the folder', () => {
    expect(listTranscripts(join(scratch(), 'projects'))).toBeNull()
  })
})
