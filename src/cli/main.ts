#!/usr/bin/env node
import { tell } from './failure.js'
import { withFlags } from './flagNames.js'
import { note, watchOutput } from './output.js'

watchOutput()

// Seqloom's warnings in one line; Node's own as Node shows them.
const others = process.listeners('warning')
process.removeAllListeners('warning')
process.on('warning', (warning) => {
  if (warning.name === 'SeqloomWarning') note(`seqloom: warning: ${withFlags(warning.message)}`)
  else for (const listener of others) listener(warning)
})

// Imported here, so that an engine that cannot be loaded is reported in one line, too.
import('./run.js')
  .then(({ run }) => run(process.argv.slice(2)))
  .catch(tell)
  .then((code) => {
    process.exitCode = code
  })
