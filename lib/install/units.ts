// systemd's and launchd's ways to say what crontab says in a line. Pure.
import { DAY_MS, type JobName, MINUTE_MS, START_JITTER_MS } from '../timings.ts'
import { DAILY_AT, type Place, startScript } from './start-script.ts'

/** What shows that a file is ours. */
export const MADE_BY = 'Made by vigil install; vigil uninstall removes it.'

export function unitName(job: JobName, kind: 'service' | 'timer'): string {
  return `vigil-${job}.${kind}`
}

export function systemdService(job: JobName, place: Place): string {
  const script = startScript(job, place, 0)
    .replaceAll('\\', '\\\\')
    .replaceAll("'", "\\'")
    // Both mean something to systemd.
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$')
  return `# ${MADE_BY}
[Unit]
Description=Vigil: ${job}

[Service]
Type=oneshot
UMask=0077
ExecStart=/bin/sh -c '${script}'
`
}

/** The delay is drawn from the machine's id and the unit's name, so it is the same each time. */
export function systemdTimer(job: JobName, periodMs: number): string {
  return `# ${MADE_BY}
[Unit]
Description=Vigil: when ${job} runs

[Timer]
OnCalendar=${calendar(periodMs)}
# Else systemd may start it up to a minute late.
AccuracySec=1s
RandomizedDelaySec=${START_JITTER_MS / 1000}s
FixedRandomDelay=true
Persistent=${periodMs >= DAY_MS}

[Install]
WantedBy=timers.target
`
}

function calendar(periodMs: number): string {
  const minutes = periodMs / MINUTE_MS
  if (minutes === 1) return '*:*:00'
  if (Number.isInteger(minutes) && minutes < 60 && 60 % minutes === 0) return `*:0/${minutes}:00`
  if (Number.isInteger(minutes / 60) && minutes < 1440 && 1440 % minutes === 0) return `0/${minutes / 60}:00:00`
  if (periodMs === DAY_MS) return `${DAILY_AT.hour}:${DAILY_AT.minute}:00`
  throw new Error(`systemd's calendar has no word for every ${periodMs} ms`)
}

export function agentLabel(job: JobName): string {
  return `local.vigil.${job}`
}

/** @param logs where launchd puts what the shell says before it can do so itself; null = the example's place */
export function launchAgent(
  job: JobName,
  periodMs: number,
  place: Place,
  jitterMs: number,
  logs: string | null,
): string {
  const { hour, minute } = DAILY_AT
  const times =
    periodMs >= DAY_MS
      ? `  <key>StartCalendarInterval</key>
  <dict>
    <key>Hour</key>
    <integer>${hour}</integer>
    <key>Minute</key>
    <integer>${minute}</integer>
  </dict>`
      : `  <key>StartInterval</key>
  <integer>${periodMs / 1000}</integer>`
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- ${MADE_BY} -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${agentLabel(job)}</string>
  <key>ProgramArguments</key>
  <array>
    <string>/bin/sh</string>
    <string>-c</string>
    <string>${xml(startScript(job, place, jitterMs))}</string>
  </array>
${times}
  <key>RunAtLoad</key>
  <true/>
  <key>Umask</key>
  <integer>63</integer>
  <key>StandardErrorPath</key>
  <string>${xml(`${logs ?? '/Users/me/.claude/session-health/logs'}/cron.err`)}</string>
</dict>
</plist>
`
}

function xml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')
}
