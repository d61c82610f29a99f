// Losses of vectors and of sequences, with masks and weights of rows.
import { made } from '../describe.mjs'
import { namesOf } from '../ours.mjs'

/** What predictions and targets are. */
const kinds = {
  numbers: (random, shape) => ({
    yPred: random.tensor(shape, { least: -3, most: 3 }),
    yTrue: random.tensor(shape, { least: -3, most: 3 }),
  }),
  positive: (random, shape) => ({
    yPred: random.tensor(shape, { least: 0.05, most: 3 }),
    yTrue: random.tensor(shape, { least: 0.05, most: 3 }),
  }),
  signs: (random, shape) => {
    const yTrue = random.tensor(shape, { least: 0, most: 1, dtype: 'int32' })
    return {
      yPred: random.tensor(shape, { least: -2, most: 2 }),
      yTrue: { ...yTrue, dtype: 'float32', data: yTrue.data.map((value) => 2 * value - 1) },
    }
  },
  distributions: (random, shape, { fromLogits }) => ({
    yPred: fromLogits ? random.tensor(shape, { least: -5, most: 5 }) : random.probabilities(shape),
    yTrue: random.chance() ? random.oneHot(shape) : random.probabilities(shape),
  }),
  oneHot: (random, shape) => ({ yPred: random.tensor(shape, { least: -2, most: 2 }), yTrue: random.oneHot(shape) }),
  classes: (random, shape, { fromLogits }) => ({
    yPred: fromLogits ? random.tensor(shape, { least: -5, most: 5 }) : random.probabilities(shape),
    yTrue: random.tensor(shape.slice(0, -1), { least: 0, most: shape.at(-1) - 1, dtype: 'int32' }),
  }),
  decisions: (random, shape, { fromLogits }) => ({
    yPred: random.tensor(shape, fromLogits ? { least: -5, most: 5 } : { least: 0.01, most: 0.99 }),
    yTrue: { ...random.tensor(shape, { least: 0, most: 1, dtype: 'int32' }), dtype: 'float32' },
  }),
}

/** Cases of a loss: what it reads, and the options that it may have. */
const loss = (name, kind, options = () => ({}), { without = {} } = {}) => ({
  without,
  make: (random, peer) => {
    const batch = random.pick([1, 2, 3, 6])
    const time = random.pick([1, 2, 5])
    const width = random.integer(['distributions', 'classes', 'oneHot'].includes(kind) ? 2 : 1, 6)
    const steps = random.chance() && !(peer === 'tfjs' && kind === 'classes')
    const shape = steps ? [batch, time, width] : [batch, width]
    const chosen = optionsFor(peer, options(random), random)
    const masked = peer === 'keras' && steps && random.chance(0.5)
    return {
      kind: 'loss',
      loss: made(`losses.${name}`, chosen),
      ...kinds[kind](random, shape, chosen),
      ...(masked && { mask: random.mask(batch, time, random.pick(['ragged', 'holes'])) }),
      ...(peer === 'keras' && random.some({ sampleWeight: () => random.tensor([batch], { least: 0, most: 3 }) }, 0.4)),
    }
  },
})

/** PyTorch's cross-entropies of probabilities do not divide by their sum; TensorFlow.js's losses have no options. */
function optionsFor(peer, options, random) {
  const chosen = peer === 'tfjs' ? {} : random.some(options, 0.5)
  return peer === 'pytorch' && 'fromLogits' in options ? { ...chosen, fromLogits: true } : chosen
}

const logits = (random) => ({ fromLogits: () => random.chance() })
const smoothing = (random) => ({ ...logits(random), labelSmoothing: () => random.number(0, 0.5) })
const focal = (random) => ({ ...smoothing(random), gamma: () => random.pick([0, 1, 2, 3.5]) })
const balancing = (random) => ({
  ...focal(random),
  applyClassBalancing: () => random.chance(),
  alpha: () => random.number(0.1, 0.9),
})
const noTorch = { pytorch: 'PyTorch has none by this formula' }
const noTfjs = { tfjs: 'TensorFlow.js has none' }

