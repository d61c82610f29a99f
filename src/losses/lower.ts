import type { GraphBuilder, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import type { SettingsOf } from '../graph/wire.js'
import { formulaOf } from './formulas.js'
import type { AnyLoss, Loss } from './loss.js'
import { lowerMean, lowerMeasure, type TracedMeasure, traceMeasure } from './traced.js'

/** What a loss reads. */
export interface LossInputs {
  readonly prediction: Value
  readonly target: Value
  /** Factors of rows, or of rows and steps. */
  readonly weights?: Value | undefined
  /** Factors of classes, for the losses of Rust. */
  readonly classWeights?: readonly number[]
}

const scalar: Shape = []

/** Adds a loss to a graph: its value, and the count of what it is a mean of over an epoch. */
export function lowerLoss(builder: GraphBuilder, name: string, loss: AnyLoss, inputs: LossInputs): readonly Value[] {
  const means = lowerPositions(builder, name, loss, inputs) as [Value, Value]
  return loss.kind === 'traced' ? means : reduced(builder, name, loss, means, inputs)
}

/** Adds the mean of a loss over valid positions, each with its weight, and their number. */
function lowerPositions(
  builder: GraphBuilder,
  name: string,
  loss: AnyLoss,
  { prediction, target, weights, classWeights = [] }: LossInputs,
): Value[] {
  const factors = weights ? [weights] : []
  const measure = loss.kind === 'traced' ? loss : lossMeasure(loss, prediction.shape, target.shape)
  if (measure) return lowerMeasure(builder, name, measure, [target, prediction], factors)
  const { reduction: _, fromLogits = false, ...settings } = loss as Loss
  const attributes = { fromLogits, ...settings, ...(classWeights.length > 0 && { classWeights }) }
  const given = [prediction, target, ...factors]
  return builder.node('loss', name, given, [], [scalar, scalar], attributes as SettingsOf<'loss'>)
}

/** A loss that is a formula, as its operations for an output; undefined for losses of Rust. */
export function lossMeasure(loss: Loss, output: Shape, targets: Shape): TracedMeasure | undefined {
  const formula = formulaOf(loss.kind)
  if (!formula) return undefined
  const { kind, ...settings } = loss
  const call = {
    [kind]: (...values: Parameters<typeof formula.compute>) => formula.compute(values[0], values[1], settings),
  }
  return traceMeasure('loss', call[kind] as never, output, targets)
}

/** What becomes of the mean and the count, as the loss says. */
function reduced(
  builder: GraphBuilder,
  name: string,
  { reduction }: Loss,
  [mean, count]: readonly [Value, Value],
  { prediction, weights }: LossInputs,
): Value[] {
  const of = (kind: 'multiply' | 'divide' | 'maximum', a: Value, b: Value): Value =>
    builder.node('elementwise', `${name}/${kind}`, [a, b], [], [scalar], { kind })[0] as Value
  if (reduction === 'sum') {
    // Over an epoch, sums of batches are averaged by their rows, as in Keras.
    const [, rows] = lowerMean(builder, `${name}/rows`, prediction, 1, [])
    return [of('multiply', mean, count), rows as Value]
  }
  if (reduction !== 'meanWithSampleWeight' || !weights) return [mean, count]
  const [share] = lowerShare(builder, name, prediction, weights)
  const least = builder.node('scalar', `${name}/least`, [], [], [scalar], { value: 1e-30 })[0] as Value
  return [of('divide', mean, of('maximum', share as Value, least)), of('multiply', count, share as Value)]
}

/** Adds the mean of weights over valid positions of a prediction, and their number. */
export function lowerShare(builder: GraphBuilder, name: string, prediction: Value, weights: Value): Value[] {
  const ones = builder.node('elementwise', `${name}/ones`, [prediction, prediction], [], [prediction.shape], {
    kind: 'equal',
  })[0] as Value
  return lowerMean(builder, `${name}/weights`, ones, prediction.shape.length - 1, [weights])
}
