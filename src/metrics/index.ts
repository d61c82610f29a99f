import { reading } from '../errors.js'
import { type Average, type Metric, makeMetric } from './metric.js'

export type { Average, Metric, MetricKind, MetricName } from './metric.js'

/** Options of every metric. */
export interface MetricOptions {
  /** The key in histories; default the metric's own name. */
  readonly name?: string
}

/** Options of metrics of yes-no decisions. */
export interface DecisionOptions extends MetricOptions {
  /** Predictions above it, as the model gives them, are decisions; default 0.5, or 0 for logits. */
  readonly threshold?: number
  /** Whether predictions are logits, so that the threshold is 0 unless given; default what the loss says. */
  readonly fromLogits?: boolean
}

/** Options of precision, recall and F1. */
export interface ClassOptions extends DecisionOptions {
  /**
   * How several classes are averaged. `macro` (default): all classes equally, leaving out those that are neither
   * targets nor predicted; `weighted`: each by how often it is a target; `micro`: all decisions together.
   */
  readonly average?: Average
  /** The only class, or column, to measure; default all, or with two classes the second, the positive one. */
  readonly classId?: number
  /** Among several classes, how many of the largest predictions are decisions; default 1. */
  readonly topK?: number
  /** One threshold, as Keras's metrics have it: the decisions of all classes together (`average` is `micro`). */
  readonly thresholds?: number | readonly [number]
}

/** Options of metrics by thresholds, as Keras has them. */
export interface ThresholdsOptions extends MetricOptions {
  /** How many thresholds from 0 to 1 predictions are compared with; default 200. */
  readonly numThresholds?: number
  /** The only class, or column, to measure; default all together. */
  readonly classId?: number
  /** Whether predictions are logits; default what the loss says. */
  readonly fromLogits?: boolean
}

/** Options of counts of decisions. */
export interface CountOptions extends MetricOptions {
  /** Predictions above it are decisions; default 0.5. For logits, it is that of their probabilities. */
  readonly thresholds?: number | readonly [number]
  /** The only class, or column, to count; default all together. */
  readonly classId?: number
  /** Whether predictions are logits; default what the loss says. */
  readonly fromLogits?: boolean
}

/** Options of cross-entropies. */
export interface EntropyOptions extends MetricOptions {
  /** Whether predictions are logits; default what the loss says. */
  readonly fromLogits?: boolean
  /** The share of each target that is spread over all classes; default 0. */
  readonly labelSmoothing?: number
}

/** The accuracy that fits the loss, and how it reads predictions: logits above 0 mean yes. Errors: `ERR_OPTION`. */
export const accuracy = (options: MetricOptions & { readonly fromLogits?: boolean } = {}): Metric =>
  makeMetric('accuracy', options)

/** The cross-entropy that fits the loss. Errors: `ERR_OPTION`. */
export const crossentropy = (options: MetricOptions & { readonly fromLogits?: boolean } = {}): Metric =>
  makeMetric('crossentropy', options)

/** How often the largest prediction is the target class; integer targets. */
export const sparseCategoricalAccuracy = (options: MetricOptions = {}): Metric =>
  makeMetric('sparseCategoricalAccuracy', options)

/** How often the largest prediction is where the largest target is. */
export const categoricalAccuracy = (options: MetricOptions = {}): Metric => makeMetric('categoricalAccuracy', options)

/** How often predictions above `threshold` have target 1. Errors: `ERR_OPTION`. */
export const binaryAccuracy = (options: DecisionOptions = {}): Metric => makeMetric('binaryAccuracy', options)

/**
 * How often the target class is among the `k` (default 5) largest predictions; equal ones count for it. For classes, as
 * integers or one-hot. Errors: `ERR_OPTION`.
 */
export const topKAccuracy = (options: MetricOptions & { readonly k?: number } = {}): Metric =>
  makeMetric('topKAccuracy', options)

