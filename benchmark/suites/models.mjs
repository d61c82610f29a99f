import { randomIntegers } from '../lib/random.mjs'
import { layerFlops } from './layers.mjs'

/** Classifiers have four classes and read the last state; the others predict a token of their vocabulary at every step. */
const classes = 4

const models = [
  { name: 'classifier RNN', kind: 'rnn', sizes: [20_000, 64, 32, 1, 16, 50] },
  { name: 'classifier LSTM', kind: 'lstm', sizes: [20_000, 64, 64, 1, 32, 50] },
  { name: 'classifier bidirectional GRU', kind: 'gru', bidirectional: true, sizes: [20_000, 64, 128, 2, 64, 64] },
  { name: 'character LSTM', kind: 'lstm', everyStep: true, sizes: [65, 64, 256, 2, 64, 100] },
  { name: 'character LSTM, 3 layers', kind: 'lstm', everyStep: true, sizes: [65, 128, 512, 3, 50, 50] },
  { name: 'word LSTM', kind: 'lstm', everyStep: true, sizes: [10_000, 256, 256, 2, 20, 35] },
]

/** Batches that the steps use in turn, so that no step finds the rows of the step before in the cache. */
const rotation = 4

/**
 * Floating-point operations of a training step: the matrix products of layers and output, forward and twice again backward, as
 * if every token had its own row of the first layer's input.
 */
export function modelFlops({ kind, input, hidden, layers, bidirectional, batch, time, outputs, everyStep }) {
  const directions = bidirectional ? 2 : 1
  const recurrent = Array.from({ length: layers }, (_, layer) =>
    layerFlops(kind, batch, time, layer === 0 ? input : directions * hidden, hidden),
  ).reduce((sum, flops) => sum + flops * directions, 0)
  return 3 * (recurrent + 2 * batch * (everyStep ? time : 1) * directions * hidden * outputs)
}

/** A whole training step: tokens, embedding, layers, dense, softmax cross-entropy, clipping by the global norm 1, Adam. */
function modelCase({ name, kind, bidirectional = false, everyStep = false, sizes }, index) {
  const [vocabulary, input, hidden, layers, batch, time] = sizes
  const outputs = everyStep ? vocabulary : classes
  const next = randomIntegers(index + 1)
  const draw = (length, below) => Array.from({ length }, () => next(below))
  const shape = { kind, op: 'train', batch, time, input, hidden, vocabulary, layers, bidirectional, everyStep, outputs }
  return {
    task: 'model',
    model: `${name} (${sizes.join(', ')})`,
    ...shape,
    flops: modelFlops(shape),
    batches: Array.from({ length: rotation }, () => ({
      batch,
      time,
      tokens: draw(batch * time, vocabulary),
      labels: draw(everyStep ? batch * time : batch, outputs),
    })),
    clipNorm: 1,
    steps: 1,
  }
}

/** The models of the goals, each on random tokens that are the same for every engine. */
export const modelCases = () => models.map(modelCase)
