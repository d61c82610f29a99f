// Layers together: what embeddings hide goes on through others, encoders start decoders, losses weigh rows, classes and steps.
import { made } from '../describe.mjs'
import { cellOptions } from './recurrent.mjs'

const kinds = ['lstm', 'gru', 'simpleRNN']
const recurrent = (random, peer, more = {}) => {
  const kind = random.pick(kinds)
  return { kind, layer: made(`layers.${kind}`, { ...cellOptions(kind, random, peer, true), ...more }) }
}

/** Tokens, in which 0 is padding, that no row consists of. */
function tokens(random, batch, time, inputDim) {
  const tensor = random.tensor([batch, time], { least: 1, most: inputDim - 1, dtype: 'int32' })
  for (const [row, mask] of random.mask(batch, time, random.pick(['ragged', 'holes', 'full'])).entries()) {
    for (const [step, valid] of mask.entries()) if (!valid) tensor.data[row * time + step] = 0
  }
  return tensor
}

const sizes = (random) => ({
  batch: random.pick([1, 2, 4]),
  time: random.pick([1, 3, 6]),
  inputDim: random.integer(2, 12),
})
const embedding = (inputDim, outputDim) => made('layers.embedding', { inputDim, outputDim, maskZero: true })
const oneTo = (from) => ({ from: [from] })

/** A classifier of texts, with a loss of classes that is weighted by rows and classes. */
function classifier(random, peer) {
  const { batch, time, inputDim } = sizes(random)
  const classes = random.integer(2, 5)
  const sequences = random.chance()
  const both = random.chance()
  const { layer } = recurrent(random, peer, sequences ? { returnSequences: true, zeroOutputForMask: true } : {})
  const sparse = random.chance()
  const smoothing = sparse ? {} : random.some({ labelSmoothing: () => random.number(0, 0.3) })
  const logits = random.chance()
  const nodes = [
    { layer: embedding(inputDim, random.integer(1, 6)), ...oneTo('in0') },
    { layer: both ? made('layers.bidirectional', { layer }) : layer, ...oneTo('0') },
    { layer: made('layers.dense', { units: classes, ...(!logits && { activation: 'softmax' }) }), ...oneTo('1') },
  ]
  return {
    kind: 'model',
    batch,
    inputs: [{ tensor: tokens(random, batch, time, inputDim) }],
    nodes,
    outputs: ['2'],
    training: {
      loss: made(`losses.${sparse ? 'sparseCategoricalCrossentropy' : 'categoricalCrossentropy'}`, {
        ...smoothing,
        ...(logits && { fromLogits: true }),
      }),
      optimizer: made('optimizers.sgd', { learningRate: 0.02, ...random.some({ momentum: () => 0.5 }) }),
      target: (source, shape) =>
        sparse
          ? source.tensor(shape.slice(0, -1), { least: 0, most: classes - 1, dtype: 'int32' })
          : source.oneHot(shape),
      steps: random.pick([1, 20]),
      ...random.some({ sampleWeight: () => random.tensor([batch], { least: 0, most: 2 }) }),
      ...(random.chance() && {
        classWeight: Object.fromEntries(Array.from({ length: classes }, (_, i) => [i, random.number(0.1, 3)])),
      }),
    },
  }
}

/**
 * Two embeddings of the same tokens side by side. With other tokens their masks would differ, and Keras 3 takes the steps
 * that are valid in any of them, ours those in all, as Keras 2 and TensorFlow.js do (stated in docs/from-keras.md).
 */
function sideBySide(random, peer) {
  const { batch, time, inputDim } = sizes(random)
  const read = { tensor: tokens(random, batch, time, inputDim) }
  const width = random.integer(1, 5)
  const together = random.pick(['concatenate', 'add', 'multiply', 'average', 'maximum'])
  const { layer } = recurrent(random, peer)
  return {
    kind: 'model',
    batch,
    inputs: [read, read],
    nodes: [
      { layer: embedding(inputDim, width), ...oneTo('in0') },
      random.chance() ? { shared: 0, ...oneTo('in1') } : { layer: embedding(inputDim, width), ...oneTo('in1') },
      {
        layer: made('layers.timeDistributed', { layer: made('layers.dense', { units: width, activation: 'tanh' }) }),
        ...oneTo('1'),
      },
      { layer: made(`layers.${together}`), from: ['0', '2'] },
      { layer, ...oneTo('3') },
    ],
    outputs: ['4'],
  }
}

