#!/usr/bin/env node
import { tell } from './failure.js'
import { watchOutput } from './output.js'

watchOutput()

// Imported here, so that an engine that cannot be loaded is told in one line too.
import('./run.js')
  .then(({ run }) => run(process.argv.slice(2)))
  .catch(tell)
  .then((code) => {
    process.exitCode = code
  })
