import { type Metric, makeMetric } from './metric.js'

export type { Metric, MetricKind, MetricName } from './metric.js'

/** Options of every metric. */
export interface MetricOptions {
  /** The key in histories; default the metric's own name. */
  readonly name?: string
}

/** The accuracy that fits the loss. */
export const accuracy = (options: MetricOptions = {}): Metric => makeMetric('accuracy', options)

/** How often the largest prediction is the target class; integer targets. */
export const sparseCategoricalAccuracy = (options: MetricOptions = {}): Metric =>
  makeMetric('sparseCategoricalAccuracy', options)

/** How often the largest prediction is where the largest target is. */
export const categoricalAccuracy = (options: MetricOptions = {}): Metric => makeMetric('categoricalAccuracy', options)

/** How often predictions above `threshold` (default 0.5) have target 1. Errors: `ERR_OPTION`. */
export const binaryAccuracy = (options: MetricOptions & { readonly threshold?: number } = {}): Metric =>
  makeMetric('binaryAccuracy', options)

/** The mean of squared differences. */
export const meanSquaredError = (options: MetricOptions = {}): Metric => makeMetric('meanSquaredError', options)

/** The mean of absolute differences. */
export const meanAbsoluteError = (options: MetricOptions = {}): Metric => makeMetric('meanAbsoluteError', options)

/**
 * e to the power of the mean categorical cross-entropy over all valid steps, without weights of rows or classes and without label smoothing: among how
 * many equally likely tokens the model chooses on average.
 */
export const perplexity = (options: MetricOptions = {}): Metric => makeMetric('perplexity', options)
