import { describe, SeqloomError } from '../../errors.js'
import { binaryCrossentropy, categoricalCrossentropy, type Loss, type LossName } from '../../losses/index.js'
import type { TracedFunction } from '../../losses/traced.js'
import { unsupported } from '../failure.js'
import * as layerLosses from '../layerLosses.js'
import { Recorded } from '../layers/recorded.js'
import * as coreLosses from '../losses.js'
import * as metrics from '../metrics.js'
import { Tensor } from '../tensor.js'

/** @inline A loss or a metric: from the targets and the predictions to a value for each row. */
export type LossOrMetricFn = (yTrue: Tensor, yPred: Tensor) => Tensor

/** Losses that are the same as ours, by tfjs's names. */
const native: Readonly<Record<string, LossName>> = {
  meanSquaredError: 'meanSquaredError',
  meanAbsoluteError: 'meanAbsoluteError',
  meanAbsolutePercentageError: 'meanAbsolutePercentageError',
  meanSquaredLogarithmicError: 'meanSquaredLogarithmicError',
  categoricalHinge: 'categoricalHinge',
  logcosh: 'logCosh',
  poisson: 'poisson',
  categoricalCrossentropy: 'categoricalCrossentropy',
  sparseCategoricalCrossentropy: 'sparseCategoricalCrossentropy',
  binaryCrossentropy: 'binaryCrossentropy',
}

/** Other names of losses and metrics. */
const short: Readonly<Record<string, string>> = {
  mse: 'meanSquaredError',
  MSE: 'meanSquaredError',
  mae: 'meanAbsoluteError',
  MAE: 'meanAbsoluteError',
  mape: 'meanAbsolutePercentageError',
  MAPE: 'meanAbsolutePercentageError',
  cosine: 'cosineProximity',
}

/** What functions of tf.losses stand for where a model is compiled. */
const lossFunctions = new Map<unknown, LossName | Loss>([
  [coreLosses.meanSquaredError, 'meanSquaredError'],
  [coreLosses.absoluteDifference, 'meanAbsoluteError'],
  [coreLosses.softmaxCrossEntropy, categoricalCrossentropy({ fromLogits: true })],
  [coreLosses.sigmoidCrossEntropy, binaryCrossentropy({ fromLogits: true })],
  [coreLosses.huberLoss, 'huber'],
])

const metricNames = new Map<unknown, string>(Object.entries(metrics).map(([name, each]) => [each, name]))

/** The name of a loss or a metric of tfjs; undefined for a function of one's own. */
export function nameOf(given: unknown): string | undefined {
  if (typeof given === 'string') return short[given] ?? given
  const name = metricNames.get(given)
  return name && (short[name] ?? name)
}

/** What logs and histories call a metric. */
export const labelOf = (given: unknown): string =>
  typeof given === 'string'
    ? given
    : (metricNames.get(given) ?? ((given as { name?: string } | null)?.name || 'metric'))

/** The loss of ours for a name or a function. */
export function lossOf(given: unknown): LossName | Loss | TracedFunction {
  const known = lossFunctions.get(given)
  if (known) return known
  const name = nameOf(given)
  if (name !== undefined && Object.hasOwn(native, name)) return native[name] as LossName
  if (name !== undefined && Object.hasOwn(byName, name)) return recordedFunction('loss', byName[name] as LossOrMetricFn)
  if (typeof given === 'function') return recordedFunction('loss', given as LossOrMetricFn)
  const hint = /softmaxcrossentropy/i.test(String(given))
    ? ' Use "categoricalCrossentropy" as the string name for tf.losses.softmaxCrossEntropy'
    : ''
  throw new SeqloomError('ERR_OPTION', `Unknown loss ${typeof given === 'string' ? given : describe(given)}.${hint}`)
}

/** A function of tensors as one of symbolic values. */
export function recordedFunction(what: 'loss' | 'metric', given: LossOrMetricFn): TracedFunction {
  const call: TracedFunction = (yTrue, yPred) => {
    // Class numbers are a column there.
    const isOfClasses = yTrue.shape.length === yPred.shape.length - 1
    const result: unknown = given(new Recorded(isOfClasses ? yTrue.expandDims(-1) : yTrue), new Recorded(yPred))
    if (result instanceof Recorded) return result.symbolic
    // A constant has no gradient.
    if (result instanceof Tensor && result.size === 1) return yPred.less(yPred).add(result.dataSync()[0] as number)
    throw unsupported(
      `what the ${what} '${given.name || 'function'}' returns, ${describe(result)},`,
      'return what functions of tensors made of its arguments',
    )
  }
  Object.defineProperty(call, 'name', { value: given.name || what })
  return call
}

/** A metric that is no accuracy, as a function of symbolic values. */
export function measureOf(given: unknown): TracedFunction {
  const name = nameOf(given)
  if (name !== undefined && Object.hasOwn(byName, name))
    return recordedFunction('metric', byName[name] as LossOrMetricFn)
  if (typeof given === 'function') return recordedFunction('metric', given as LossOrMetricFn)
  throw new SeqloomError('ERR_OPTION', `Unknown metric ${typeof given === 'string' ? given : describe(given)}`)
}

const byName: Readonly<Record<string, unknown>> = layerLosses
