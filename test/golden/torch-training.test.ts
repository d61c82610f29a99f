import { layers, losses, optimizers, sequential } from 'seqloom'
import { describe, expect } from 'vitest'
import { expectClose, gradientBound, outputBound } from '../helpers/compare.js'
import { biasOf, type CellName, kernelOf, stackBiases, torchGates } from '../helpers/gates.js'
import { forEachGolden } from '../helpers/golden.js'
import { type GoldenFile, readGolden, type Values } from '../helpers/safetensors.js'
import { asTensor } from '../helpers/stack.js'

interface TorchOptimizer {
  name: string
  lr: number
  momentum?: number
  nesterov?: boolean
  amsgrad?: boolean
  weight_decay?: number
  alpha?: number
}

interface TrainingCase {
  kind: CellName
  layers: number
  bidirectional: boolean
  per_step_output: boolean
  optimizer: TorchOptimizer
  clip_norm: number | null
  vocab: number
  embedding: number
  hidden: number
  classes: number
  losses: number[]
  grad_norms: number[]
}

const names = [
  ...['sgd', 'momentum', 'nesterov', 'adam', 'amsgrad', 'adamw', 'nadam', 'adamax', 'rmsprop', 'adagrad', 'adadelta'],
  ...['adam_clip', 'rnn_bi', 'gru_seq', 'lstm_deep_bi_seq'],
]

/** Our optimizer with PyTorch's options and, where the case leaves them out, PyTorch's defaults. */
function optimizerOf({ optimizer, clip_norm }: TrainingCase) {
  const common = {
    learningRate: optimizer.lr,
    epsilon: 1e-8,
    ...(clip_norm === null ? {} : { globalClipNorm: clip_norm }),
  }
  const { epsilon, ...withoutEpsilon } = common
  switch (optimizer.name) {
    case 'SGD':
      return optimizers.sgd({
        ...withoutEpsilon,
        momentum: optimizer.momentum ?? 0,
        nesterov: optimizer.nesterov ?? false,
      })
    case 'Adam':
      return optimizers.adam({ ...common, amsgrad: optimizer.amsgrad ?? false })
    case 'AdamW':
      return optimizers.adamw({ ...common, weightDecay: optimizer.weight_decay ?? 0.01 })
    case 'NAdam':
      return optimizers.nadam({ ...common, formula: 'pytorch' })
    case 'Adamax':
      return optimizers.adamax(common)
    case 'RMSprop':
      return optimizers.rmsprop({ ...common, formula: 'pytorch', rho: optimizer.alpha ?? 0.99 })
    case 'Adagrad':
      return optimizers.adagrad({ ...common, epsilon: 1e-10, initialAccumulatorValue: 0 })
    case 'Adadelta':
      return optimizers.adadelta({ ...common, epsilon: 1e-6, rho: 0.9 })
    default:
      throw new Error(`the case names an optimizer that this test does not know: ${optimizer.name}`)
  }
}

function recurrent(golden: TrainingCase, returnSequences: boolean) {
  const options = { units: golden.hidden, returnSequences }
  if (golden.kind === 'LSTM') return layers.lstm(options)
  return golden.kind === 'GRU' ? layers.gru(options) : layers.simpleRNN(options)
}

/** The case's model; without outputs for all steps, bidirectional cases read PyTorch's `y[:, -1]`. */
function modelOf(golden: TrainingCase) {
  const readsLast = golden.bidirectional && !golden.per_step_output
  const stack = Array.from({ length: golden.layers }, (_, index) => {
    const layer = recurrent(golden, golden.per_step_output || readsLast || index < golden.layers - 1)
    return golden.bidirectional ? layers.bidirectional({ layer }) : layer
  })
  return sequential([
    layers.embedding({ inputDim: golden.vocab, outputDim: golden.embedding }),
    ...stack,
    ...(readsLast ? [layers.lastStep()] : []),
    layers.dense({ units: golden.classes }),
  ])
}

/** Our weights, in order, out of PyTorch's `init.` or `final.` ones; RNN and LSTM train bias_ih alone, bias_hh is zero. */
function weightsOf(file: GoldenFile<TrainingCase>, prefix: 'init' | 'final'): Values<Float32Array>[] {
  const { kind, layers: count, bidirectional } = file.case
  const order = torchGates[kind]
  const list = [file.floats(`${prefix}.embedding.weight`)]
  for (let layer = 0; layer < count; layer++) {
    for (const suffix of bidirectional ? [`l${layer}`, `l${layer}_reverse`] : [`l${layer}`]) {
      const inputBias = biasOf(file.floats(`${prefix}.rnn.bias_ih_${suffix}`), order)
      list.push(
        kernelOf(file.floats(`${prefix}.rnn.weight_ih_${suffix}`), order),
        kernelOf(file.floats(`${prefix}.rnn.weight_hh_${suffix}`), order),
        kind === 'GRU'
          ? stackBiases(inputBias, biasOf(file.floats(`${prefix}.rnn.bias_hh_${suffix}`), order))
          : inputBias,
      )
    }
  }
  list.push(kernelOf(file.floats(`${prefix}.linear.weight`), [0]), file.floats(`${prefix}.linear.bias`))
  return list
}

/** Step `index` of the six batches. */
function batch(values: Values<Int32Array>, index: number): Values<Int32Array> {
  const shape = values.shape.slice(1)
  const size = shape.reduce((product, n) => product * n, 1)
  return { data: values.data.slice(index * size, (index + 1) * size), shape }
}

describe('six training steps give PyTorch’s losses, gradient norms and weights', () => {
  forEachGolden('torch-training', names, async (path) => {
    const file = readGolden<TrainingCase>(path)
    const golden = file.case
    const m = modelOf(golden)
    m.compile({
      optimizer: optimizerOf(golden),
      loss: losses.sparseCategoricalCrossentropy({ fromLogits: true }),
    })
    m.setWeights(weightsOf(file, 'init').map((values) => asTensor(values)))

    const tokens = file.ints('tokens')
    const targets = file.ints('targets')
    for (let step = 0; step < golden.losses.length; step++) {
      const x = asTensor(batch(tokens, step))
      const y = asTensor(batch(targets, step))
      const gradients = await m.gradients(x, y)
      let squares = 0
      for (const { data } of Object.values(gradients.weights)) for (const g of data) squares += g * g
      const norm = golden.grad_norms[step] as number
      expect(Math.abs(Math.sqrt(squares) - norm) / norm, `gradient norm of step ${step}`).toBeLessThanOrEqual(
        gradientBound,
      )
      const [loss] = (await m.trainOnBatch(x, y)) as [number]
      const expected = golden.losses[step] as number
      expect(Math.abs(loss - expected) / expected, `loss of step ${step}`).toBeLessThanOrEqual(outputBound)
    }
    const ours = Object.entries(m.namedWeights())
    weightsOf(file, 'final').forEach((values, index) => {
      const [name, weight] = ours[index] ?? ['?', undefined]
      expectClose(weight, values, gradientBound, `final weight ${name}`)
    })
  })
})
