// A user of its own with a real desktop: an X server, a session bus where a login would put it, and dunst. Needs root.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { REPO } from './scratch-vigil.ts'

export interface DesktopUser {
  name: string
  uid: number
  home: string
  /** Runs a program as this user, with nothing but what is given in its environment. */
  run(command: [string, ...string[]], env?: Record<string, string>): string
  /** Starts one that stays, until the user goes. */
  start(command: [string, ...string[]], env?: Record<string, string>, stdio?: 'pipe'[]): ChildProcess
  /** Gives a file of root's to the user. */
  give(path: string): void
  /** Ends all that was started here, and removes the user with all that is theirs. */
  remove(): Promise<void>
}

const PATH = '/usr/bin:/bin'

export function makeUser(): DesktopUser {
  const home = mkdtempSync(join(tmpdir(), 'vigil-desktop-'))
  const name = `vigil-${process.pid}`
  execFileSync('/usr/sbin/useradd', ['--home-dir', home, '--no-create-home', '--shell', '/bin/sh', name])
  const id = (flag: string) => Number(execFileSync('id', [flag, name], { encoding: 'utf8' }))
  const [uid, gid] = [id('-u'), id('-g')]
  const runtimeDir = `/run/user/${uid}`
  const started: ChildProcess[] = []
  const give = (path: string) => chownSync(path, uid, gid)
  chmodSync(home, 0o755)
  give(home)
  mkdirSync(runtimeDir, { recursive: true, mode: 0o700 })
  give(runtimeDir)
  return {
    name,
    uid,
    home,
    give,
    run: ([program, ...words], env = {}) =>
      execFileSync(program, words, { uid, gid, cwd: home, encoding: 'utf8', env: { PATH, HOME: home, ...env } }),
    start([program, ...words], env = {}, stdio = []) {
      const options = { uid, gid, cwd: home, env: { PATH, HOME: home, ...env } }
      const child = spawn(program, words, { ...options, stdio: ['ignore', 'ignore', 'ignore', ...stdio] })
      started.push(child)
      return child
    },
    async remove() {
      const ends = started.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)
      const gone = ends.map(child => new Promise(resolve => child.once('exit', resolve)))
      for (const child of ends) child.kill('SIGKILL')
      await Promise.all(gone)
      // What they themselves left behind, such as the bus's own children; userdel would refuse.
      for (const pid of processesOf(uid)) process.kill(pid, 'SIGKILL')
      for (let tries = 0; processesOf(uid).length > 0 && tries < 100; tries++) await sleep(50)
      execFileSync('/usr/sbin/userdel', [name])
      rmSync(runtimeDir, { recursive: true, force: true })
      rmSync(home, { recursive: true, force: true })
    },
  }
}

export interface Screen {
  /** The address of the bus and the display, for programs of that desktop. */
  env: Record<string, string>
  /** What stands on the screen just now: the notices' titles and bodies, the latest first. It closes them. */
  takeNotices(): { title: string; body: string }[]
  shown(): number
  /** @param path of a PNG */
  takePicture(path: string): void
}

