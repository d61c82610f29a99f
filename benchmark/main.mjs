import { readOptions } from './lib/options.mjs'
import { runSuite } from './lib/suite.mjs'
import { cases as layers } from './suites/layers.mjs'

const suites = { layers }
const options = readOptions()
const all = suites[options.suite]
if (all === undefined) {
  console.error(`there is no suite named ${options.suite}; there is ${Object.keys(suites).join(', ')}`)
  process.exit(2)
}
await runSuite({ ...options, cases: all.filter(({ model, op }) => `${model} ${op}`.includes(options.only)) })
