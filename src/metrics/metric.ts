import { describe, SeqloomError } from '../errors.js'
import { type Loss, type LossKind, type LossName, lossKind, lossNames, makeLoss } from '../losses/loss.js'
import {
  type Check,
  checkOptions,
  custom,
  flag,
  integer,
  isRecord,
  label,
  number,
  oneOf,
  positive,
} from '../options.js'

/** @inline Metrics of yes-no decisions by thresholds: the largest one where another is at least a given number. */
export type PointKind =
  | 'sensitivityAtSpecificity'
  | 'specificityAtSensitivity'
  | 'precisionAtRecall'
  | 'recallAtPrecision'

/** Counts of yes-no decisions. */
export type CountKind = 'truePositives' | 'trueNegatives' | 'falsePositives' | 'falseNegatives'

/** @inline The kinds of metrics that are no losses. */
export type OwnKind =
  | 'sparseCategoricalAccuracy'
  | 'categoricalAccuracy'
  | 'binaryAccuracy'
  | 'topKAccuracy'
  | 'precision'
  | 'recall'
  | 'f1'
  | 'fBetaScore'
  | 'auc'
  | PointKind
  | CountKind
  | 'matthewsCorrelation'
  | 'rootMeanSquaredError'
  | 'r2Score'
  | 'pearsonCorrelation'
  | 'concordanceCorrelation'
  | 'perplexity'
  | 'editDistance'
  | 'bleu'
  | 'chrF'

/** The kinds of metrics; each loss is one. */
export type MetricKind = OwnKind | LossKind

/** How classes are averaged. */
export type Average = 'macro' | 'micro' | 'weighted'

/** A metric as data: its kind, its settings and, where given, the name under which histories hold it. */
export interface Metric extends Omit<Loss, 'kind'> {
  readonly kind: MetricKind | 'accuracy' | 'crossentropy'
  readonly name?: string
  readonly threshold?: number
  readonly thresholds?: number | readonly number[]
  readonly average?: Average
  readonly classId?: number
  readonly topK?: number
  readonly k?: number
  readonly beta?: number
  readonly numThresholds?: number
  readonly curve?: 'ROC' | 'PR'
  readonly summationMethod?: 'interpolation' | 'minoring' | 'majoring'
  readonly multiLabel?: boolean
  readonly specificity?: number
  readonly sensitivity?: number
  readonly recall?: number
  readonly precision?: number
  readonly classAggregation?: 'uniformAverage' | 'varianceWeightedAverage'
  readonly endToken?: number
  readonly ignoreTokens?: readonly number[]
  readonly normalize?: boolean
  readonly maxOrder?: number
}

const others = {
  acc: 'accuracy',
  ce: 'crossentropy',
  f1Score: 'f1',
  topKCategoricalAccuracy: 'topKAccuracy',
  sparseTopKCategoricalAccuracy: 'topKAccuracy',
  logCoshError: 'logCosh',
  rmse: 'rootMeanSquaredError',
  AUC: 'auc',
  tokenErrorRate: 'editDistance',
} as const satisfies Readonly<Record<string, Metric['kind']>>

/** Names of metrics; `accuracy` and `crossentropy` are those that fit the loss. */
export type MetricName = Exclude<MetricKind, PointKind> | LossName | 'accuracy' | 'crossentropy' | keyof typeof others

const within: Check = custom('a number from 0 to 1', (v) => typeof v === 'number' && v >= 0 && v <= 1)
const oneThreshold = custom('a finite number; several thresholds would give several values', (v) =>
  Number.isFinite(Array.isArray(v) && v.length === 1 ? v[0] : v),
)
const manyThresholds = custom(
  'an array of numbers from 0 to 1',
  (v) => Array.isArray(v) && v.length > 0 && v.every(within.accepts),
)
const decisions = { threshold: number(), fromLogits: flag }
const classes = {
  ...decisions,
  thresholds: oneThreshold,
  average: oneOf(['macro', 'micro', 'weighted']),
  classId: integer(0),
  topK: integer(1),
}
const counted = { thresholds: oneThreshold, classId: integer(0), fromLogits: flag }
const point = { numThresholds: integer(1), classId: integer(0), fromLogits: flag }

const ofTokens = {
  endToken: integer(0),
  ignoreTokens: custom('an array of tokens', (v) => Array.isArray(v) && v.every((token) => integer(0).accepts(token))),
}
const ofNgrams = { ...ofTokens, maxOrder: integer(1, 100) }