/** Options with a name, where they give no other. */
const namedBy = <O extends object>(name: string, options: O): O & { readonly name: string } =>
  reading('ERR_OPTION', `metrics.${name}`, () => ({ name, ...options }))

/** {@link topKAccuracy} by Keras's name for one-hot targets. */
export const topKCategoricalAccuracy = (options: MetricOptions & { readonly k?: number } = {}): Metric =>
  makeMetric('topKAccuracy', namedBy('topKCategoricalAccuracy', options))

/** {@link topKAccuracy} by Keras's name for integer targets. */
export const sparseTopKCategoricalAccuracy = (options: MetricOptions & { readonly k?: number } = {}): Metric =>
  makeMetric('topKAccuracy', namedBy('sparseTopKCategoricalAccuracy', options))

/**
 * The share of positive decisions that are right: true positives / (true + false positives), 0 if there are none. With
 * several classes, the largest prediction is the decision, unless there is a `threshold`; targets are class numbers or
 * one-hot. Each of several independent yes-no outputs is a class.
 *
 * Counts are added up over all batches, so that the value is that of all rows. Padded steps do not count, and sample
 * and class weights only in `weightedMetrics`. Keras's own `Precision` is `precision({ threshold: 0.5, average: 'micro' })`.
 * Errors: `ERR_OPTION`.
 */
export const precision = (options: ClassOptions = {}): Metric => makeMetric('precision', options)

/**
 * The share of targets that are found: true positives / (true positives + false negatives), 0 if there are none.
 * Otherwise like {@link precision}.
 */
export const recall = (options: ClassOptions = {}): Metric => makeMetric('recall', options)

/**
 * The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN), 0 if there are none. Otherwise like
 * {@link precision}.
 */
export const f1 = (options: ClassOptions = {}): Metric => makeMetric('f1', options)

/** {@link f1} by Keras's name. */
export const f1Score = (options: ClassOptions = {}): Metric => f1(namedBy('f1Score', options))

/**
 * (1 + beta²) TP / ((1 + beta²) TP + FP + beta² FN), 0 if there are none: F with `beta` (default 1) times as much weight on
 * recall as on precision. Otherwise like {@link precision}.
 */
export const fBetaScore = (options: ClassOptions & { readonly beta?: number } = {}): Metric =>
  makeMetric('fBetaScore', options)

/** How many positive decisions are right. Errors: `ERR_OPTION`. */
export const truePositives = (options: CountOptions = {}): Metric => makeMetric('truePositives', options)

/** How many negative decisions are right. Errors: `ERR_OPTION`. */
export const trueNegatives = (options: CountOptions = {}): Metric => makeMetric('trueNegatives', options)

/** How many positive decisions are wrong. Errors: `ERR_OPTION`. */
export const falsePositives = (options: CountOptions = {}): Metric => makeMetric('falsePositives', options)

/** How many negative decisions are wrong. Errors: `ERR_OPTION`. */
export const falseNegatives = (options: CountOptions = {}): Metric => makeMetric('falseNegatives', options)

/**
 * Matthews's correlation of decisions and targets, from -1 to 1: (TP · TN - FP · FN) / √((TP + FP) (TP + FN) (TN + FP)
 * (TN + FN)), and of several classes as Gorodkin (2004) extends it; 0 where it is not defined. Errors: `ERR_OPTION`.
 */
export const matthewsCorrelation = (options: DecisionOptions = {}): Metric => makeMetric('matthewsCorrelation', options)

/** The largest recall of all thresholds with at least this `specificity` (TN / (TN + FP)). Errors: `ERR_OPTION`. */
export const sensitivityAtSpecificity = (options: ThresholdsOptions & { readonly specificity: number }): Metric =>
  makeMetric('sensitivityAtSpecificity', options)

/** The largest specificity of all thresholds with at least this `sensitivity` (TP / (TP + FN)). Errors: `ERR_OPTION`. */
export const specificityAtSensitivity = (options: ThresholdsOptions & { readonly sensitivity: number }): Metric =>
  makeMetric('specificityAtSensitivity', options)

