// Damage of the kinds that files and pipes suffer, the same for the same seed.
export type Random = () => number

export function seeded(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

const ODD: unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1e308,
  -1e308,
  0.1,
  100,
  101,
  1e12,
  1795259865,
  1795259865000,
  '',
  ' ',
  '64',
  'x'.repeat(5000),
  '\x1b[31mred\x1b[0m\n\r\t',
  '\u202eright to left',
  '漢字🧠🧠',
  '../../../etc/passwd',
  '2026-02-30T99:99:99Z',
  'constructor',
  '__proto__',
  [],
  {},
  [[[]]],
  { a: { b: { c: 1 } } },
]

/** One or a few changes to the text of a JSON file: to its values, or to its bytes. */
export function mutate(text: string, random: Random): string {
  if (random() < 0.3) return mutateText(text, random)
  const tree: unknown = JSON.parse(text)
  let root = tree
  const changes = 1 + Math.floor(random() * 4)
  for (let n = 0; n < changes; n++) root = mutateTree(root, random)
  return JSON.stringify(root)
}

function mutateTree(root: unknown, random: Random): unknown {
  const odd = structuredClone(ODD[Math.floor(random() * ODD.length)])
  if (typeof root !== 'object' || root === null || random() < 0.05) return odd
  const places: Array<[Record<string, unknown>, string]> = []
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const key of Object.keys(node)) {
      places.push([node as Record<string, unknown>, key])
      walk((node as Record<string, unknown>)[key])
    }
  }
  walk(root)
  const place = places[Math.floor(random() * places.length)]
  if (place === undefined) return odd
  const [node, key] = place
  const old = node[key]
  const dice = random()
  if (dice < 0.2) delete node[key]
  else if (dice < 0.6) node[key] = odd
  else if (typeof old === 'number')
    node[key] = old * (random() < 0.5 ? 1 + (random() - 0.5) / 1e3 : 10 ** (random() * 8 - 4))
  else if (typeof old === 'string') node[key] = mutateText(old, random)
  else node[key] = [old]
  return root
}

function mutateText(text: string, random: Random): string {
  const at = Math.floor(random() * (text.length + 1))
  const dice = random()
  if (dice < 0.4) return text.slice(0, at)
  if (dice < 0.6) return text.slice(0, at) + String.fromCharCode(Math.floor(random() * 0x2100)) + text.slice(at + 1)
  if (dice < 0.7) return text + text.slice(at)
  if (dice < 0.8) return ''
  if (dice < 0.9) return '['.repeat(Math.floor(random() * 20_000)) + text
  return text.slice(at)
}
