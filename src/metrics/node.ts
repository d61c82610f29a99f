import { SeqloomError } from '../errors.js'
import { type Shape, showShape } from '../graph/shape.js'
import type { SettingsOf } from '../graph/wire.js'
import { cosine, formulaOf } from '../losses/formulas.js'
import {
  type AnyLoss,
  hasLabels,
  isBinary,
  isCategorical,
  isUnaligned,
  type Loss,
  type LossKind,
  lossKind,
  makeLoss,
} from '../losses/loss.js'
import type { TracedFunction } from '../losses/traced.js'
import { warn } from '../warn.js'
import { curveOf, logit, thresholdsOf } from './curve.js'
import { concordance, matthews, matthewsOfTwo, pearson, r2, type Steps, squares } from './formula.js'
import type { MetricKind, NamedMetric } from './metric.js'

/** What of a training graph a metric reads, and how: a node, and what is reported of its sums. */
export type MetricNode =
  | { readonly op: 'metric'; readonly attributes: SettingsOf<'metric'> }
  | { readonly op: 'counts'; readonly attributes: SettingsOf<'counts'>; readonly summary: object }
  | { readonly op: 'sequenceCounts'; readonly attributes: SettingsOf<'sequenceCounts'>; readonly summary: object }
  /** Means of losses and functions over all valid positions, and a formula of them. */
  | {
      readonly op: 'means'
      readonly parts: readonly (Loss | TracedFunction)[]
      steps(terms: readonly Steps[]): Steps
    }

const ofSequences = ['editDistance', 'bleu', 'chrF'] as const

type SequenceKind = (typeof ofSequences)[number]

const isOfSequences = (kind: MetricKind): kind is SequenceKind => ofSequences.some((each) => each === kind)

/** Counts of whole sequences, and what is reported of them. */
function sequenceNode(metric: NamedMetric, kind: SequenceKind): MetricNode {
  const { endToken, ignoreTokens = [], normalize = true, maxOrder, beta = 2 } = metric
  const tokens = { ignored: [...ignoreTokens], ...(endToken === undefined ? {} : { end: endToken }) }
  if (kind === 'editDistance') {
    const summary = { kind: 'formula', means: 0, steps: `e0 ${normalize ? 'e1' : 'e2'} div finite` }
    return { op: 'sequenceCounts', attributes: tokens, summary }
  }
  const attributes = { ...tokens, order: maxOrder ?? (kind === 'bleu' ? 4 : 6), paired: kind === 'chrF' }
  return { op: 'sequenceCounts', attributes, summary: kind === 'bleu' ? { kind } : { kind: 'ngramF', beta } }
}

/** The most columns of which each has numbers of its own. */
const mostColumns = 256

const counts = ['falseNegatives', 'truePositives', 'trueNegatives', 'falsePositives']

const byDecisions = ['precision', 'recall', 'f1', 'fBetaScore']

/** What measures an output of tags. */
const ofTags = ['sparseCategoricalAccuracy', ...byDecisions, 'matthewsCorrelation', 'crf']

/**
 * What measures an output trained with a loss: `accuracy` and `crossentropy` follow the loss, or else the output's last
 * dimension. A metric that does not fit the loss or the output is `ERR_OPTION`.
 */
