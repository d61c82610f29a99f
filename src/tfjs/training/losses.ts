import { describe, SeqloomError } from '../../errors.js'
import * as ops from '../../graph/trace/ops.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import type { LossName } from '../../losses/index.js'
import type { TracedFunction } from '../../losses/traced.js'
import { unsupported } from '../failure.js'
import { Recorded } from '../layers/recorded.js'
import type { Tensor } from '../tensor.js'

/** A loss or a metric: from the targets and the predictions to a value for each row. */
export type LossOrMetricFn = (yTrue: Tensor, yPred: Tensor) => Tensor

const epsilon = 1e-7

const clipped = (x: SymbolicValue, low: number, high: number) => x.maximum(low).minimum(high)
const normalized = (x: SymbolicValue) => x.div(x.square().sum({ keepDims: true }).maximum(epsilon).sqrt())

/** Losses that ours have under the same name. */
const native: readonly LossName[] = [
  'meanSquaredError',
  'meanAbsoluteError',
  'categoricalCrossentropy',
  'sparseCategoricalCrossentropy',
  'binaryCrossentropy',
]

/** The other losses of tfjs. */
const written: Readonly<Record<string, TracedFunction>> = {
  meanAbsolutePercentageError: (t, p) => t.sub(p).abs().div(t.abs().maximum(epsilon)).mean().mul(100),
  meanSquaredLogarithmicError: (t, p) =>
    p.maximum(epsilon).add(1).log().sub(t.maximum(epsilon).add(1).log()).square().mean(),
  squaredHinge: (t, p) => ops.sub(1, t.mul(p)).maximum(0).square().mean(),
  hinge: (t, p) => ops.sub(1, t.mul(p)).maximum(0).mean(),
  categoricalHinge: (t, p) => ops.sub(1, t).mul(p).max().sub(t.mul(p).sum()).add(1).maximum(0),
  logcosh: (t, p) => {
    const x = p.sub(t)
    return x.add(x.mul(-2).softplus()).sub(Math.LN2).mean()
  },
  kullbackLeiblerDivergence: (t, p) => {
    const [target, prediction] = [clipped(t, epsilon, 1), clipped(p, epsilon, 1)]
    return target.mul(target.div(prediction).log()).sum()
  },
  poisson: (t, p) => p.sub(t.mul(p.add(epsilon).log())).mean(),
  cosineProximity: (t, p) => normalized(t).mul(normalized(p)).sum().neg(),
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

const known = new Map<unknown, string>()

/** Makes functions of tensors stand for the losses and metrics of the same names where models are compiled. */
export function recognise(functions: Readonly<Record<string, unknown>>): void {
  for (const [name, each] of Object.entries(functions)) if (!known.has(each)) known.set(each, name)
}

/** The name of a loss or a metric; undefined for a function of one's own. */
export function nameOf(given: unknown): string | undefined {
  return typeof given === 'string' ? given : known.get(given)
}

/** The loss of ours for a name or a function. */
export function lossOf(given: unknown): LossName | TracedFunction {
  const name = nameOf(given)
  const full = name === undefined ? undefined : (short[name] ?? name)
  if (full !== undefined && (native as readonly string[]).includes(full)) return full as LossName
  if (full !== undefined && Object.hasOwn(written, full)) return written[full] as TracedFunction
  if (typeof given === 'function') return recordedFunction('loss', given as LossOrMetricFn)
  const hint = /softmaxcrossentropy/i.test(String(given))
    ? ' Use "categoricalCrossentropy" as the string name for tf.losses.softmaxCrossEntropy'
    : ''
  throw new SeqloomError('ERR_OPTION', `Unknown loss ${typeof given === 'string' ? given : describe(given)}.${hint}`)
}

/** A function of tensors as one of symbolic values. */
export function recordedFunction(what: 'loss' | 'metric', given: LossOrMetricFn): TracedFunction {
  const call: TracedFunction = (yTrue, yPred) => {
    const result: unknown = given(new Recorded(yTrue), new Recorded(yPred))
    if (result instanceof Recorded) return result.symbolic
    throw unsupported(
      `what the ${what} '${given.name || 'function'}' returns, ${describe(result)},`,
      'return what functions of tensors made of its arguments',
    )
  }
  Object.defineProperty(call, 'name', { value: given.name || what })
  return call
}

/** A metric that is no accuracy: the loss of the same name, or what is written of it. */
export function measureOf(given: unknown): TracedFunction {
  const name = nameOf(given)
  const full = name === undefined ? undefined : (short[name] ?? name)
  if (full !== undefined && Object.hasOwn(written, full)) return written[full] as TracedFunction
  if (full !== undefined && Object.hasOwn(measures, full)) return measures[full] as TracedFunction
  if (typeof given === 'function') return recordedFunction('metric', given as LossOrMetricFn)
  throw new SeqloomError('ERR_OPTION', `Unknown metric ${typeof given === 'string' ? given : describe(given)}`)
}

/** Metrics that are losses of ours, which are no metrics there. */
const measures: Readonly<Record<string, TracedFunction>> = {
  categoricalCrossentropy: (t, p) => {
    const share = clipped(p.div(p.sum({ keepDims: true })), epsilon, 1 - epsilon)
    return t.mul(share.log()).sum().neg()
  },
  binaryCrossentropy: (t, p) => {
    const share = clipped(p, epsilon, 1 - epsilon)
    return t
      .mul(share.log())
      .add(ops.sub(1, t).mul(ops.sub(1, share).log()))
      .mean()
      .neg()
  },
}
