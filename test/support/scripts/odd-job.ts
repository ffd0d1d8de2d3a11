// A job that behaves as its first argument says, under the real runJob; the second one is its deadline in ms.
import { readFileSync } from 'node:fs'
import { runJob } from '../../../lib/job.ts'
import { JOB_DEADLINE_MS } from '../../../lib/timings.ts'

const [behaviour, deadlineMs] = process.argv.slice(2)
if (deadlineMs) JOB_DEADLINE_MS['fetch-quota'] = Number(deadlineMs)

await runJob('fetch-quota', async run => {
  run.log('info', `begun ${behaviour}`)
  switch (behaviour) {
    case 'good':
      return
    case 'throw':
      throw new Error('out of ideas, token sk-ant-oat01-THROWN')
    case 'no-file':
      run.report('slot-1', { outcome: 'odd', reason: `nothing at ${run.paths.health}/none`, failure: null })
      readFileSync(`${run.paths.health}/none`)
      return
    case 'throw-later':
      setTimeout(() => {
        throw new Error('thrown outside')
      }, 10)
      return new Promise(() => setInterval(() => undefined, 1000))
    case 'reject-later':
      void Promise.reject(new Error('rejected outside'))
      return new Promise(() => setInterval(() => undefined, 1000))
    case 'hang':
      return new Promise(() => setInterval(() => undefined, 1000))
    case 'hang-as-garbage': {
      const { setFlagsFromString } = await import('node:v8')
      const { runInNewContext } = await import('node:vm')
      setFlagsFromString('--expose-gc')
      const collect = runInNewContext('gc') as () => void
      let times = 0
      setInterval(() => {
        collect()
        times += 1
        if (times === 3) run.log('info', 'begun hang-as-garbage and collected')
      }, 10)
      // Nothing can ever settle it, so nothing keeps what waits for it.
      return new Promise(() => undefined)
    }
    case 'heed':
      return new Promise(resolve => {
        const tick = setInterval(() => undefined, 1000)
        run.signal.addEventListener('abort', () => {
          clearInterval(tick)
          resolve()
        })
      })
    case 'spin':
      for (;;);
  }
})
