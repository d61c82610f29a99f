// All layers that are not recurrent, each by itself or behind an embedding.
import { made } from '../describe.mjs'
import { namesOf } from '../ours.mjs'
import convolutions from './convolutions.mjs'
import { recurrent } from './recurrent.mjs'
import { training } from './training.mjs'

const noTorch = 'PyTorch has no layer of this name; its parts are compared by other layers'
const noTfjs = 'TensorFlow.js has no such layer'

/** Sizes of a batch, with as many features at least; TensorFlow.js cannot give back sequences of one step. */
const sizes = (random, peer, least = 1) => ({
  batch: random.pick([1, 2, 3, 5]),
  time: random.pick(peer === 'tfjs' ? [2, 4, 7] : [1, 2, 4, 7]),
  features: random.pick([1, 2, 3, 6].filter((size) => size >= least)),
})

/** A model of one layer that reads a tensor of a rank, perhaps with a mask and a training. */
function single(
  random,
  peer,
  layer,
  { rank = random.pick([2, 3]), masked = true, trains = true, range, least, rows, ...others } = {},
) {
  const { batch, time, features } = sizes(random, peer, least)
  const shape = [batch, ...(rank > 3 ? [time, 2] : rank === 3 ? [time] : []), features]
  // Keras cannot weigh the losses of steps that have dimensions of their own.
  const mask =
    masked && peer === 'keras' && rank === 3 && random.chance(0.4) ? random.mask(batch, time, rows) : undefined
  const given = {
    kind: 'model',
    batch,
    inputs: [{ tensor: random.tensor(shape, range), ...(mask && { mask }) }],
    nodes: [{ layer, from: ['in0'], ...others }],
    outputs: ['0'],
  }
  return trains && random.chance(0.3) ? { ...given, ...training(random, given, peer) } : given
}

const weightRules = (random, ...roles) =>
  random.some(
    Object.fromEntries(
      roles.flatMap((role) => [
        [`${role}Regularizer`, () => made(`regularizers.${random.pick(['l1', 'l2'])}`)],
        [`${role}Constraint`, () => made('constraints.maxNorm', { maxValue: random.number(0.4, 1.2) })],
      ]),
    ),
    0.15,
  )

function dense(random, peer) {
  const options = {
    units: random.pick([1, 2, 5, 16]),
    ...random.some(
      { useBias: () => random.chance(), activation: () => random.pick(['relu', 'tanh', 'sigmoid', 'softmax']) },
      0.4,
    ),
    ...(peer === 'keras' && weightRules(random, 'kernel', 'bias')),
    ...(peer === 'keras' && random.some({ activityRegularizer: () => made('regularizers.l2', { l2: 0.05 }) }, 0.1)),
  }
  return single(random, peer, made('layers.dense', options), {
    rank: peer === 'tfjs' ? random.pick([2, 3]) : random.pick([2, 3, 4]),
  })
}

/** Tokens behind an embedding, whose mask goes on. */
function embedding(random, peer) {
  const { batch, time } = sizes(random)
  const inputDim = random.pick([1, 2, 5, 30])
  const maskZero = peer === 'keras' && random.chance()
  const layer = made('layers.embedding', { inputDim, outputDim: random.pick([1, 3, 8]), ...(maskZero && { maskZero }) })
  const given = {
    kind: 'model',
    batch,
    inputs: [{ tensor: random.tensor([batch, time], { least: 0, most: inputDim - 1, dtype: 'int32' }) }],
    nodes: [{ layer, from: ['in0'] }],
    outputs: ['0'],
  }
  return random.chance(0.3) ? { ...given, ...training(random, given, peer) } : given
}

/**
 * TensorFlow.js fails at layers without center or scale. Slopes over one or two features are nearly 0, and what is computed
 * is rounding.
 */
const normalization =
  (name, options, { always = {}, masked = true } = {}) =>
  (random, peer) => {
    const { center, scale, ...others } = options(random)
    const chosen = random.some(peer === 'tfjs' ? others : { ...others, center, scale }, 0.4)
    if (chosen.center === false) delete chosen.scale // so that there is something to train
    return single(random, peer, made(`layers.${name}`, { ...always, ...chosen }), {
      rank: random.pick([2, 3]),
      least: 3,
      masked,
    })
  }

