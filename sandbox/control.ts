import { type Answer, jsonAnswer } from './answers.ts'
import { CONTROL_PATH } from './endpoints.ts'
import { type Check, checkFields, type Fields, isName, isNullOr, isNumber, Refusal } from './refusal.ts'
import type { StandIn } from './stand-in.ts'

/** What the control endpoint reaches: the stand-in's own functions, by the names under which tests know them. */
export type Controlled = Omit<StandIn, 'url' | 'tokenUrl' | 'close'>

type Act = (body: string) => unknown

/** Answers a request under /_stand-in/; one that makes no sense gets 400 with `{"error": "<a sentence>"}`. */
export function answerControl(standIn: Controlled, method: string, path: string, body: string): Answer {
  const name = path.split('?')[0]!.slice(CONTROL_PATH.length)
  const act = actsOf(standIn)[`${method} ${name}`]
  if (act === undefined) return jsonAnswer(404, { error: `There is no ${method} ${CONTROL_PATH}${name}.` })
  try {
    return jsonAnswer(200, act(body) ?? { ok: true })
  } catch (error) {
    if (error instanceof Refusal) return jsonAnswer(400, { error: error.message })
    throw error
  }
}

function actsOf(standIn: Controlled): Record<string, Act> {
  return {
    'GET state': () => standIn.state(),
    'GET requests': () => standIn.requests,
    'POST faults': body => standIn.fault(parseJson(body) as Parameters<StandIn['fault']>[0]),
    'DELETE faults': () => standIn.clearFaults(),
    'POST logins': body => standIn.addLogins(parseJson(body) as Parameters<StandIn['addLogins']>[0]),
    'POST login': body => standIn.login(fieldsOf(body, {}).email),
    'POST revoke': body => standIn.revoke(fieldsOf(body, {}).email),
    'POST expire': body => standIn.expireAccessToken(fieldsOf(body, {}).email),
    'POST usage': body => {
      const { email, usage } = fieldsOf(body, { usage: value => value !== undefined })
      standIn.setUsage(email, usage)
    },
    'POST clock': body => {
      const { now } = checkFields(parseJson(body), { now: isNullOr(isNumber) }, 'A clock')
      standIn.setNow(now as number | null)
    },
  }
}

function fieldsOf(body: string, checks: Record<string, Check>): Fields & { email: string } {
  return checkFields(parseJson(body), { email: isName, ...checks }, 'The request') as Fields & { email: string }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch (error) {
    throw new Refusal(`The body is not JSON: ${(error as Error).message}.`)
  }
}