/** @param size such as 460x220 */
export async function startDesktop(user: DesktopUser, size: string): Promise<Screen> {
  mkdirSync('/tmp/.X11-unix', { recursive: true })
  chmodSync('/tmp/.X11-unix', 0o1777)
  const server = user.start(
    ['Xvfb', '-displayfd', '3', '-screen', '0', `${size}x24`, '-nolisten', 'tcp', '-dpi', '144'],
    {},
    ['pipe'],
  )
  const number = await new Promise<string>((resolve, reject) => {
    server.stdio[3]!.once('data', chunk => resolve(String(chunk).trim()))
    server.once('exit', () => reject(new Error('Xvfb ended')))
  })
  const bus = `unix:path=/run/user/${user.uid}/bus`
  const env = { DISPLAY: `:${number}`, DBUS_SESSION_BUS_ADDRESS: bus, LC_ALL: 'C.UTF-8' }
  user.start(['dbus-daemon', '--session', '--nofork', `--address=${bus}`])
  await until(() => existsSync(`/run/user/${user.uid}/bus`))
  const config = join(user.home, 'dunstrc')
  writeFileSync(config, DUNST)
  user.start(['dunst', '-conf', config], env)
  const owned = [
    'dbus-send',
    '--session',
    '--print-reply',
    '--dest=org.freedesktop.DBus',
    '/',
    'org.freedesktop.DBus.NameHasOwner',
    'string:org.freedesktop.Notifications',
  ]
  await until(() => user.run(owned as [string, ...string[]], env).includes('true'))
  const ctl = (...words: string[]) => user.run(['dunstctl', ...words], env)
  return {
    env,
    shown: () => Number(ctl('count', 'displayed')),
    takeNotices() {
      ctl('close-all')
      const { data } = JSON.parse(ctl('history')) as { data: Record<string, { data: string }>[][] }
      return data[0]!.map(({ summary, body }) => ({
        title: summary!.data,
        body: body!.data,
      }))
    },
    takePicture: path =>
      void execFileSync('import', ['-window', 'root', '-depth', '8', '-define', 'png:color-type=2', path], {
        env: { PATH, HOME: user.home, ...env },
      }),
  }
}

/** All that a script of ours needs to run as somebody who may not read the checkout, and the Node that runs it. */
export function copyVigil(user: DesktopUser): { folder: string; node: string } {
  const folder = join(user.home, 'vigil')
  const node = join(folder, 'node')
  mkdirSync(join(folder, 'node_modules'), { recursive: true })
  for (const part of ['lib', 'package.json', 'node_modules/zx', 'node_modules/valibot', 'node_modules/yaml']) {
    cpSync(join(REPO, part), join(folder, part), { recursive: true })
  }
  cpSync(process.execPath, node)
  return { folder, node }
}

/**
 * cron, started here where none runs; null where one did. Its pid file names the daemon: the processes that it forked for
 * jobs have its name too, and live on after it.
 */
export function startCron(): ChildProcess | null {
  const daemon = existsSync('/run/crond.pid') ? readFileSync('/run/crond.pid', 'utf8').trim() : ''
  if (/^\d+$/.test(daemon) && commandOf(daemon) === 'cron') return null
  return spawn('/usr/sbin/cron', ['-f'], { stdio: 'ignore' })
}

async function until(isSo: () => boolean): Promise<void> {
  for (let tries = 0; !isSo(); tries++) {
    if (tries === 600) throw new Error('what was waited for did not come within a minute')
    await sleep(100)
  }
}

function processesOf(uid: number): number[] {
  const mine = (pid: string) =>
    new RegExp(`^Uid:\\s+${uid}\\b`, 'm').test(statusOf(pid)) && !/^State:\s+Z/m.test(statusOf(pid))
  return readdirSync('/proc')
    .filter(pid => /^\d+$/.test(pid) && mine(pid))
    .map(Number)
}

function statusOf(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8')
  } catch {
    return '' // It ended while we looked.
  }
}

function commandOf(pid: string): string {
  return /^Name:\s+(.*)$/m.exec(statusOf(pid))?.[1] ?? ''
}

const DUNST = `[global]
  monitor = 0
  width = (300, 640)
  height = 400
  origin = top-center
  offset = 0x16
  padding = 14
  horizontal_padding = 16
  frame_width = 2
  corner_radius = 8
  font = DejaVu Sans 9
  line_height = 3
  markup = full
  format = "<b>%s</b>\\n%b"
  word_wrap = yes
  icon_position = off
  alignment = left
  indicate_hidden = no
  stack_duplicates = no
  history_length = 20
[urgency_low]
  background = "#1b2430"
  foreground = "#d5dae2"
  frame_color = "#2f6feb"
  timeout = 0
[urgency_normal]
  background = "#1b2430"
  foreground = "#d5dae2"
  frame_color = "#bc6c00"
  timeout = 0
[urgency_critical]
  background = "#1b2430"
  foreground = "#f0f3f6"
  frame_color = "#d1242f"
  timeout = 0
`
