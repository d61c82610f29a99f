// A small model on the addon itself, for tests of the binding: plain JavaScript, so that workers and child processes can load it too.
import { createRequire } from 'node:module'
import { familySync } from 'detect-libc'

const abi = { linux: familySync() === 'musl' ? '-musl' : '-gnu', win32: '-msvc' }[process.platform] ?? ''

/** The addon that was built for this machine. */
export const native = createRequire(import.meta.url)(
  `../../src/native/seqloom.${process.platform}-${process.arch}${abi}.node`,
)

const weights = [
  { name: 'lstm/kernel', shape: [3, 16], trainable: true, initializer: { kind: 'glorotUniform' } },
  { name: 'lstm/recurrent', shape: [4, 16], trainable: true, initializer: { kind: 'orthogonal', gain: 1 } },
  { name: 'lstm/bias', shape: [16], trainable: true, initializer: { kind: 'lstmBias' } },
  { name: 'dense/kernel', shape: [4, 1], trainable: true, initializer: { kind: 'glorotUniform' } },
  { name: 'dense/bias', shape: [1], trainable: true, initializer: { kind: 'zeros' } },
]

const layers = (first) => [
  {
    name: 'lstm',
    op: 'lstm',
    inputs: [0],
    weights: [0, 1, 2],
    outputs: [first, first + 1, first + 2],
    attributes: {
      units: 4,
      activation: 'tanh',
      recurrentActivation: 'sigmoid',
      order: 'forward',
      outputOrder: 'time',
      zeroOutputForMask: true,
    },
  },
  { name: 'dense', op: 'dense', inputs: [first + 1], weights: [3, 4], outputs: [first + 3], attributes: {} },
]

const x = { name: 'x', dtype: 'float32', shape: [null, null, 3] }
const y = { name: 'y', dtype: 'float32', shape: [null, 1] }

/** The model's graph as JSON. */
export const graph = JSON.stringify({ version: 1, inputs: [x], weights, nodes: layers(1), outputs: [4] })

const loss = {
  name: 'loss',
  op: 'loss',
  inputs: [5, 1],
  weights: [],
  outputs: [6, 7],
  attributes: { kind: 'meanSquaredError', fromLogits: false },
}

/** Its training graph as JSON. */
export const training = JSON.stringify({
  graph: { version: 1, inputs: [x, y], weights, nodes: [...layers(2), loss], outputs: [5, 6, 7] },
  losses: [{ output: 1, weight: 1 }],
  metrics: [],
})

/** A compiled model. */
export function compiled(seed = 1) {
  const model = new native.NativeModel(graph, seed)
  model.compile(training, '{"kind":"adam"}')
  return model
}

/** Inputs and targets of `rows` sequences. */
export function rows(count) {
  return [
    { data: Float32Array.from({ length: count * 18 }, (_, index) => Math.sin(index)), shape: [count, 6, 3] },
    { data: Float32Array.from({ length: count }, (_, index) => Math.cos(index)), shape: [count, 1] },
  ]
}

/** Begins to train for very long; with `parked`, the loop waits in the first epoch for good. */
export function trainOn(model, mode) {
  const onEvent = (event) => {
    if (mode !== 'parked' && event.type !== 'batchEnd') model.resume(false)
  }
  return model.fit(rows(64), null, '{"epochs":1000000,"batchSize":4}', undefined, onEvent)
}