/** Slopes that are learned, also shared along the time. */
function prelu(random, peer) {
  const rank = random.pick([2, 3])
  // PyTorch has one for each channel.
  const isShared = rank === 3 && (peer === 'pytorch' || random.chance())
  const options = {
    ...(isShared && { sharedAxes: [1] }),
    ...(peer === 'keras' && weightRules(random, 'alpha')),
  }
  return single(random, peer, made('layers.prelu', options), { rank })
}

const merge = (name, many) => (random, peer) => {
  const { batch, time, features } = sizes(random)
  const rank = random.pick([2, 3])
  const shape = rank === 3 ? [batch, time, features] : [batch, features]
  const count = many ? random.integer(2, 4) : 2
  const mask = peer === 'keras' && rank === 3 && random.chance(0.4) ? random.mask(batch, time) : undefined
  const width = () => (name === 'concatenate' ? [...shape.slice(0, -1), random.integer(1, 5)] : shape)
  return {
    kind: 'model',
    batch,
    inputs: Array.from({ length: count }, () => ({ tensor: random.tensor(width()), ...(mask && { mask }) })),
    nodes: [{ layer: made(`layers.${name}`), from: Array.from({ length: count }, (_, i) => `in${i}`) }],
    outputs: ['0'],
  }
}

/** Attention of a query over values, and keys if they differ; with masks of either. */
const attention = (name, options) => (random) => {
  const { batch, features } = sizes(random)
  const [queries, steps] = [random.integer(1, 5), random.integer(1, 6)]
  const separate = random.chance()
  const size = random.integer(1, 5)
  const width = name === 'multiHeadAttention' || separate ? size : features
  const mask = (time) =>
    random.chance(0.4) ? { mask: random.mask(batch, time, random.pick(['ragged', 'holes'])) } : {}
  const value = mask(steps)
  const scores = random.chance(0.3)
  const inputs = [
    // The scores of a padded query mean nothing.
    { tensor: random.tensor([batch, queries, features]), ...(scores ? {} : mask(queries)) },
    { tensor: random.tensor([batch, steps, width]), ...value },
    ...(separate ? [{ tensor: random.tensor([batch, steps, features]), ...value }] : []),
  ]
  const layer = made(`layers.${name}`, { ...options(random), ...(scores && { returnAttentionScores: true }) })
  return {
    kind: 'model',
    batch,
    inputs,
    nodes: [{ layer, from: inputs.map((_, i) => `in${i}`), ...(name === 'multiHeadAttention' && { spread: true }) }],
    outputs: scores ? ['0.0', '0.1'] : ['0'],
  }
}

/** Keras 3.15 adds the biases of heads of one number to the steps if there are as many steps as heads. */
const heads = (random) => ({
  numHeads: random.integer(1, 3),
  keyDim: random.integer(2, 4),
  ...random.some({ valueDim: () => random.integer(2, 4), useBias: () => false }, 0.4),
})

function timeDistributed(random, peer) {
  const dense = made('layers.dense', { units: 3, activation: 'tanh' })
  const others = [
    made('layers.activation', { activation: 'softplus' }),
    ...(peer === 'tfjs' ? [] : [made('layers.layerNormalization')]),
  ]
  const trains = random.chance()
  return single(random, peer, made('layers.timeDistributed', { layer: trains ? dense : random.pick(others) }), {
    rank: 3,
    trains,
  })
}

/** A value that stands for missing steps, in some of them. */
function masking(random, peer) {
  const { batch, time, features } = sizes(random)
  const maskValue = random.pick([0, -1])
  const tensor = random.tensor([batch, time, features])
  const mask = random.mask(batch, time)
  for (const [i] of tensor.data.entries()) {
    const step = Math.floor(i / features)
    if (!mask[Math.floor(step / time)][step % time]) tensor.data[i] = maskValue
  }
  const given = {
    kind: 'model',
    batch,
    inputs: [{ tensor }],
    nodes: [
      { layer: made('layers.masking', { maskValue }), from: ['in0'] },
      { layer: made('layers.lstm', { units: 3 }), from: ['0'] },
    ],
    outputs: ['1'],
  }
  return random.chance(0.4) ? { ...given, ...training(random, given, peer) } : given
}