/** The largest precision of all thresholds with at least this `recall`. Errors: `ERR_OPTION`. */
export const precisionAtRecall = (options: ThresholdsOptions & { readonly recall: number }): Metric =>
  makeMetric('precisionAtRecall', options)

/** The largest recall of all thresholds with at least this `precision`. Errors: `ERR_OPTION`. */
export const recallAtPrecision = (options: ThresholdsOptions & { readonly precision: number }): Metric =>
  makeMetric('recallAtPrecision', options)

/**
 * The area under the ROC curve over all rows: the share of pairs of a positive and a negative in which the positive one
 * has the greater prediction; ties count half. For several classes it is the mean over each class against all others,
 * where both exist; for two classes, that of the second. NaN if there are only positives or only negatives.
 *
 * Predictions are compared as logits, in bins that grow with the logit: 1/512 wide around 0 (0.0005 at a probability of
 * 0.5; four times that if several classes are ranked). Unlike with Keras's 200 thresholds, small probabilities are told
 * apart, too.
 *
 * With `numThresholds`, `thresholds` (within 0 and 1, not all of them), `curve: 'PR'` (precision over recall),
 * `summationMethod` or `multiLabel`, it is Keras's: by 200 thresholds unless others are given, of all columns together, or
 * with `multiLabel` the mean over columns. Errors: `ERR_OPTION`.
 */
export const auc = (
  options: MetricOptions & {
    readonly classId?: number
    readonly fromLogits?: boolean
    readonly numThresholds?: number
    readonly thresholds?: readonly number[]
    readonly curve?: 'ROC' | 'PR'
    readonly summationMethod?: 'interpolation' | 'minoring' | 'majoring'
    readonly multiLabel?: boolean
  } = {},
): Metric => makeMetric('auc', options)

/** The mean of squared differences. */
export const meanSquaredError = (options: MetricOptions = {}): Metric => makeMetric('meanSquaredError', options)

/** The mean of absolute differences. */
export const meanAbsoluteError = (options: MetricOptions = {}): Metric => makeMetric('meanAbsoluteError', options)

/** The root of the mean of squared differences. */
export const rootMeanSquaredError = (options: MetricOptions = {}): Metric => makeMetric('rootMeanSquaredError', options)

/**
 * R², 1 - Σ (target - prediction)² / Σ (target - mean target)² over all rows and steps: for each column, then their mean,
 * or with `classAggregation: 'varianceWeightedAverage'` weighted by the targets' variance. 0 where all targets are the
 * same. Errors: `ERR_OPTION`.
 */
export const r2Score = (
  options: MetricOptions & { readonly classAggregation?: 'uniformAverage' | 'varianceWeightedAverage' } = {},
): Metric => makeMetric('r2Score', options)

/** Pearson's correlation of targets and predictions along the last dimension, averaged. Errors: `ERR_OPTION`. */
export const pearsonCorrelation = (options: MetricOptions = {}): Metric => makeMetric('pearsonCorrelation', options)

/** Lin's concordance correlation along the last dimension, as Keras computes it, averaged. Errors: `ERR_OPTION`. */
export const concordanceCorrelation = (options: MetricOptions = {}): Metric =>
  makeMetric('concordanceCorrelation', options)

/** The cosine of the angle between target and prediction, along the last dimension. */
export const cosineSimilarity = (options: MetricOptions = {}): Metric => makeMetric('cosineSimilarity', options)

/** The loss {@link losses.meanAbsolutePercentageError}. */
export const meanAbsolutePercentageError = (options: MetricOptions = {}): Metric =>
  makeMetric('meanAbsolutePercentageError', options)

/** The loss {@link losses.meanSquaredLogarithmicError}. */
export const meanSquaredLogarithmicError = (options: MetricOptions = {}): Metric =>
  makeMetric('meanSquaredLogarithmicError', options)

