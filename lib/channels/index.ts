// The list of channels, as the settings have them. What a channel needs is loaded, and its secrets are fetched, when it
// sends: one whose secret cannot be had answers so, and keeps no other from sending.
import { join } from 'node:path'
import type { AlertState, Message, SendResult } from '../domain/alert.ts'
import { readSecret } from '../edges/secret.ts'
import {
  type AllSettings,
  carriesSecret,
  type EmailSettings,
  type ExecSettings,
  type WebhookSettings,
} from '../settings-defaults.ts'
import { CHANNEL_TIMEOUT_MS } from '../timings.ts'
import { bounded, type Channel, guarded, refused, type SendContext } from './channel.ts'

/** All that channels need to know of where they run. */
export interface Surroundings {
  home: string
  childEnv: Record<string, string>
  secretFromEnv: (name: string) => string | null
  /** A folder of ours, for what programs say on stderr. */
  stderrDir: string
  hostname: string
  platform: NodeJS.Platform
  uid: number
  timeZone?: string
}

interface Mirror {
  name: string
  /** Never rejects. Told of all states, in each run; it takes from them what fires and what is over. */
  send(states: AlertState[], context: SendContext): Promise<SendResult>
}

/** Never rejects. `text` is for the service's own log. */
type Ping = (
  moment: 'start' | 'success' | 'fail',
  runId: string,
  text: string,
  context: SendContext,
) => Promise<SendResult>

export interface Delivery {
  channels: Channel[]
  mirrors: Mirror[]
  deadMan: { watchdog: Ping | null; jobs: Record<string, Ping> }
}

export function surroundingsOf(environment: {
  paths: { home: string; logs: string }
  childEnv: Record<string, string>
  secretFromEnv: (name: string) => string | null
}): Surroundings {
  const { paths, childEnv, secretFromEnv } = environment
  return {
    home: paths.home,
    childEnv,
    secretFromEnv,
    stderrDir: paths.logs,
    hostname: process.getBuiltinModule('node:os').hostname(),
    platform: process.platform,
    uid: process.getuid?.() ?? 0,
  }
}

/** Never throws, and reads nothing yet. */
export function openDelivery(settings: Pick<AllSettings, 'channels' | 'deadMan'>, around: Surroundings): Delivery {
  const { desktop, email, webhooks, exec } = settings.channels
  const pinging = (name: string, spec: string): Ping => pingOf(name, spec, around)
  const { watchdog, jobs } = settings.deadMan
  return {
    channels: [
      ...(desktop.enabled ? [desktopChannel(desktop.minSeverity, around)] : []),
      ...(email ? [emailChannel(email, around)] : []),
      ...webhooks.flatMap(webhook => webhookChannel(webhook, around)),
      ...exec.map(program => execChannel(program, around)),
    ].map(channel => guarded(channel)),
    mirrors: webhooks
      .filter(({ kind }) => kind === 'alertmanager')
      .map(webhook => ({ name: webhook.name, send: mirrorOf(webhook, around) })),
    deadMan: {
      watchdog: watchdog === null ? null : pinging('watchdog', watchdog),
      jobs: Object.fromEntries(Object.entries(jobs).map(([job, spec]) => [job, pinging(job, spec)])),
    },
  }
}

function desktopChannel(minSeverity: Channel['minSeverity'], around: Surroundings): Channel {
  return {
    name: 'desktop',
    minSeverity,
    confirms: false,
    batches: true,
    async send(message, { signal }) {
      const { showOnDesktop } = await import('./desktop.ts')
      const runtimeDir = `/run/user/${around.uid}`
      return showOnDesktop({ ...around, runtimeDir, stderrPath: stderrPath('desktop', around) }, message, signal)
    },
  }
}

function emailChannel({ smtp, ...email }: EmailSettings, around: Surroundings): Channel {
  const send = async (message: Message, context: SendContext) => {
    const { sendMail } = await import('./email.ts')
    const { user, password, ...server } = smtp
    const mailbox = { ...email, ...server, ...zoneOf(around) }
    if (user === null || password === null) return sendMail({ ...mailbox, login: null }, message, context)
    return withSecrets('email', { user, password }, around, context, ([name, pass]) =>
      sendMail({ ...mailbox, login: { user: name!, pass: pass! } }, message, context),
    )
  }
  return { name: 'email', minSeverity: email.minSeverity, confirms: true, batches: true, send }
}

