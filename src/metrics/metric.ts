import { describe, SeqloomError } from '../errors.js'
import { type Shape, showShape } from '../graph/shape.js'
import type { AnyLoss, LossKind } from '../losses/loss.js'
import { checkOptions, isRecord, label, number } from '../options.js'

/** The kinds of metrics. */
export type MetricKind =
  | 'sparseCategoricalAccuracy'
  | 'categoricalAccuracy'
  | 'binaryAccuracy'
  | 'meanSquaredError'
  | 'meanAbsoluteError'
  | 'perplexity'

/** A metric as data: its kind, its settings and, where given, the name under which histories hold it. */
export interface Metric {
  readonly kind: MetricKind | 'accuracy'
  readonly threshold?: number
  readonly name?: string
}

/** Names of metrics; `accuracy` and `acc` are the accuracy that fits the loss. */
export type MetricName = MetricKind | 'accuracy' | 'acc' | 'mse' | 'mae'

const kinds: readonly (MetricKind | 'accuracy')[] = [
  'accuracy',
  'sparseCategoricalAccuracy',
  'categoricalAccuracy',
  'binaryAccuracy',
  'meanSquaredError',
  'meanAbsoluteError',
  'perplexity',
]

const short: Readonly<Record<string, Metric['kind']>> = {
  acc: 'accuracy',
  mse: 'meanSquaredError',
  mae: 'meanAbsoluteError',
}

/** Makes a metric: checks the options. `ERR_OPTION` for wrong ones. */
export function makeMetric(kind: Metric['kind'], options: object): Metric {
  const threshold = kind === 'binaryAccuracy' ? { threshold: number() } : {}
  checkOptions(`metrics.${kind}`, options, { accepted: { name: label, ...threshold }, refused: { dtype: [null] } })
  return { kind, ...options }
}

/** A metric with the name that histories use. */
export type NamedMetric = Metric & { readonly name: string }

/** The metric that a name stands for, or that an object describes. `ERR_OPTION` for anything else. */
export function resolveMetric(given: unknown): NamedMetric {
  const name = isRecord(given) ? given.kind : given
  const kind = typeof name === 'string' && Object.hasOwn(short, name) ? short[name] : name
  const known = kinds.find((candidate) => candidate === kind)
  if (!known) {
    const names = [...kinds, ...Object.keys(short)].join("', '")
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: a metric must be one of '${names}', what metrics.* returns, or a function, not ${describe(given)}`,
    )
  }
  if (!isRecord(given)) return { kind: known, name: name as string }
  const { kind: _, ...options } = given
  const made = makeMetric(known, options)
  return { ...made, name: made.name ?? known }
}

const accuracies: Readonly<Partial<Record<LossKind, MetricKind>>> = {
  sparseCategoricalCrossentropy: 'sparseCategoricalAccuracy',
  categoricalCrossentropy: 'categoricalAccuracy',
  binaryCrossentropy: 'binaryAccuracy',
}

/**
 * The kind that measures an output trained with a loss: `accuracy` follows the loss, or else the output's last dimension. A metric whose
 * targets are of another form than the loss's is `ERR_OPTION`.
 */
export function metricKind(metric: NamedMetric, loss: AnyLoss, output: Shape): MetricKind {
  const kind =
    metric.kind === 'accuracy'
      ? ((loss.kind === 'traced' ? undefined : accuracies[loss.kind]) ??
        (output.at(-1) === 1 ? 'binaryAccuracy' : 'categoricalAccuracy'))
      : metric.kind
  const sparse = loss.kind === 'sparseCategoricalCrossentropy'
  if (kind === 'perplexity') {
    if (sparse || loss.kind === 'categoricalCrossentropy') return kind
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: metric '${metric.name}' is e to the power of a categorical cross-entropy; the loss is ${loss.kind}`,
    )
  }
  if ((kind === 'sparseCategoricalAccuracy') !== sparse) {
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: metric '${metric.name}' does not fit the loss ${loss.kind}, whose targets are ${
        sparse ? 'class numbers' : `of the output's shape ${showShape(output)}`
      }`,
    )
  }
  return kind
}
