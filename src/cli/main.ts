#!/usr/bin/env node
import { tell } from './failure.js'
import { withFlags } from './flagNames.js'
import { note, watchOutput } from './output.js'

watchOutput()

// Warnings of our own in one line; those of Node's as Node shows them.
const others = process.listeners('warning')
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name === 'SeqloomWarning') note(`seqloom: warning: ${withFlags(warning.message)}`)
  else for (const listener of others) listener(warning)
})

// Imported here, so that an engine that cannot be loaded is told in one line too.
import('./run.js')
  .then(({ run }) => run(process.argv.slice(2)))
  .catch(tell)
  .then((code) => {
    process.exitCode = code
  })