/** None for an Alertmanager, which is a mirror. */
function webhookChannel(webhook: WebhookSettings, around: Surroundings): Channel[] {
  const { name, kind, urls, token, minSeverity } = webhook
  if (kind === 'alertmanager') return []
  const send = async (message: Message, context: SendContext) => {
    const [{ WEBHOOK_KINDS }, { postAll }, { render }] = await Promise.all([
      import('./webhook-kinds.ts'),
      import('./webhook.ts'),
      import('./render.ts'),
    ])
    return withSecrets(name, { url: urls[0], token }, around, context, async ([url, secret]) => {
      const { requests, judgeBody } = WEBHOOK_KINDS[kind]
      if (!URL.canParse(url!)) return refused('its URL is none')
      const target = { url: url!, token: secret ?? null, hostname: around.hostname }
      let made: ReturnType<typeof requests>
      try {
        made = requests(message, render(message, around.timeZone), target)
      } catch (error) {
        return refused((error as Error).message)
      }
      return postAll(made, { carriesSecret: carriesSecret(webhook), ...context, ...(judgeBody && { judgeBody }) })
    })
  }
  return [{ name, minSeverity, confirms: true, batches: kind !== 'pagerduty', send }]
}

function execChannel({ name, command, minSeverity }: ExecSettings, around: Surroundings): Channel {
  const send = async (message: Message, { signal }: SendContext) => {
    const { runExec } = await import('./exec.ts')
    const { home, childEnv } = around
    return runExec(command, message, {
      home,
      childEnv,
      signal,
      stderrPath: stderrPath(name, around),
      ...zoneOf(around),
    })
  }
  return { name, minSeverity, confirms: true, batches: true, send }
}

function mirrorOf({ name, urls, token, minSeverity }: WebhookSettings, around: Surroundings): Mirror['send'] {
  return (states, { signal, now }) =>
    bounded(
      async inner => {
        const { mirrorAlerts } = await import('./alertmanager.ts')
        const context = { signal: inner, now }
        const named = Object.fromEntries(urls.map((url, index) => [index === 0 ? 'url' : `peer ${index + 1}`, url]))
        return withSecrets(name, { token, ...named }, around, context, ([secret, ...peers]) => {
          const target = { peers: peers as [string, ...string[]], minSeverity, hostname: around.hostname }
          return mirrorAlerts({ ...target, token: secret ?? null }, states, context)
        })
      },
      signal,
      CHANNEL_TIMEOUT_MS,
    )
}

function pingOf(name: string, spec: string, around: Surroundings): Ping {
  return (moment, runId, text, { signal, now }) =>
    bounded(
      async inner => {
        const { ping } = await import('./ping.ts')
        const context = { signal: inner, now }
        return withSecrets(`dead-man-${name}`, { url: spec }, around, context, async ([url]) =>
          URL.canParse(url!) ? ping(url!, moment, runId, text, context) : refused('its URL is none'),
        )
      },
      signal,
      CHANNEL_TIMEOUT_MS,
    )
}

/** Hands over the secrets in the order of their names, null for those that are not set; or says which cannot be had. */
async function withSecrets(
  name: string,
  specs: Record<string, string | null>,
  around: Surroundings,
  { signal }: SendContext,
  use: (secrets: (string | null)[]) => Promise<SendResult>,
): Promise<SendResult> {
  const secrets: (string | null)[] = []
  for (const [what, spec] of Object.entries(specs)) {
    if (spec === null) {
      secrets.push(null)
      continue
    }
    const reading = await readSecret(spec, {
      home: around.home,
      fromEnv: around.secretFromEnv,
      childEnv: around.childEnv,
      stderrPath: stderrPath(name, around),
      deadlineMs: CHANNEL_TIMEOUT_MS / 2,
      signal,
    })
    if (!reading.ok) return refused(`its ${what} cannot be had: ${reading.reason}`)
    secrets.push(reading.secret)
  }
  return use(secrets)
}

/** One each, for what was said in a run is read from its end. */
function stderrPath(name: string, { stderrDir }: Surroundings): string {
  return join(stderrDir, `channel-${name}.stderr`)
}

function zoneOf({ timeZone }: Surroundings): { timeZone?: string } {
  return timeZone === undefined ? {} : { timeZone }
}
