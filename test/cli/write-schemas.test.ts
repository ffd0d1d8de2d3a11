import { execFile } from 'node:child_process'
import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { outOfStep, schemaFiles } from '../../cli/write-schemas.ts'

const root = join(import.meta.dirname, '../..')

interface Node {
  type?: string
  description?: string
  pattern?: string
  default?: unknown
  properties?: Record<string, Node>
  anyOf?: Node[]
  items?: Node
}

const schemas = new Map([...schemaFiles()].map(([path, text]) => [path, JSON.parse(text) as Node]))

test('the generated schemas are in step with the code; if not: npm run schemas', () => {
  expect(outOfStep(root)).toEqual([])
})

test('what is out of step is named, missing files too', () => {
  const elsewhere = mkdtempSync(join(homedir(), 'schemas-'))
  expect(outOfStep(elsewhere)).toEqual(['vigil.schema.json', 'docs/status.schema.json'])
  for (const [path, text] of schemaFiles()) {
    mkdirSync(join(elsewhere, path, '..'), { recursive: true })
    writeFileSync(join(elsewhere, path), path.startsWith('docs') ? text : `${text} `)
  }
  expect(outOfStep(elsewhere)).toEqual(['vigil.schema.json'])
})

test('--check passes on this tree', async () => {
  const node = join(root, 'node_modules/.bin/node')
  const { stderr } = await promisify(execFile)(node, [join(root, 'cli/write-schemas.ts'), '--check'])
  expect(stderr).toBe('')
})

/** Every key with its path, also below a key that may be null and below lists. */
function keysOf(node: Node, path = ''): Array<[path: string, node: Node]> {
  const below = [node, ...(node.anyOf ?? []), ...(node.items ? [node.items] : [])]
  return below.flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(
      ([key, child]): Array<[string, Node]> => [[`${path}${key}`, child], ...keysOf(child, `${path}${key}.`)],
    ),
  )
}

test('an editor has words for every key of vigil.yaml', () => {
  const keys = keysOf(schemas.get('vigil.schema.json')!)
  expect(keys.length).toBeGreaterThan(40)
  expect(keys.filter(([, node]) => !node.description).map(([path]) => path)).toEqual([])
})

test('an editor knows what a duration looks like, and what is in force without one', () => {
  const keys = new Map(keysOf(schemas.get('vigil.schema.json')!))
  expect(keys.get('quota.every')).toMatchObject({ pattern: '^(\\d{1,6})(ms|s|m|h|d)$', default: '5m' })
  expect(keys.get('quota.max_requests_per_hour')).toMatchObject({ type: 'integer', default: 20 })
  expect(keys.get('refresh')).toMatchObject({ enum: ['direct', 'off'], default: 'direct' })
  expect(keys.has('channels.email.smtp.port')).toBe(true)
  expect(keys.has('channels.webhooks.url')).toBe(true)
})

test('an editor refuses keys that Vigil refuses', () => {
  expect(schemas.get('vigil.schema.json')).toMatchObject({ additionalProperties: false })
})

test('the schema of the status says what its keys mean', () => {
  const keys = new Map(keysOf(schemas.get('docs/status.schema.json')!))
  expect(keys.get('accounts.windows.used_percent')!.description).toBe('0-100 and more; null = unknown, never zero')
  expect(keys.get('problems.remedy')!.description).toContain('the exact command')
})
