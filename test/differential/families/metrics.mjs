// Metrics over several batches, the last of which is smaller.
import { made } from '../describe.mjs'
import { namesOf } from '../ours.mjs'

const noTfjs = 'TensorFlow.js reports means of batches'
const noTorch = 'PyTorch has no metrics'
const without = { tfjs: noTfjs, pytorch: noTorch }

/** What predictions and targets are, with the loss that reads them so. */
const kinds = {
  numbers: (random, shape) => ({
    loss: made('losses.meanSquaredError'),
    yPred: random.tensor(shape, { least: -2, most: 2 }),
    yTrue: random.tensor(shape, { least: -2, most: 2 }),
  }),
  positive: (random, shape) => ({
    loss: made('losses.meanSquaredError'),
    yPred: random.tensor(shape, { least: 0.05, most: 3 }),
    yTrue: random.tensor(shape, { least: 0.05, most: 3 }),
  }),
  signs: (random, shape) => {
    const yTrue = random.tensor(shape, { least: 0, most: 1, dtype: 'int32' })
    return {
      loss: made('losses.meanSquaredError'),
      yPred: random.tensor(shape, { least: -2, most: 2 }),
      yTrue: { ...yTrue, dtype: 'float32', data: yTrue.data.map((value) => 2 * value - 1) },
    }
  },
  classes: (random, shape) => ({
    loss: made('losses.sparseCategoricalCrossentropy'),
    yPred: random.probabilities(shape),
    yTrue: random.tensor(shape.slice(0, -1), { least: 0, most: shape.at(-1) - 1, dtype: 'int32' }),
  }),
  oneHot: (random, shape) => ({
    loss: made('losses.categoricalCrossentropy'),
    yPred: random.probabilities(shape),
    yTrue: random.oneHot(shape),
  }),
  decisions: (random, shape) => ({
    loss: made('losses.binaryCrossentropy'),
    yPred: random.tensor(shape, { least: 0.01, most: 0.99 }),
    yTrue: { ...random.tensor(shape, { least: 0, most: 1, dtype: 'int32' }), dtype: 'float32' },
  }),
}

/** Cases of a metric; `theirs` is its description for Keras where that has another name or other defaults. */
export const metric = (
  name,
  kind,
  { options = () => ({}), theirs, least = 1, steps = true, masks = true, everyClass = false } = {},
) => ({
  make: (random) => {
    const rows = random.integer(1, 23)
    const time = steps && random.chance() ? [random.integer(1, 4)] : []
    const width = random.integer(Math.max(least, ['classes', 'oneHot'].includes(kind) ? 2 : 1), 7)
    const chosen = options(random, width)
    const shape = [rows, ...time, width]
    const values = kinds[kind](random, shape)
    if (everyClass) values.yTrue.data.fill(1, 0, width)
    const masked = masks && time.length > 0 && random.chance()
    return {
      kind: 'metric',
      metric: made(`metrics.${name}`, chosen),
      ...(theirs && { theirs: { metric: theirs(chosen) } }),
      ...values,
      ...(masked && { mask: random.mask(rows, time[0], random.pick(['ragged', 'holes'])) }),
      ...random.some({ sampleWeight: () => random.tensor([rows], { least: 0, most: 2 }) }, 0.4),
      batchSize: random.integer(1, 8),
    }
  },
  without,
})

const topK = (random, width) => ({ k: random.integer(1, Math.max(1, width - 1)) })
const at = (name) => (random) => ({ [name]: random.number(0.2, 0.9) })
const threshold = (random) => random.some({ threshold: () => random.number(0.2, 0.8) })

