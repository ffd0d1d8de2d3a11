// `vigil status`: one screen, or the same as JSON. It only reads.
import { gatherStatus } from '../lib/flows/gather-status.ts'
import { readEnvironment } from '../lib/settings.ts'
import { SettingsError } from '../lib/settings-defaults.ts'

const SETTINGS_ARE_WRONG = 78

export async function statusCommand(options: { json: boolean }): Promise<void> {
  const now = Date.now()
  try {
    const { paths, terminal } = readEnvironment()
    const status = await gatherStatus(paths, now)
    if (options.json) process.stdout.write(`${JSON.stringify(status, null, 2)}\n`)
    else {
      const { renderStatus } = await import('../lib/screen/status-screen.ts')
      const { isTTY = false, columns } = process.stdout
      const color = terminal.color === 'auto' ? isTTY : terminal.color === 'always'
      const width = columns ?? terminal.columns ?? 80
      process.stdout.write(renderStatus(status, { columns: width, color, unicode: terminal.utf8, now }))
    }
    const wrong = status.problems.some(({ about }) => about === 'settings' || about === 'registry')
    process.exitCode = wrong ? SETTINGS_ARE_WRONG : 0
  } catch (error) {
    if (!(error instanceof SettingsError)) throw error
    process.stderr.write(`vigil status: ${error.message}\n`)
    process.exitCode = SETTINGS_ARE_WRONG
  }
}
