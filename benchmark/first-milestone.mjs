// One training step of an LSTM, batch 32, time 64, input = hidden = 256, forward and backward with the gradient of the input.
import { readOptions } from './lib/options.mjs'
import { runSuite } from './lib/suite.mjs'
import { layerCase } from './suites/layers.mjs'

await runSuite({ ...readOptions(), suite: 'first-milestone', cases: [layerCase('lstm', 'train', 32, 64, 256)] })