export function metricNode(metric: NamedMetric, loss: AnyLoss, output: Shape): MetricNode {
  const kind = kindFor(metric, loss, output)
  const wrong = (why: string) => new SeqloomError('ERR_OPTION', `compile: metric '${metric.name}' ${why}`)
  const columns = output.at(-1) ?? 1
  const { classId, topK } = metric
  const categorical = columns > 1 && !isBinary(loss)
  if (classId !== undefined && classId >= columns) {
    throw wrong(`is of class ${classId}, but the output has ${columns}: they are 0 to ${columns - 1}`)
  }
  const fromLogits = metric.fromLogits ?? (loss.kind !== 'traced' && loss.fromLogits === true)
  const signed = fromLogits || loss.kind === 'hinge' || loss.kind === 'squaredHinge'
  const given = metric.threshold ?? only(metric.thresholds)
  const threshold = given ?? (signed ? 0 : 0.5)
  const task = categorical ? 'classes' : 'elements'
  // Of two classes, the second is the positive one.
  const second = categorical && columns === 2 && metric.average === undefined && metric.thresholds === undefined
  const chosen = classId ?? (second ? 1 : undefined)
  const oneClass = (one: number | undefined) => (one === undefined ? {} : { class: one })
  const probabilities = isCategorical(loss) || isBinary(loss)
  /** Scores in ranges of a metric's thresholds. */
  const scores = (thresholds: readonly number[], pooled: boolean): SettingsOf<'counts'> => ({
    kind: 'scores',
    task,
    form: fromLogits ? 'logits' : 'numbers',
    thresholds: fromLogits ? thresholds.map(logit) : [...thresholds],
    pooled,
    ...oneClass(classId),
  })
  const measure = lossKind(kind)
  if (measure !== undefined && kind !== 'meanSquaredError' && kind !== 'meanAbsoluteError') {
    return lossNode({ ...metric, kind: measure }, loss)
  }
  const curve = curveOf(metric)
  if (curve) {
    const each = metric.multiLabel === true && classId === undefined
    const summary = { kind: 'curve', classes: each ? columns : 1, ...curve }
    return { op: 'counts', attributes: scores(thresholdsOf(metric), !each), summary }
  }
  if (counts.includes(kind)) {
    const steps = `e${counts.indexOf(kind)}`
    const border = [only(metric.thresholds) ?? 0.5]
    return { op: 'counts', attributes: scores(border, true), summary: { kind: 'formula', means: 0, steps } }
  }
  if (isOfSequences(kind)) {
    if (!categorical || output.length !== 3) {
      throw wrong(
        `is of tokens, [batch, time, tokens]; the output is ${showShape(output)}, trained with the loss ${loss.kind}`,
      )
    }
    return sequenceNode(metric, kind)
  }
  switch (kind) {
    case 'perplexity':
      return { op: 'means', parts: [plain(loss as Loss)], steps: ([entropy]) => `${entropy} exp` }
    case 'rootMeanSquaredError':
      return { op: 'means', parts: [makeLoss('meanSquaredError', {})], steps: ([mean]) => `${mean} sqrt` }
    case 'pearsonCorrelation':
    case 'concordanceCorrelation': {
      if (columns === 1) throw wrong('is along the last dimension, of which the output has 1')
      return {
        op: 'means',
        parts: [kind === 'pearsonCorrelation' ? pearson : concordance],
        steps: ([mean]) => `${mean}`,
      }
    }
    case 'r2Score': {
      if (columns > mostColumns) throw wrong(`is of at most ${mostColumns} columns; the output has ${columns}`)
      const byVariance = metric.classAggregation === 'varianceWeightedAverage'
      return { op: 'means', parts: squares(columns), steps: (terms) => r2(terms, byVariance) }
    }
    case 'matthewsCorrelation': {
      if (categorical && given === undefined) {
        if (columns > mostColumns) throw wrong(`is of at most ${mostColumns} classes; the output has ${columns}`)
        const summary = { kind: 'formula', means: 0, steps: matthews(columns) }
        return { op: 'counts', attributes: { kind: 'decisions', task, top: 1 }, summary }
      }
      const attributes: SettingsOf<'counts'> = {
        kind: 'scores',
        task,
        form: 'numbers',
        thresholds: [threshold],
        pooled: true,
      }
      return { op: 'counts', attributes, summary: { kind: 'formula', means: 0, steps: matthewsOfTwo() } }
    }
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
    case 'f1':
    case 'fBetaScore': {
      if (topK !== undefined && (!categorical || given !== undefined)) {
        throw wrong('has topK, which is for several classes and excludes a threshold')
      }
      const made = categorical && given === undefined ? { top: topK ?? 1 } : { threshold }
      const average = metric.average ?? (metric.thresholds === undefined ? 'macro' : 'micro')
      const { beta = 1 } = metric
      const one = oneClass(chosen)
      const summary = kind === 'precision' || kind === 'recall' ? { measure: kind } : { measure: 'f', beta }
      return {
        op: 'counts',
        attributes: { kind: 'decisions', task, ...made },
        summary: { kind: 'decisions', ...summary, average, ...one },
      }
    }
    case 'auc': {
      const form = fromLogits ? 'logits' : probabilities ? 'probabilities' : 'numbers'
      return {
        op: 'counts',
        attributes: { kind: 'scores', task, form, ...oneClass(chosen) },
        summary: { kind: 'area', classes: chosen === undefined ? columns : 1 },
      }
    }
    default:
      return { op: 'metric', attributes: { kind: kind as SettingsOf<'metric'>['kind'] } }
  }
}

