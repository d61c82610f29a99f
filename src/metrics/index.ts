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
   * How several classes are averaged: `macro` (default), each class the same, those left out that neither are targets nor were decided for; `weighted`,
   * each as often as it is a target; `micro`, all decisions together.
   */
  readonly average?: Average
  /** The one class, or column, that is measured; default all, and of two classes the second, the positive one. */
  readonly classId?: number
  /** Among several classes, how many of the largest predictions are decisions; default 1. */
  readonly topK?: number
}

/** The accuracy that fits the loss, as it reads predictions: of logits, those above 0 are a yes. Errors: `ERR_OPTION`. */
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
 * How often the target class is among the `k` (default 5) largest predictions; equal ones count for it. For classes, as integers or one-hot. Errors:
 * `ERR_OPTION`.
 */
export const topKAccuracy = (options: MetricOptions & { readonly k?: number } = {}): Metric =>
  makeMetric('topKAccuracy', options)

/**
 * The share of decisions that are right: true positives / (true + false positives), 0 where nothing was decided for. Among several classes the largest
 * prediction is the decision, unless there is a `threshold`; targets are class numbers or one-hot. Of independent yes-no outputs each is one class.
 *
 * Counts are added up over all batches, so that the value is that of all rows; padded steps do not count, and weights of rows and classes change
 * nothing. Keras's own `Precision` is `precision({ threshold: 0.5, average: 'micro' })`. Errors: `ERR_OPTION`.
 */
export const precision = (options: ClassOptions = {}): Metric => makeMetric('precision', options)

/** The share of targets that are found: true positives / (true positives + false negatives), 0 where there are none. Otherwise as {@link precision}. */
export const recall = (options: ClassOptions = {}): Metric => makeMetric('recall', options)

/** The harmonic mean of precision and recall: 2 TP / (2 TP + FP + FN), 0 where there are none. Otherwise as {@link precision}. */
export const f1 = (options: ClassOptions = {}): Metric => makeMetric('f1', options)

/**
 * The area under the ROC curve: the share of pairs of a positive and a negative in which the positive one has the greater prediction, equal ones counting
 * half; over all rows, whatever the batches. Several classes: the mean of each against all others, where there are both; of two, the second.
 * NaN where there are only positives or only negatives.
 *
 * Predictions are compared as logits, in ranges of 1/512 around 0 (0.0005 of a probability of 0.5; four times that where several classes are ranked)
 * that grow with the logit, instead of at Keras's 200 probabilities: small probabilities are told apart too. Errors: `ERR_OPTION`.
 */
export const auc = (
  options: MetricOptions & { readonly classId?: number; readonly fromLogits?: boolean } = {},
): Metric => makeMetric('auc', options)

/** The mean of squared differences. */
export const meanSquaredError = (options: MetricOptions = {}): Metric => makeMetric('meanSquaredError', options)

/** The mean of absolute differences. */
export const meanAbsoluteError = (options: MetricOptions = {}): Metric => makeMetric('meanAbsoluteError', options)

/**
 * e to the power of the mean categorical cross-entropy over all valid steps, without weights of rows or classes and without label smoothing: among how
 * many equally likely tokens the model chooses on average.
 */
export const perplexity = (options: MetricOptions = {}): Metric => makeMetric('perplexity', options)
