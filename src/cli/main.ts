#!/usr/bin/env node
import { tell } from './failure.js'

// A reader that went away, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? 0 : 1)
})

// Imported here, so that an engine that cannot be loaded is told in one line too.
import('./run.js')
  .then(({ run }) => run(process.argv.slice(2)))
  .catch(tell)
  .then((code) => {
    process.exitCode = code
  })