/** Rows of their own lengths, with targets that fit them or, with `zeroInfinity`, do not. */
const ctc = {
  without: { keras: 'PyTorch answers for it', tfjs: 'TensorFlow.js has none' },
  make: (random) => {
    const [batch, time, symbols] = [random.integer(1, 4), random.integer(1, 12), random.integer(2, 6)]
    const most = random.pick([1, 3, 7])
    const blank = random.integer(0, symbols - 1)
    const mask = random.mask(batch, time, random.pick(['ragged', 'full']))
    const zeroInfinity = random.chance()
    const rows = mask.map((steps) => {
      const target = Array.from(
        { length: random.integer(0, most) },
        () => (blank + random.integer(1, symbols - 1)) % symbols,
      )
      const fits = () =>
        target.length + target.filter((y, at) => y === target[at - 1]).length <= steps.filter(Boolean).length
      while (!zeroInfinity && !fits()) target.pop()
      return [...target, ...Array(most - target.length).fill(-1)]
    })
    const scale = random.pick([1, 5, 40])
    return {
      kind: 'loss',
      loss: made('losses.ctc', { blank, zeroInfinity }),
      yPred: random.tensor([batch, time, symbols], { least: -scale, most: scale }),
      yTrue: { shape: [batch, most], dtype: 'int32', data: rows.flat() },
      mask,
    }
  },
}

export default {
  family: 'losses',
  names: () => namesOf('losses'),
  cases: {
    sparseCategoricalCrossentropy: loss('sparseCategoricalCrossentropy', 'classes', logits),
    categoricalCrossentropy: loss('categoricalCrossentropy', 'distributions', smoothing),
    binaryCrossentropy: loss('binaryCrossentropy', 'decisions', smoothing),
    ctc,
    meanSquaredError: loss('meanSquaredError', 'numbers'),
    meanAbsoluteError: loss('meanAbsoluteError', 'numbers'),
    huber: {
      ...loss('huber', 'numbers', (random) => ({ delta: () => random.number(0.2, 2) })),
      without: { tfjs: 'TensorFlow.js has it as an operation only' },
    },
    meanAbsolutePercentageError: loss('meanAbsolutePercentageError', 'positive', undefined, { without: noTorch }),
    meanSquaredLogarithmicError: loss('meanSquaredLogarithmicError', 'positive', undefined, { without: noTorch }),
    logCosh: loss('logCosh', 'numbers', undefined, { without: { ...noTorch, ...noTfjs } }),
    hinge: loss('hinge', 'signs', undefined, { without: noTorch }),
    squaredHinge: loss('squaredHinge', 'signs', undefined, { without: noTorch }),
    categoricalHinge: loss('categoricalHinge', 'oneHot', undefined, { without: noTorch }),
    klDivergence: loss('klDivergence', 'distributions', undefined, { without: { ...noTorch, ...noTfjs } }),
    poisson: loss('poisson', 'positive', undefined, { without: { ...noTorch, ...noTfjs } }),
    cosineSimilarity: loss('cosineSimilarity', 'numbers', undefined, { without: { ...noTorch, ...noTfjs } }),
    binaryFocalCrossentropy: loss('binaryFocalCrossentropy', 'decisions', balancing, {
      without: { ...noTorch, ...noTfjs },
    }),
    categoricalFocalCrossentropy: loss(
      'categoricalFocalCrossentropy',
      'distributions',
      (random) => ({ ...focal(random), alpha: () => random.number(0.1, 1) }),
      { without: { ...noTorch, ...noTfjs } },
    ),
    categoricalGeneralizedCrossEntropy: loss(
      'categoricalGeneralizedCrossEntropy',
      'classes',
      (random) => ({ q: () => random.number(0.1, 0.9) }),
      { without: { ...noTorch, ...noTfjs } },
    ),
    crf: 'no peer has it; compared with all paths enumerated, in test/api',
    transducer:
      'compared with the equations in float64, in test/api, and with torchaudio by benchmark/measurements/transducer.mjs',
  },
}