/** The dot product of two tensors along an axis of each. */
function dot(random) {
  const batch = random.integer(1, 3)
  const [size, a, b] = [random.integer(1, 4), random.integer(1, 4), random.integer(1, 4)]
  const flat = random.chance(0.3)
  const shapes = flat
    ? [
        [batch, size],
        [batch, size],
      ]
    : [
        [batch, a, size],
        [batch, b, size],
      ]
  return {
    kind: 'model',
    batch,
    inputs: shapes.map((shape) => ({ tensor: random.tensor(shape) })),
    nodes: [
      {
        layer: made('layers.dot', { axes: flat ? 1 : 2, ...random.some({ normalize: () => true }, 0.3) }),
        from: ['in0', 'in1'],
      },
    ],
    outputs: ['0'],
  }
}

const preprocessing =
  'it makes numbers of texts and categories, before the model; it is compared with Keras in tests of its own'

const cases = {
  ...convolutions,
  alphaDropout: {
    make: (random, peer) => single(random, peer, made('layers.alphaDropout', { rate: 0 }), { trains: false }),
    without: { pytorch: noTorch },
  },
  activation: 'compared under each activation',
  add: { make: merge('add', true) },
  additiveAttention: {
    make: attention('additiveAttention', (random) => random.some({ useScale: () => random.chance() })),
    without: { pytorch: noTorch, tfjs: noTfjs },
  },
  attention: {
    make: attention('attention', (random) =>
      random.some({ useScale: () => true, scoreMode: () => random.pick(['dot', 'concat']) }),
    ),
    without: { pytorch: noTorch, tfjs: noTfjs },
  },
  average: { make: merge('average', true) },
  batchNormalization: {
    make: normalization('batchNormalization', (random) => ({
      epsilon: () => random.pick([1e-5, 1e-2]),
      momentum: () => random.pick([0.5, 0.9]),
      center: () => false,
      scale: () => false,
    })),
    without: {
      pytorch: 'it has channels first, and another variance in its mean; compared with Keras',
      tfjs: 'compared with Keras',
    },
  },
  bidirectional: 'compared with each recurrent layer inside',
  categoryEncoding: preprocessing,
  discretization: preprocessing,
  hashing: preprocessing,
  hashedCrossing: preprocessing,
  integerLookup: preprocessing,
  stringLookup: preprocessing,
  textVectorization: preprocessing,
  concatenate: { make: merge('concatenate', true) },
  dense: { make: dense },
  crf: 'no peer has it; compared with all paths enumerated, in test/api',
  dot: { make: dot, without: { pytorch: noTorch, tfjs: 'its axes count otherwise' } },
  doublyStochasticPenalty: 'ours alone: a term of the loss from a paper, with its values in test/golden',
  dropout: {
    make: (random, peer) => single(random, peer, made('layers.dropout', { rate: 0 }), { trains: false }),
    without: { pytorch: noTorch },
  },
  embedding: { make: embedding },
  flatten: {
    make: (random, peer) => single(random, peer, made('layers.flatten'), { rank: 3, masked: false, trains: false }),
    without: { pytorch: noTorch },
  },
  globalAveragePooling1d: {
    // Of a row without steps, Keras's is NaN (stated in docs/from-keras.md).
    make: (random, peer) =>
      single(random, peer, made('layers.globalAveragePooling1d'), { rank: 3, trains: false, rows: 'ragged' }),
    without: { pytorch: noTorch },
  },
  globalMaxPooling1d: {
    // Keras's looks at padding, ours does not (stated in docs/from-keras.md).
    make: (random, peer) =>
      single(random, peer, made('layers.globalMaxPooling1d'), { rank: 3, masked: false, trains: false }),
    without: { pytorch: noTorch },
  },
  gaussianDropout: {
    make: (random, peer) => single(random, peer, made('layers.gaussianDropout', { rate: 0 }), { trains: false }),
    without: { pytorch: noTorch },
  },
  gaussianNoise: {
    make: (random, peer) => single(random, peer, made('layers.gaussianNoise', { stddev: 0 }), { trains: false }),
    without: { pytorch: noTorch },
  },
  groupNormalization: {
    make: normalization(
      'groupNormalization',
      (random) => ({
        groups: () => -1,
        epsilon: () => random.pick([1e-5, 1e-2]),
        center: () => false,
        scale: () => false,
      }),
      // Keras's counts padding (stated in docs/from-keras.md).
      { always: { groups: 1 }, masked: false },
    ),
    without: { pytorch: 'it has channels first; compared with Keras', tfjs: noTfjs },
  },
  gru: { make: recurrent('gru') },
  gruCell: 'compared under the cells',
  lambda: 'a function of the user’s own; what it may compute is compared under the layers',
  lastStep: 'ours alone: y[:, -1] of the valid steps, with its values in test/api',
  layerNormalization: {
    make: normalization('layerNormalization', (random) => ({
      epsilon: () => random.pick([1e-5, 1e-2]),
      center: () => false,
      scale: () => false,
    })),
  },
  lstm: { make: recurrent('lstm') },
  lstmCell: 'compared under the cells',
  masking: { make: masking, without: { pytorch: noTorch, tfjs: 'its layers ignore masks in the backward pass' } },
  maximum: { make: merge('maximum', true) },
  minimum: { make: merge('minimum', true) },
  multiHeadAttention: { make: attention('multiHeadAttention', heads), without: { pytorch: noTorch, tfjs: noTfjs } },
  multiply: { make: merge('multiply', true) },
  normalization:
    'it takes means and variances of data, and Keras those of its own; its values are in test/fixtures/normalization',
  prelu: { make: prelu },
  repeatVector: {
    make: (random, peer) =>
      single(random, peer, made('layers.repeatVector', { n: random.integer(1, 5) }), { rank: 2, trains: false }),
    without: { pytorch: noTorch },
  },
  reshape: {
    make: (random, peer) => {
      const given = single(random, peer, undefined, { rank: 3, masked: false, trains: false })
      const [, time, features] = given.inputs[0].tensor.shape
      given.nodes[0].layer = made('layers.reshape', {
        targetShape: random.pick([[features, time], [time * features], [1, time, features]]),
      })
      return given
    },
    without: { pytorch: noTorch },
  },
  rnn: 'compared under the cells',
  rootMeanSquareNormalization: {
    make: (random, peer) => {
      const options = random.some({ epsilon: () => random.pick([1e-5, 1e-2]) })
      return single(random, peer, made('layers.rootMeanSquareNormalization', options), {
        theirs: made('layers.rMSNormalization', options),
        // Keras's forgets the mask.
        masked: false,
      })
    },
    without: { pytorch: 'PyTorch has it from version 2.4 on; Keras has the same', tfjs: noTfjs },
  },
  simpleRNN: { make: recurrent('simpleRNN') },
  simpleRNNCell: 'compared under the cells',
  spatialDropout1d: {
    make: (random, peer) =>
      single(random, peer, made('layers.spatialDropout1d', { rate: 0 }), { rank: 3, trains: false }),
    without: { pytorch: noTorch, tfjs: noTfjs },
  },
  stackedRNNCells: 'compared under the cells',
  subtract: { make: merge('subtract', false), without: { tfjs: noTfjs } },
  transducerJoint: 'part of losses.transducer: compared with the equations in float64, in test/api',
  unitNormalization: {
    make: (random, peer) => single(random, peer, made('layers.unitNormalization'), { trains: false }),
    without: { pytorch: noTorch, tfjs: noTfjs },
  },
  timeDistributed: { make: timeDistributed, without: { pytorch: noTorch } },
}

export default { family: 'layers', names: () => namesOf('layers'), cases }