/** The loss {@link losses.logCosh}. */
export const logCoshError = (options: MetricOptions = {}): Metric =>
  makeMetric('logCosh', namedBy('logCoshError', options))

/** The loss {@link losses.hinge}. */
export const hinge = (options: MetricOptions = {}): Metric => makeMetric('hinge', options)

/** The loss {@link losses.squaredHinge}. */
export const squaredHinge = (options: MetricOptions = {}): Metric => makeMetric('squaredHinge', options)

/** The loss {@link losses.categoricalHinge}. */
export const categoricalHinge = (options: MetricOptions = {}): Metric => makeMetric('categoricalHinge', options)

/** The loss {@link losses.klDivergence}. */
export const klDivergence = (options: MetricOptions = {}): Metric => makeMetric('klDivergence', options)

/** The loss {@link losses.poisson}. */
export const poisson = (options: MetricOptions = {}): Metric => makeMetric('poisson', options)

/** The loss {@link losses.binaryCrossentropy}. Errors: `ERR_OPTION`. */
export const binaryCrossentropy = (options: EntropyOptions = {}): Metric => makeMetric('binaryCrossentropy', options)

/** The loss {@link losses.categoricalCrossentropy}. Errors: `ERR_OPTION`. */
export const categoricalCrossentropy = (options: EntropyOptions = {}): Metric =>
  makeMetric('categoricalCrossentropy', options)

/** The loss {@link losses.sparseCategoricalCrossentropy}. Errors: `ERR_OPTION`. */
export const sparseCategoricalCrossentropy = (
  options: MetricOptions & { readonly fromLogits?: boolean; readonly ignoreClass?: number | null } = {},
): Metric => makeMetric('sparseCategoricalCrossentropy', options)

/**
 * e to the power of the mean categorical cross-entropy over all valid steps, without sample or class weights and
 * without label smoothing: the number of equally likely tokens among which the model chooses on average.
 */
export const perplexity = (options: MetricOptions = {}): Metric => makeMetric('perplexity', options)

/** Options of metrics of sequences of tokens. */
export interface TokenOptions extends MetricOptions {
  /** The token that ends a sequence: it and what follows it are left out, of predictions and of targets. */
  readonly endToken?: number
  /** Tokens that are left out wherever they stand, such as that of padding. */
  readonly ignoreTokens?: readonly number[]
}

/**
 * How far the sequences of the largest predictions are from the targets: the least number of tokens to insert, delete or
 * replace (Levenshtein 1966), as a share of the targets' tokens; without `normalize` (default true), the mean of the rows.
 * For outputs `[batch, time, tokens]`; padded steps do not count. As KerasHub's `EditDistance`. Errors: `ERR_OPTION`.
 */
export const editDistance = (options: TokenOptions & { readonly normalize?: boolean } = {}): Metric =>
  makeMetric('editDistance', options)

/** {@link editDistance} as a share of the targets' tokens: the error rate of words or characters, whichever tokens are. */
export const tokenErrorRate = (options: TokenOptions = {}): Metric => editDistance(namedBy('tokenErrorRate', options))

/**
 * BLEU (Papineni et al. 2002) of the sequences of the largest predictions over all rows, from 0 to 100, of n-grams up to
 * `maxOrder` (default 4), with the brevity penalty and smoothing of `text.bleu`. For outputs `[batch, time, tokens]`; padded
 * steps do not count. Errors: `ERR_OPTION`.
 */
export const bleu = (options: TokenOptions & { readonly maxOrder?: number } = {}): Metric => makeMetric('bleu', options)

/**
 * chrF (Popović 2015) of the sequences of the largest predictions over all rows, from 0 to 100: F with `beta` (default 2) of
 * n-grams up to `maxOrder` (default 6), where tokens are characters as `text.chrF` has it. Errors: `ERR_OPTION`.
 */
export const chrF = (options: TokenOptions & { readonly maxOrder?: number; readonly beta?: number } = {}): Metric =>
  makeMetric('chrF', options)
