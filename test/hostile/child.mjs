// Loads and uses altered models, one after the other, as the parent process asks; says how each ended.
import { AbortError, SeqloomError } from 'seqloom'
import { makeAll, subjects } from './subjects.mjs'

/** How a call ended: 'coded' errors are what a user may see; all others are faults. */
function verdictOf(error) {
  if (error instanceof AbortError) return { outcome: 'coded', code: error.code }
  // What the engine itself failed at is a fault as well, though it has a code.
  if (error instanceof SeqloomError && error.code !== 'ERR_NATIVE') return { outcome: 'coded', code: error.code }
  return { outcome: 'uncoded', code: error?.code, message: String(error?.stack ?? error).slice(0, 2000) }
}

// A warning with a code is what a user may see too, unlike anything else on stderr.
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name !== 'SeqloomWarning') process.stderr.write(`${warning.stack}\n`)
})

process.on('message', async ({ make, kind, folder }) => {
  if (make !== undefined) {
    try {
      await makeAll(make.root, make.names)
      process.send({ outcome: 'made' })
    } catch (error) {
      process.send({ outcome: 'failed', message: String(error?.stack ?? error) })
    }
    return
  }
  let verdicts
  try {
    verdicts = (await subjects[kind].use(folder)).map(verdictOf)
  } catch (error) {
    verdicts = [verdictOf(error)]
  }
  const fault = verdicts.find(({ outcome }) => outcome === 'uncoded')
  process.send({ ...(fault ?? verdicts[0] ?? { outcome: 'works' }), rss: process.memoryUsage().rss })
})
process.send({ outcome: 'ready' })