export default {
  family: 'metrics',
  names: () => namesOf('metrics'),
  cases: {
    accuracy: 'stands for one of the accuracies below, by the loss; test/api tells which',
    sparseCategoricalAccuracy: metric('sparseCategoricalAccuracy', 'classes'),
    categoricalAccuracy: metric('categoricalAccuracy', 'oneHot'),
    binaryAccuracy: metric('binaryAccuracy', 'decisions', { options: threshold }),
    topKAccuracy: metric('topKAccuracy', 'classes', {
      options: topK,
      theirs: (options) => made('metrics.sparseTopKCategoricalAccuracy', options),
      least: 3,
    }),
    precision: metric('precision', 'decisions', {
      options: (random) => ({ average: 'micro', ...threshold(random) }),
      theirs: ({ threshold: thresholds }) => made('metrics.precision', thresholds === undefined ? {} : { thresholds }),
    }),
    recall: metric('recall', 'decisions', {
      options: (random) => ({ average: 'micro', ...threshold(random) }),
      theirs: ({ threshold: thresholds }) => made('metrics.recall', thresholds === undefined ? {} : { thresholds }),
    }),
    // The mean of Keras counts classes that are neither targets nor predicted as 0, ours leaves them out (stated at metrics.precision).
    f1: metric('f1', 'decisions', {
      everyClass: true,
      options: (random) => ({
        average: random.pick(['macro', 'micro', 'weighted']),
        threshold: random.number(0.2, 0.8),
      }),
      theirs: (options) => made('metrics.f1Score', options),
      steps: false,
      masks: false,
    }),
    f1Score: 'another name of f1',
    fBetaScore: metric('fBetaScore', 'decisions', {
      everyClass: true,
      options: (random) => ({
        average: random.pick(['macro', 'micro', 'weighted']),
        beta: random.number(0.5, 2),
        threshold: random.number(0.2, 0.8),
      }),
      steps: false,
      masks: false,
    }),
    topKCategoricalAccuracy: metric('topKCategoricalAccuracy', 'oneHot', { options: topK, least: 3 }),
    sparseTopKCategoricalAccuracy: metric('sparseTopKCategoricalAccuracy', 'classes', { options: topK, least: 3 }),
    truePositives: metric('truePositives', 'decisions'),
    trueNegatives: metric('trueNegatives', 'decisions'),
    falsePositives: metric('falsePositives', 'decisions'),
    falseNegatives: metric('falseNegatives', 'decisions'),
    matthewsCorrelation: 'Keras and PyTorch have none',
    sensitivityAtSpecificity: metric('sensitivityAtSpecificity', 'decisions', { options: at('specificity') }),
    specificityAtSensitivity: metric('specificityAtSensitivity', 'decisions', { options: at('sensitivity') }),
    precisionAtRecall: metric('precisionAtRecall', 'decisions', { options: at('recall') }),
    recallAtPrecision: metric('recallAtPrecision', 'decisions', { options: at('precision') }),
    rootMeanSquaredError: metric('rootMeanSquaredError', 'numbers'),
    r2Score: metric('r2Score', 'numbers', { steps: false }),
    pearsonCorrelation: metric('pearsonCorrelation', 'numbers', { least: 3 }),
    concordanceCorrelation: metric('concordanceCorrelation', 'numbers', { least: 3 }),
    cosineSimilarity: metric('cosineSimilarity', 'numbers'),
    meanAbsolutePercentageError: metric('meanAbsolutePercentageError', 'positive'),
    meanSquaredLogarithmicError: metric('meanSquaredLogarithmicError', 'positive'),
    logCoshError: metric('logCoshError', 'numbers'),
    hinge: metric('hinge', 'signs'),
    squaredHinge: metric('squaredHinge', 'signs'),
    categoricalHinge: metric('categoricalHinge', 'oneHot'),
    klDivergence: metric('klDivergence', 'oneHot'),
    poisson: metric('poisson', 'positive'),
    crossentropy: 'stands for one of the cross-entropies below, by the loss',
    binaryCrossentropy: metric('binaryCrossentropy', 'decisions'),
    categoricalCrossentropy: metric('categoricalCrossentropy', 'oneHot'),
    sparseCategoricalCrossentropy: metric('sparseCategoricalCrossentropy', 'classes'),
    auc: 'by bins of logits, finer than the 200 thresholds of Keras; compared with exact areas in test/api/metrics.test.ts',
    meanSquaredError: metric('meanSquaredError', 'numbers'),
    meanAbsoluteError: metric('meanAbsoluteError', 'numbers'),
    editDistance: 'of whole sequences, which no peer measures; compared with text.editDistance in test/api',
    tokenErrorRate: 'another name of editDistance',
    bleu: 'no peer has it; compared with text.bleu, which has values of sacreBLEU, in test/api',
    chrF: 'no peer has it; compared with text.chrF, which has values of sacreBLEU, in test/api',
    perplexity: 'e to the power of the cross-entropy, which is compared; Keras has none outside of KerasHub',
  },
}
