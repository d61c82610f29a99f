#!/usr/bin/env node
import { tell } from './failure.js'

// A reader that went away, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})

try {
  // Imported here, so that an engine that cannot be loaded is told in one line too.
  const { run } = await import('./run.js')
  process.exitCode = await run(process.argv.slice(2))
} catch (error) {
  process.exitCode = tell(error)
}
