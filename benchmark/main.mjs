import { readOptions, refuse } from './lib/options.mjs'
import { runSuite } from './lib/suite.mjs'
import { suites } from './suites/index.mjs'

const options = readOptions({ suite: 'layers' })
const suite = suites[options.suite]
if (suite === undefined) refuse(`there is no suite named ${options.suite}; there are ${Object.keys(suites).join(', ')}`)
const cases = suite.cases().filter(({ model, op }) => `${model} ${op}`.includes(options.only))
if (cases.length === 0) refuse(`no case of ${options.suite} has ${options.only} in its name`)
await runSuite({ ...options, peers: options.peers ?? suite.peers, cases })
