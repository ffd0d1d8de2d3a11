// Stand-ins for the programs of a machine's schedulers. The crontab is a file; what was asked of the others is put down.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface FakeSchedulers {
  /** The folder to put first on the PATH. */
  bin: string
  crontab(): Buffer | null
  setCrontab(content: Buffer | string): void
  /** From now on `crontab` ends with 1 and these words. */
  breakCrontab(words: string): void
  /** Each call of systemctl and launchctl, in order. */
  calls(): string[]
}

/** @param home where the programs and their state go */
export function fakeSchedulers(home: string): FakeSchedulers {
  const bin = join(home, 'fake-bin')
  mkdirSync(bin)
  const file = join(bin, 'crontab.txt')
  const log = join(bin, 'calls.txt')
  const program = (name: string, script: string) =>
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
  const works = `case "$1" in
  -l) [ -e '${file}' ] || { echo "no crontab for $LOGNAME" >&2; exit 1; }; cat '${file}' ;;
  -r) rm '${file}' ;;
  -) cat >'${file}' ;;
  *) exit 2 ;;
esac`
  program('crontab', works)
  program('systemctl', `echo "systemctl $*" >>'${log}'`)
  program('launchctl', `echo "launchctl $*" >>'${log}'`)
  return {
    bin,
    crontab: () => (existsSync(file) ? readFileSync(file) : null),
    setCrontab: content => writeFileSync(file, content),
    breakCrontab: words => program('crontab', `echo '${words}' >&2; exit 1`),
    calls: () => (existsSync(log) ? readFileSync(log, 'utf8').trimEnd().split('\n') : []),
  }
}