/** An encoder whose states start a decoder that attends to its outputs. */
function translator(random, peer) {
  const { batch, time, inputDim } = sizes(random)
  const units = random.integer(1, 6)
  const kind = random.pick(['lstm', 'gru'])
  const own = { ...cellOptions(kind, random, peer), units, returnSequences: true, zeroOutputForMask: true }
  const attention = random.pick(['attention', 'additiveAttention'])
  const states = kind === 'lstm' ? ['1.1', '1.2'] : ['1.1']
  return {
    kind: 'model',
    batch,
    inputs: [
      { tensor: tokens(random, batch, time, inputDim) },
      { tensor: tokens(random, batch, random.integer(1, 5), inputDim) },
    ],
    nodes: [
      { layer: embedding(inputDim, 3), ...oneTo('in0') },
      { layer: made(`layers.${kind}`, { ...own, returnState: true }), ...oneTo('0') },
      { layer: embedding(inputDim, 2), ...oneTo('in1') },
      { layer: made(`layers.${kind}`, own), ...oneTo('2'), state: states },
      { layer: made(`layers.${attention}`), from: ['3', '1'] },
      { layer: made('layers.concatenate'), from: ['3', '4'] },
      { layer: made('layers.dense', { units: 4 }), ...oneTo('5') },
    ],
    outputs: ['6'],
  }
}

/** Several recurrent layers with normalization between them, over the mean of the steps. */
function deep(random, peer) {
  const { batch, time, inputDim } = sizes(random)
  const nodes = [{ layer: embedding(inputDim, random.integer(1, 4)), ...oneTo('in0') }]
  for (let depth = random.integer(1, 3); depth > 0; depth--) {
    const { layer } = recurrent(random, peer, { returnSequences: true, zeroOutputForMask: true })
    const { layer: back } = recurrent(random, peer, { returnSequences: true, zeroOutputForMask: true })
    back.options.units = layer.options.units
    const two = random.chance(0.3)
      ? { layer, backwardLayer: { ...back, options: { ...back.options, goBackwards: true } } }
      : { layer }
    nodes.push({ layer: random.chance() ? made('layers.bidirectional', two) : layer, ...oneTo(`${nodes.length - 1}`) })
    nodes.push({
      layer: made(`layers.${random.pick(['layerNormalization', 'dropout'])}`),
      ...oneTo(`${nodes.length - 1}`),
    })
    if (nodes.at(-1).layer.make === 'layers.dropout') nodes.at(-1).layer.options = { rate: 0 }
  }
  nodes.push({ layer: made('layers.globalAveragePooling1d'), ...oneTo(`${nodes.length - 1}`) })
  return {
    kind: 'model',
    batch,
    inputs: [{ tensor: tokens(random, batch, time, inputDim) }],
    nodes,
    outputs: [`${nodes.length - 1}`],
  }
}

/** Large numbers, which close gates and overflow exponentials. */
function large(random, peer) {
  const { batch, time } = sizes(random)
  const { layer } = recurrent(random, peer, { activation: random.pick(['tanh', 'sigmoid', 'softsign', 'relu6']) })
  return {
    kind: 'model',
    batch,
    inputs: [{ tensor: random.tensor([batch, time, 3], { least: -300, most: 300 }) }],
    nodes: [
      { layer, ...oneTo('in0') },
      { layer: made('layers.dense', { units: 4, activation: 'softmax' }), ...oneTo('0') },
    ],
    outputs: ['1'],
    // Large inputs multiply what float32 leaves of 1 − y in the slope of a sigmoid.
    cotangentRange: { least: -0.01, most: 0.01 },
  }
}

const without = {
  pytorch: 'PyTorch has no such models by name; their layers are compared',
  tfjs: 'its layers treat masks otherwise; the layers are compared without',
}
const cases = { classifier, sideBySide, translator, deep, large }

export default {
  family: 'stacks',
  names: () => Object.keys(cases),
  cases: Object.fromEntries(Object.entries(cases).map(([name, make]) => [name, { make, without }])),
}
