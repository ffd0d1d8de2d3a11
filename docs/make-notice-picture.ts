// Makes the pictures of what a person is told: a notice on a real desktop, and a mail as a phone shows it.
// `node docs/make-notice-picture.ts` as root, with Debian's xvfb, dunst, dbus, libnotify-bin, imagemagick and chromium.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { linuxArguments, noticeOf } from '../lib/channels/desktop.ts'
import { render } from '../lib/channels/render.ts'
import { renderHtml } from '../lib/channels/render-html.ts'
import type { Notice } from '../lib/domain/alert.ts'
import { factOf, loggedOut, sightOf } from '../test/lib/watchdog/sights.ts'
import { makeUser, startDesktop } from '../test/support/desktop.ts'
import { message, NOW, notice, ZONE } from '../test/support/messages.ts'
import { shrinkPng } from './shrink-png.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const scratch = mkdtempSync(join(tmpdir(), 'vigil-pictures-'))

const allInactive: Notice = notice({
  key: 'AllInactive',
  name: 'AllInactive',
  labels: {},
  severity: 'critical',
  since: NOW - 2 * 60_000,
  // In the watchdog's own words.
  text: factOf(
    sightOf({
      accounts: [
        loggedOut('slot-1', { config_dir: '~/.claude' }),
        loggedOut('slot-2', { config_dir: '~/.claude-work' }),
        loggedOut('slot-3', { config_dir: '~/.claude-spare', reason: 'logged_out' }),
      ],
    }),
    'AllInactive',
  ).text,
})
const quota: Notice = notice({
  key: 'QuotaHigh{slot-2,seven_day,80,2026-11-27T09:00Z}',
  name: 'QuotaHigh',
  labels: { slot: 'slot-2', window: 'seven_day', level: '80', reset: '2026-11-27T09:00Z' },
  kind: 'resolved',
  resolvedAt: NOW,
  text: { summary: 'slot-2: 83 % of the weekly quota is used', details: [], remedy: null, affects: null },
})

async function pictureOfNotices(path: string): Promise<void> {
  const user = makeUser()
  try {
    const screen = await startDesktop(user, '1000x460')
    for (const one of [quota, allInactive]) {
      user.run(['notify-send', ...linuxArguments(noticeOf(message([one]), ZONE))], screen.env)
    }
    screen.takePicture(path)
    // What stands around them is black.
    execFileSync('convert', [
      path,
      '-trim',
      '-bordercolor',
      'black',
      '-border',
      '16',
      '-define',
      'png:color-type=2',
      path,
    ])
  } finally {
    await user.remove()
  }
  keepSmall(path)
}

function pictureOfMail(path: string): void {
  const page = join(scratch, 'mail.html')
  const html = renderHtml(render(message([allInactive]), ZONE))
  // The window of a headless browser is never as narrow as a phone: so the mail stands in a frame that is.
  const frame = `<!doctype html><meta charset="utf-8"><title></title><style>body{margin:0}iframe{border:0;width:390px;display:block}</style>
    <iframe srcdoc="${html.replaceAll('&', '&amp;').replaceAll('"', '&quot;')}"></iframe><script>onload = () => {
      const frame = document.querySelector('iframe'), height = frame.contentDocument.documentElement.scrollHeight
      frame.style.height = height + 'px'
      document.title = frame.contentDocument.documentElement.scrollWidth + 'x' + height
    }</script>`
  writeFileSync(page, frame)
  const [, width, height] = /<title>(\d+)x(\d+)<\/title>/.exec(chromium(['--dump-dom', `file://${page}`]))!
  if (Number(width) > 390) throw new Error(`the mail is ${width} px wide on a phone of 390`)
  chromium([`--window-size=500,${height}`, '--force-device-scale-factor=2', `--screenshot=${path}`, `file://${page}`])
  execFileSync('convert', [
    path,
    '-crop',
    `780x${2 * Number(height)}+0+0`,
    '+repage',
    '-depth',
    '8',
    '-define',
    'png:color-type=2',
    path,
  ])
  keepSmall(path)
}

function chromium(args: string[]): string {
  const profile = mkdtempSync(join(scratch, 'profile-'))
  const quiet = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--hide-scrollbars']
  const still = [
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--allow-file-access-from-files',
  ]
  return execFileSync('/usr/bin/chromium', [...quiet, ...still, `--user-data-dir=${profile}`, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { HOME: scratch, PATH: '/usr/bin:/bin', LANG: 'C.UTF-8' },
    timeout: 60_000,
  })
}

function keepSmall(path: string): void {
  writeFileSync(path, shrinkPng(readFileSync(path)))
  process.stdout.write(`${path}: ${Math.ceil(statSync(path).size / 1024)} KiB\n`)
}

try {
  await pictureOfNotices(join(ROOT, 'docs/desktop-notice.png'))
  pictureOfMail(join(ROOT, 'docs/mail.png'))
} finally {
  rmSync(scratch, { recursive: true, force: true })
}