const only = (thresholds: NamedMetric['thresholds']): number | undefined =>
  Array.isArray(thresholds) ? (thresholds[0] as number) : (thresholds as number | undefined)

/** A loss without what belongs to training alone. */
export function plain({ labelSmoothing: _, reduction: __, ...loss }: Loss): Loss {
  return loss
}

/** A loss as a metric; logits are what the training's loss says. */
function lossNode({ name: _, ...metric }: NamedMetric & { readonly kind: Loss['kind'] }, loss: AnyLoss): MetricNode {
  const { kind, reduction: __, ...given } = metric as unknown as Loss
  if (kind === 'cosineSimilarity') return { op: 'means', parts: [cosine], steps: ([mean]) => `${mean}` }
  const readsLogits = 'fromLogits' in (formulaOf(kind)?.settings ?? makeLoss(kind, {}))
  const fromLogits = loss.kind !== 'traced' && loss.fromLogits === true
  const ignoreClass = loss.kind === kind ? (loss as Loss).ignoreClass : undefined
  const own = makeLoss(kind, { ...(readsLogits && fromLogits && { fromLogits }), ignoreClass, ...given })
  return { op: 'means', parts: [own], steps: ([mean]) => `${mean}` }
}

function kindFor(metric: NamedMetric, loss: AnyLoss, output: Shape): MetricKind {
  const labels = hasLabels(loss)
  const kind = ((): MetricKind => {
    const binary = isBinary(loss) || (!isCategorical(loss) && output.at(-1) === 1)
    if (metric.kind === 'accuracy') {
      if (labels) return 'sparseCategoricalAccuracy'
      return binary ? 'binaryAccuracy' : 'categoricalAccuracy'
    }
    if (metric.kind !== 'crossentropy') return metric.kind
    if (labels) return 'sparseCategoricalCrossentropy'
    return binary ? 'binaryCrossentropy' : 'categoricalCrossentropy'
  })()
  if (kind === 'perplexity') {
    if (loss.kind === 'sparseCategoricalCrossentropy' || loss.kind === 'categoricalCrossentropy') return kind
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: metric '${metric.name}' is e to the power of a categorical cross-entropy; the loss is ${loss.kind}`,
    )
  }
  if (loss.kind === 'crf' && !ofTags.includes(kind)) {
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: metric '${metric.name}' does not fit an output of tags, not of probabilities; what fits is accuracy, ${ofTags.join(', ')}`,
    )
  }
  const either =
    [...byDecisions, ...counts, ...ofSequences, 'auc', 'topKAccuracy', 'matthewsCorrelation'].includes(kind) ||
    curveOf({ ...metric, kind }) !== undefined
  const measure = lossKind(kind)
  if (isUnaligned({ kind: kind as LossKind })) {
    throw new SeqloomError('ERR_UNSUPPORTED', `compile: metric '${metric.name}' is a loss only`)
  }
  const readsLabels = kind === 'sparseCategoricalAccuracy' || (measure !== undefined && hasLabels({ kind: measure }))
  if (!either && readsLabels !== labels) {
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: metric '${metric.name}' does not fit the loss ${loss.kind}, whose targets are ${
        labels ? 'class numbers' : `of the output's shape ${showShape(output)}`
      }`,
    )
  }
  return kind
}
