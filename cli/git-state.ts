// Started by a status line in the background: how the repository of one folder stands, for the next line to print.
import { lookAtGit } from '../lib/flows/look-at-git.ts'
import { readEnvironment } from '../lib/settings.ts'

process.umask(0o077)
const folder = process.argv[2]
if (folder?.startsWith('/')) {
  const { paths, childEnv } = readEnvironment()
  await lookAtGit(folder, { paths, childEnv, now: Date.now() })
}
