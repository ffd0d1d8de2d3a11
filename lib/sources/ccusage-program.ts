// Finds ccusage. Its native program is run as it is: the JavaScript in front of it only looks for the same file, makes it
// executable and costs a start of Node.
import { delimiter, dirname, join } from 'node:path'
import type { CcusageProgram, NoFigures } from '../domain/ccusage.ts'
import { accessSync, chmodSync, constants, existsSync, readFileSync, statSync } from '../edges/fs.ts'

/**
 * Our own pinned ccusage, else the one on the search path.
 * @param from a file; packages are looked for beside and above it
 * @param mode `look` changes nothing: what may not be run is not made executable
 */
export function findCcusage(
  searchPath: string,
  from: string = import.meta.filename,
  mode: 'mend' | 'look' = 'mend',
): CcusageProgram | NoFigures {
  const own = findPackage('ccusage', from)
  const native = own && findPackage(`@ccusage/ccusage-${process.platform}-${process.arch}`, join(own, 'package.json'))
  const trouble: NoFigures | null = !own
    ? null
    : !native
      ? {
          kind: 'missingNative',
          reason: `ccusage's native part for ${process.platform}-${process.arch} is missing: npm ci`,
        }
      : makeExecutable(join(native, 'bin', 'ccusage'), mode)
  if (native && !trouble) {
    return { kind: 'found', command: [join(native, 'bin', 'ccusage')], version: versionOf(native) }
  }
  for (const folder of searchPath.split(delimiter)) {
    const path = join(folder, 'ccusage')
    if (folder === '' || !isExecutable(path)) continue
    const { size, mtimeMs } = statSync(path)
    return { kind: 'found', command: [path], version: `${path} ${size} ${mtimeMs}` }
  }
  return trouble ?? { kind: 'notFound', reason: 'ccusage is neither in node_modules nor on the PATH: npm ci' }
}

function findPackage(name: string, from: string): string | null {
  for (let folder = dirname(from); ; folder = dirname(folder)) {
    const path = join(folder, 'node_modules', name)
    if (existsSync(join(path, 'package.json'))) return path
    if (folder === dirname(folder)) return null
  }
}

function versionOf(folder: string): string {
  return (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version
}

/** npm installs the native program without the right to be run; its own launcher mends that too. */
function makeExecutable(path: string, mode: 'mend' | 'look'): NoFigures | null {
  if (isExecutable(path) || (mode === 'look' && existsSync(path))) return null
  try {
    chmodSync(path, 0o755)
    return null
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return { kind: 'missingNative', reason: `${path} is missing: npm ci` }
    return { kind: 'notExecutable', reason: `${path} may not be run, nor be changed by us (${code}): chmod +x it` }
  }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false // Not there, or not for us.
  }
}
