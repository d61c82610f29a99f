// Activations: as layers of their own, over small, ordinary and large numbers.
import { made } from '../describe.mjs'
import { seqloom } from '../ours.mjs'

/** All names, as the error for an unknown one tells them. */
function names() {
  try {
    seqloom.layers.activation({ activation: '?' })
  } catch (error) {
    return [...error.message.matchAll(/'(\w+)'/g)].map(([, name]) => name).filter((name) => name !== 'layers')
  }
}

const activation =
  (name, theirs = name) =>
  (random) => {
    const large = random.pick([1, 4, 30])
    const shape = [random.integer(1, 4), random.integer(1, 5), random.integer(1, 6)]
    const layer = made('layers.activation', { activation: name })
    const node = { layer, from: ['in0'] }
    if (theirs !== name) node.theirs = made('layers.activation', { activation: theirs })
    return {
      kind: 'model',
      batch: shape[0],
      inputs: [{ tensor: random.tensor(shape, { least: -large, most: large }) }],
      nodes: [node],
      outputs: ['0'],
    }
  }

const all = [
  ...[
    'linear',
    'relu',
    'sigmoid',
    'tanh',
    'hardSigmoid',
    'softsign',
    'elu',
    'selu',
    'exponential',
    'relu6',
    'leakyRelu',
  ],
  ...['softplus', 'gelu', 'silu', 'swish', 'mish', 'softmax', 'logSoftmax'],
]

/** What TensorFlow.js has. */
const tfjs = [
  'linear',
  'relu',
  'sigmoid',
  'tanh',
  'softsign',
  'elu',
  'selu',
  'relu6',
  'softplus',
  'softmax',
  'swish',
  'mish',
]

const without = (name) => (tfjs.includes(name) ? {} : { tfjs: 'TensorFlow.js has no such activation' })

export default {
  family: 'activations',
  names,
  cases: {
    ...Object.fromEntries(all.map((name) => [name, { make: activation(name), without: without(name) }])),
    hardSigmoidKeras2: {
      make: activation('hardSigmoidKeras2', 'hardSigmoid'),
      without: { keras: 'Keras 3 has another hard sigmoid', pytorch: 'PyTorch has another hard sigmoid' },
    },
  },
}
