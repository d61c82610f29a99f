import { type Metric, makeMetric } from './metric.js'

export type { Average, Metric, MetricKind, MetricName } from './metric.js'

import type { Average } from './metric.js'

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
}

/** The accuracy that fits the loss, and how it reads predictions: logits above 0 mean yes. Errors: `ERR_OPTION`. */
export const accuracy = (options: MetricOptions & { readonly fromLogits?: boolean } = {}): Metric =>
  makeMetric('accuracy', options)

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

/**
 * The share of positive decisions that are right: true positives / (true + false positives), 0 if there are none. With
 * several classes, the largest prediction is the decision, unless there is a `threshold`; targets are class numbers or
 * one-hot. Each of several independent yes-no outputs is a class.
 *
 * Counts are added up over all batches, so that the value is that of all rows. Padded steps do not count, and sample
 * and class weights change nothing. Keras's own `Precision` is `precision({ threshold: 0.5, average: 'micro' })`.
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

/**
 * The area under the ROC curve over all rows: the share of pairs of a positive and a negative in which the positive one
 * has the greater prediction; ties count half. For several classes it is the mean over each class against all others,
 * where both exist; for two classes, that of the second. NaN if there are only positives or only negatives.
 *
 * Predictions are compared as logits, in bins that grow with the logit: 1/512 wide around 0 (0.0005 at a probability of
 * 0.5; four times that if several classes are ranked). Unlike with Keras's 200 thresholds, small probabilities are told
 * apart, too. Errors: `ERR_OPTION`.
 */
export const auc = (
  options: MetricOptions & { readonly classId?: number; readonly fromLogits?: boolean } = {},
): Metric => makeMetric('auc', options)

/** The mean of squared differences. */
export const meanSquaredError = (options: MetricOptions = {}): Metric => makeMetric('meanSquaredError', options)

/** The mean of absolute differences. */
export const meanAbsoluteError = (options: MetricOptions = {}): Metric => makeMetric('meanAbsoluteError', options)

/**
 * e to the power of the mean categorical cross-entropy over all valid steps, without sample or class weights and
 * without label smoothing: the number of equally likely tokens among which the model chooses on average.
 */
export const perplexity = (options: MetricOptions = {}): Metric => makeMetric('perplexity', options)