const settings: Readonly<Record<OwnKind | 'accuracy' | 'crossentropy', Readonly<Record<string, Check>>>> = {
  accuracy: { fromLogits: flag },
  crossentropy: { fromLogits: flag },
  sparseCategoricalAccuracy: {},
  categoricalAccuracy: {},
  binaryAccuracy: decisions,
  topKAccuracy: { k: integer(1) },
  precision: classes,
  recall: classes,
  f1: classes,
  fBetaScore: { ...classes, beta: positive },
  auc: {
    classId: integer(0),
    fromLogits: flag,
    numThresholds: integer(2),
    thresholds: manyThresholds,
    curve: oneOf(['ROC', 'PR']),
    summationMethod: oneOf(['interpolation', 'minoring', 'majoring']),
    multiLabel: flag,
  },
  sensitivityAtSpecificity: { specificity: within, ...point },
  specificityAtSensitivity: { sensitivity: within, ...point },
  precisionAtRecall: { recall: within, ...point },
  recallAtPrecision: { precision: within, ...point },
  truePositives: counted,
  trueNegatives: counted,
  falsePositives: counted,
  falseNegatives: counted,
  matthewsCorrelation: decisions,
  rootMeanSquaredError: {},
  r2Score: { classAggregation: oneOf(['uniformAverage', 'varianceWeightedAverage']) },
  pearsonCorrelation: {},
  concordanceCorrelation: {},
  perplexity: {},
  editDistance: { ...ofTokens, normalize: flag },
  bleu: ofNgrams,
  chrF: { ...ofNgrams, beta: positive },
}

/** What must be given: the number that another measure has to reach. */
const required: Readonly<Record<string, readonly string[]>> = {
  sensitivityAtSpecificity: ['specificity'],
  specificityAtSensitivity: ['sensitivity'],
  precisionAtRecall: ['recall'],
  recallAtPrecision: ['precision'],
}

/** Whether a larger value of the metric with this name is better. */
export const largerIsBetter = (name: string): boolean =>
  /(acc|accuracy|precision|recall|specificity|sensitivity|f1|auc|bleu|chrF|(r2|f1|fBeta)Score|correlation|similarity|true(Positives|Negatives))$/i.test(
    name,
  )

/** Makes a metric: checks the options. `ERR_OPTION` for wrong ones. */
export function makeMetric(kind: Metric['kind'], options: object): Metric {
  const isLoss = lossKind(kind) === kind
  checkOptions(`metrics.${kind}`, options, {
    accepted: { name: label, ...(isLoss ? lossOptions : settings[kind as OwnKind]) },
    required: required[kind] ?? [],
    refused: {
      dtype: [null, 'float32'],
      axis: [-1],
      numRegressors: [0],
      numLabels: [null],
      labelWeights: [null],
    },
  })
  if (!isLoss) return { kind, ...options }
  const { name, ...given } = options as Metric
  return { ...makeLoss(kind as LossKind, given), ...(name === undefined ? {} : { name }) } as Metric
}

/** What losses take is checked where they are made. */
const lossOptions = Object.fromEntries(
  [
    'fromLogits',
    'labelSmoothing',
    'delta',
    'ignoreClass',
    'alpha',
    'gamma',
    'applyClassBalancing',
    'q',
    'zeroInfinity',
    'reduction',
  ].map((name) => [name, custom('as the loss has it', () => true)]),
)

/** A metric with the name that histories use. */
export type NamedMetric = Metric & { readonly name: string }

function metricKind(name: unknown): Metric['kind'] | undefined {
  if (typeof name !== 'string') return undefined
  const known = Object.hasOwn(others, name) ? others[name as keyof typeof others] : name
  return lossKind(known) ?? (Object.hasOwn(settings, known) ? (known as OwnKind) : undefined)
}

/** The metric that a name stands for, or that an object describes. `ERR_OPTION` for anything else. */
export function resolveMetric(given: unknown): NamedMetric {
  const name = isRecord(given) ? given.kind : given
  const kind = metricKind(name)
  if (kind === undefined) {
    const camel = typeof name === 'string' ? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) : ''
    const hint = camel !== name && metricKind(camel) ? `; here it is called '${camel}'` : ''
    const names = [...Object.keys(settings), ...lossNames, ...Object.keys(others)].join("', '")
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: a metric must be one of '${names}', what metrics.* or losses.* returns, or a function, not ${describe(given)}${hint}`,
    )
  }
  const { kind: _, ...options } = isRecord(given) ? given : { kind }
  return { name: isRecord(given) ? kind : (name as string), ...makeMetric(kind, options) }
}
