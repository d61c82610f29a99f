// Convolutions, pooling over windows and what cuts, fills and repeats steps.
import { made } from '../describe.mjs'
import { training } from './training.mjs'

const odd = (random) => random.integer(1, 4)

/** A layer over a sequence that is long enough for its windows: at least `least` elements in each dimension. */
const over =
  (name, options, { trains = true, rank = 3, least = 10 } = {}) =>
  (random, peer) => {
    const batch = random.pick([1, 2, 4])
    const channels = random.pick([1, 2, 4])
    const first = random.integer(least, least + 4)
    const shape = [batch, first, ...Array(rank - 3).fill(random.integer(least, least + 2)), channels]
    const given = {
      kind: 'model',
      batch,
      inputs: [{ tensor: random.tensor(shape) }],
      nodes: [{ layer: made(`layers.${name}`, options(random, channels, peer)), from: ['in0'] }],
      outputs: ['0'],
    }
    return trains && random.chance(0.3) ? { ...given, ...training(random, given, peer) } : given
  }

/** Strides and dilations exclude each other. */
const strided = (random) =>
  random.chance() ? { strides: random.integer(1, 3) } : { dilationRate: random.integer(1, 3) }

const common = (random) => random.some({ useBias: () => false, activation: () => random.pick(['relu', 'tanh']) }, 0.3)

const conv = (paddings) => (random, channels) => ({
  filters: random.integer(1, 4) * channels,
  kernelSize: odd(random),
  ...strided(random),
  ...random.some({ padding: () => random.pick(paddings) }, 0.7),
  ...random.some({ groups: () => channels }, 0.2),
  ...common(random),
})

const transposed = (random) => ({
  filters: random.integer(1, 4),
  kernelSize: odd(random),
  strides: random.integer(1, 3),
  ...random.some({ padding: () => random.pick(['valid', 'same']) }),
  ...common(random),
})

const pool = (random) => ({
  poolSize: random.integer(1, 4),
  ...random.some({ strides: () => random.integer(1, 3), padding: () => random.pick(['valid', 'same']) }),
})

const depthwise = (random) => ({
  kernelSize: odd(random),
  ...random.some({ depthMultiplier: () => random.integer(1, 3), padding: () => random.pick(['valid', 'same']) }),
  ...common(random),
})

const convLstm = (random) => ({
  filters: random.integer(1, 3),
  kernelSize: odd(random),
  ...random.some({
    padding: () => random.pick(['valid', 'same']),
    returnSequences: () => true,
    goBackwards: () => true,
    recurrentActivation: () => 'hardSigmoid',
  }),
})

const ends = (random) => random.pick([1, 2, [0, 3], [2, 1]])
const borders = (random) =>
  random.pick([
    1,
    [2, 1],
    [
      [0, 3],
      [2, 1],
    ],
  ])
const without = {
  pytorch: 'it has channels first; compared with Keras',
  tfjs: 'compared with Keras, whose formulas it has',
}
const entry = (make) => ({ make, without })
const volumes = (make) => ({
  make,
  without: { pytorch: without.pytorch, keras: 'TensorFlow has none in float64; compared with TensorFlow.js' },
})

export default {
  conv1d: entry(over('conv1d', conv(['valid', 'same', 'causal']))),
  conv2d: entry(over('conv2d', conv(['valid', 'same']), { rank: 4 })),
  conv3d: entry(over('conv3d', conv(['valid', 'same']), { rank: 5 })),
  conv1dTranspose: entry(over('conv1dTranspose', transposed)),
  conv2dTranspose: entry(over('conv2dTranspose', transposed, { rank: 4 })),
  // Where each window is one element and strides leave some out, TensorFlow's gradient is not that of its own result.
  conv3dTranspose: entry(
    over('conv3dTranspose', (random) => ({ ...transposed(random), kernelSize: random.integer(2, 4) }), {
      rank: 5,
      least: 4,
    }),
  ),
  depthwiseConv1d: entry(over('depthwiseConv1d', depthwise)),
  separableConv1d: entry(
    over('separableConv1d', (random) => ({ filters: random.integer(1, 4), ...depthwise(random) })),
  ),
  depthwiseConv2d: entry(over('depthwiseConv2d', depthwise, { rank: 4 })),
  separableConv2d: entry(
    over('separableConv2d', (random) => ({ filters: random.integer(1, 4), ...depthwise(random) }), { rank: 4 }),
  ),
  averagePooling1d: entry(over('averagePooling1d', pool, { trains: false })),
  averagePooling2d: entry(over('averagePooling2d', pool, { trains: false, rank: 4 })),
  // With borders, TensorFlow.js divides gradients by the whole window.
  averagePooling3d: volumes(
    over('averagePooling3d', (random) => ({ ...pool(random), padding: 'valid' }), { trains: false, rank: 5 }),
  ),
  maxPooling1d: entry(over('maxPooling1d', pool, { trains: false })),
  maxPooling2d: entry(over('maxPooling2d', pool, { trains: false, rank: 4 })),
  maxPooling3d: volumes(over('maxPooling3d', pool, { trains: false, rank: 5 })),
  cropping1d: entry(over('cropping1d', (random) => ({ cropping: ends(random) }), { trains: false })),
  zeroPadding1d: entry(over('zeroPadding1d', (random) => ({ padding: ends(random) }), { trains: false })),
  upSampling1d: entry(over('upSampling1d', (random) => ({ size: random.integer(1, 3) }), { trains: false })),
  cropping2d: entry(over('cropping2d', (random) => ({ cropping: borders(random) }), { trains: false, rank: 4 })),
  zeroPadding2d: entry(over('zeroPadding2d', (random) => ({ padding: borders(random) }), { trains: false, rank: 4 })),
  upSampling2d: entry(
    over(
      'upSampling2d',
      (random) => ({
        size: random.pick([1, 2, 3, [1, 3], [3, 2]]),
        ...random.some({ interpolation: () => random.pick(['nearest', 'bilinear']) }),
      }),
      { trains: false, rank: 4, least: 3 },
    ),
  ),
  permute: entry(over('permute', () => ({ dims: [2, 1] }), { trains: false })),
  globalAveragePooling2d: entry(over('globalAveragePooling2d', () => ({}), { trains: false, rank: 4 })),
  globalAveragePooling3d: entry(over('globalAveragePooling3d', () => ({}), { trains: false, rank: 5 })),
  globalMaxPooling2d: entry(over('globalMaxPooling2d', () => ({}), { trains: false, rank: 4 })),
  globalMaxPooling3d: entry(over('globalMaxPooling3d', () => ({}), { trains: false, rank: 5 })),
  convLstm1d: entry(over('convLstm1d', convLstm, { trains: false, rank: 4 })),
  convLstm2d: entry(over('convLstm2d', convLstm, { trains: false, rank: 5 })),
}
