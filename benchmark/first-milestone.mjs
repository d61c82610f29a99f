// An LSTM, batch 32, time 64, input = hidden = 256: one whole training step (forward, mean squared error, backward, Adam), and the
// bare forward and backward pass with the gradient of the input, results handed to the caller.
import { readOptions } from './lib/options.mjs'
import { runSuite } from './lib/suite.mjs'
import { layerCase } from './suites/layers.mjs'

const cases = ['step', 'train'].map((op) => layerCase('lstm', op, 32, 64, 256))
await runSuite({ ...readOptions(), suite: 'first-milestone', cases })
