import { describe, SeqloomError } from '../errors.js'
import { type Shape, showShape } from '../graph/shape.js'
import type { AnyLoss, LossKind } from '../losses/loss.js'
import { type Check, checkOptions, flag, integer, isRecord, label, number, oneOf } from '../options.js'
import { warn } from '../warn.js'

/** The kinds of metrics. */
export type MetricKind =
  | 'sparseCategoricalAccuracy'
  | 'categoricalAccuracy'
  | 'binaryAccuracy'
  | 'topKAccuracy'
  | 'precision'
  | 'recall'
  | 'f1'
  | 'auc'
  | 'meanSquaredError'
  | 'meanAbsoluteError'
  | 'perplexity'

/** How classes are averaged. */
export type Average = 'macro' | 'micro' | 'weighted'

/** A metric as data: its kind, its settings and, where given, the name under which histories hold it. */
export interface Metric {
  readonly kind: MetricKind | 'accuracy'
  readonly name?: string
  readonly threshold?: number
  readonly fromLogits?: boolean
  readonly average?: Average
  readonly classId?: number
  readonly topK?: number
  readonly k?: number
}

/** Names of metrics; `accuracy` and `acc` are the accuracy that fits the loss. */
export type MetricName = MetricKind | 'accuracy' | 'acc' | 'mse' | 'mae'

const decisions = { threshold: number(), fromLogits: flag }
const classes = { ...decisions, average: oneOf(['macro', 'micro', 'weighted']), classId: integer(0), topK: integer(1) }

const settings: Readonly<Record<Metric['kind'], Readonly<Record<string, Check>>>> = {
  accuracy: { fromLogits: flag },
  sparseCategoricalAccuracy: {},
  categoricalAccuracy: {},
  binaryAccuracy: decisions,
  topKAccuracy: { k: integer(1) },
  precision: classes,
  recall: classes,
  f1: classes,
  auc: { classId: integer(0), fromLogits: flag },
  meanSquaredError: {},
  meanAbsoluteError: {},
  perplexity: {},
}

const short: Readonly<Record<string, Metric['kind']>> = {
  acc: 'accuracy',
  mse: 'meanSquaredError',
  mae: 'meanAbsoluteError',
}

/** Whether a larger value of the metric with this name is better. */
export const largerIsBetter = (name: string): boolean => /(acc|accuracy|precision|recall|f1|auc)$/i.test(name)

/** Makes a metric: checks the options. `ERR_OPTION` for wrong ones. */
export function makeMetric(kind: Metric['kind'], options: object): Metric {
  checkOptions(`metrics.${kind}`, options, {
    accepted: { name: label, ...settings[kind] },
    refused: { dtype: [null], numThresholds: [200], curve: ['ROC'], summationMethod: ['interpolation'] },
  })
  return { kind, ...options }
}

/** A metric with the name that histories use. */
export type NamedMetric = Metric & { readonly name: string }

/** The metric that a name stands for, or that an object describes. `ERR_OPTION` for anything else. */
export function resolveMetric(given: unknown): NamedMetric {
  const name = isRecord(given) ? given.kind : given
  const kind = typeof name === 'string' && Object.hasOwn(short, name) ? short[name] : name
  if (typeof kind !== 'string' || !Object.hasOwn(settings, kind)) {
    const names = [...Object.keys(settings), ...Object.keys(short)].join("', '")
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: a metric must be one of '${names}', what metrics.* returns, or a function, not ${describe(given)}`,
    )
  }
  const known = kind as Metric['kind']
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

/** What of a training graph a metric reads, and how: a node, and what is reported of its sums. */
export type MetricNode =
  | { readonly op: 'metric'; readonly attributes: Readonly<Record<string, unknown>> }
  | { readonly op: 'counts'; readonly attributes: Readonly<Record<string, unknown>>; readonly summary: object }
  | { readonly op: 'perplexity' }

/**
 * What measures an output trained with a loss: `accuracy` follows the loss, or else the output's last dimension. A
 * metric that does not fit the loss or the output is `ERR_OPTION`.
 */
export function metricNode(metric: NamedMetric, loss: AnyLoss, output: Shape): MetricNode {
  const kind = kindFor(metric, loss, output)
  const wrong = (why: string) => new SeqloomError('ERR_OPTION', `compile: metric '${metric.name}' ${why}`)
  const columns = output.at(-1) ?? 1
  const { classId, topK } = metric
  const categorical = columns > 1 && loss.kind !== 'binaryCrossentropy'
  if (classId !== undefined && classId >= columns) {
    throw wrong(`is of class ${classId}, but the output has ${columns}: they are 0 to ${columns - 1}`)
  }
  const fromLogits = metric.fromLogits ?? (loss.kind !== 'traced' && loss.fromLogits === true)
  const threshold = metric.threshold ?? (fromLogits ? 0 : 0.5)
  const task = categorical ? 'classes' : 'elements'
  // Of two classes, the second is the positive one.
  const chosen = classId ?? (categorical && columns === 2 && metric.average === undefined ? 1 : undefined)
  const only = chosen === undefined ? {} : { class: chosen }
  switch (kind) {
    case 'perplexity':
      return { op: 'perplexity' }
    case 'binaryAccuracy':
      return { op: 'metric', attributes: { kind, threshold } }
    case 'topKAccuracy':
      if (!categorical) throw wrong(`is of several classes; the loss is ${loss.kind}, of an output of ${columns}`)
      if ((metric.k ?? 5) >= columns) {
        const why = `of ${columns} classes each is among the first ${metric.k ?? 5}; give metrics.topKAccuracy({ k }) a smaller one`
        warn('WARN_METRIC', `compile: metric '${metric.name}' is always 1: ${why}`)
      }
      return { op: 'metric', attributes: { kind, k: metric.k ?? 5 } }
    case 'precision':
    case 'recall':
    case 'f1': {
      if (topK !== undefined && (!categorical || metric.threshold !== undefined)) {
        throw wrong('has topK, which is for several classes and excludes a threshold')
      }
      const made = categorical && metric.threshold === undefined ? { top: topK ?? 1 } : { threshold }
      return {
        op: 'counts',
        attributes: { kind: 'decisions', task, ...made },
        summary: { kind: 'decisions', measure: kind, average: metric.average ?? 'macro', ...only },
      }
    }
    case 'auc': {
      const probabilities = loss.kind in accuracies
      const form = fromLogits ? 'logits' : probabilities ? 'probabilities' : 'numbers'
      return {
        op: 'counts',
        attributes: { kind: 'scores', task, form, ...only },
        summary: { kind: 'area', classes: chosen === undefined ? columns : 1 },
      }
    }
    default:
      return { op: 'metric', attributes: { kind } }
  }
}

function kindFor(metric: NamedMetric, loss: AnyLoss, output: Shape): MetricKind {
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
  const either = ['precision', 'recall', 'f1', 'auc', 'topKAccuracy'].includes(kind)
  if (!either && (kind === 'sparseCategoricalAccuracy') !== sparse) {
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: metric '${metric.name}' does not fit the loss ${loss.kind}, whose targets are ${
        sparse ? 'class numbers' : `of the output's shape ${showShape(output)}`
      }`,
    )
  }
  return kind
}
