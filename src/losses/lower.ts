import { SeqloomError } from '../errors.js'
import type { GraphBuilder, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import type { SettingsOf } from '../graph/wire.js'
import { formulaOf } from './formulas.js'
import { type AnyLoss, isUnaligned, type Loss } from './loss.js'
import { lowerMean, lowerMeasure, type TracedMeasure, traceMeasure } from './traced.js'

/** What a loss reads. */
export interface LossInputs {
  readonly prediction: Value
  readonly target: Value
  /** Factors of rows, or of rows and steps. */
  readonly weights?: Value | undefined
  /** Factors of classes, for the losses of Rust. */
  readonly classWeights?: readonly number[]
  /** The names of the tags that `layers.crf` predicts, for messages. */
  readonly tags?: readonly string[] | undefined
}

const scalar: Shape = []

/** Adds a loss to a graph: its value, and the count of what it is a mean of over an epoch. */
export function lowerLoss(builder: GraphBuilder, name: string, loss: AnyLoss, inputs: LossInputs): readonly Value[] {
  const means = lowerPositions(builder, name, loss, inputs) as [Value, Value]
  if (loss.kind === 'traced') return means
  if (loss.kind !== 'transducer') return reduced(builder, name, loss, means, inputs)
  // The rows are those of the encoder: nothing needs the logits.
  const prediction = numbered(builder, builder.maker(inputs.prediction)?.inputs[0] as number)
  return reduced(builder, name, loss, means, { ...inputs, prediction })
}

/** A value by its number. */
const numbered = (builder: GraphBuilder, id: number): Value => ({ id, shape: builder.shapes.get(id) as Shape })

/** Adds the mean of a loss over valid positions, each with its weight, and their number. */
function lowerPositions(
  builder: GraphBuilder,
  name: string,
  loss: AnyLoss,
  { prediction, target, weights, classWeights = [], tags = [] }: LossInputs,
): Value[] {
  const factors = weights ? [weights] : []
  if (loss.kind === 'transducer') return lowerTransducer(builder, name, loss, [prediction, target, ...factors])
  if (loss.kind === 'crf') return lowerChain(builder, name, loss, [prediction, target, ...factors], tags)
  const measure = loss.kind === 'traced' ? loss : lossMeasure(loss, prediction.shape, target.shape)
  if (measure) return lowerMeasure(builder, name, measure, [target, prediction], factors)
  if (isUnaligned(loss)) {
    const { kind: _, reduction: __, ...settings } = loss as Loss
    return builder.node(
      'ctc',
      name,
      [prediction, target, ...factors],
      [],
      [scalar, scalar],
      settings as SettingsOf<'ctc'>,
    )
  }
  const { reduction: _, fromLogits = false, ...settings } = loss as Loss
  const attributes = { fromLogits, ...settings, ...(classWeights.length > 0 && { classWeights }) }
  const given = [prediction, target, ...factors]
  return builder.node('loss', name, given, [], [scalar, scalar], attributes as SettingsOf<'loss'>)
}

/** Adds the loss of `layers.transducerJoint`, which reads what the layer read, and its weights. */
function lowerTransducer(
  builder: GraphBuilder,
  name: string,
  { blank = 0, zeroInfinity = false }: Loss,
  [prediction, ...others]: readonly Value[],
): Value[] {
  const layer = builder.maker(prediction as Value)
  if (layer?.op !== 'transducerJoint') {
    throw new SeqloomError(
      'ERR_OPTION',
      "compile: the loss 'transducer' is of an output that layers.transducerJoint makes",
    )
  }
  const { activation } = layer.attributes as SettingsOf<'transducerJoint'>
  const given = [...layer.inputs.map((id) => numbered(builder, id)), ...others]
  return builder.node('transducerLoss', name, given, layer.weights, [scalar, scalar], {
    activation,
    blank,
    zeroInfinity,
  })
}

/** Adds the loss of `layers.crf`, which reads what the layer read, and its weights. */
function lowerChain(
  builder: GraphBuilder,
  name: string,
  { zeroInfinity = false }: Loss,
  [prediction, ...others]: readonly Value[],
  names: readonly string[],
): Value[] {
  const layer = builder.maker(prediction as Value)
  if (layer?.op !== 'crf') {
    throw new SeqloomError('ERR_OPTION', "compile: the loss 'crf' is of an output that layers.crf makes")
  }
  const [scores] = layer.inputs as [number]
  const { forbidden } = layer.attributes as SettingsOf<'crf'>
  const given = [numbered(builder, scores), ...others]
  const attributes = { zeroInfinity, names, ...(forbidden && { forbidden }) }
  return builder.node('crfLoss', name, given, layer.weights, [scalar, scalar], attributes)
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
  loss: Loss,
  [mean, count]: readonly [Value, Value],
  { prediction, target, weights }: LossInputs,
): Value[] {
  const { reduction } = loss
  const of = (kind: 'multiply' | 'divide' | 'maximum', a: Value, b: Value): Value =>
    builder.node('elementwise', `${name}/${kind}`, [a, b], [], [scalar], { kind })[0] as Value
  if (reduction === 'sum') {
    // Over an epoch, sums of batches are averaged by their rows, as in Keras.
    const [, rows] = lowerMean(builder, `${name}/rows`, prediction, 1, [])
    return [of('multiply', mean, count), rows as Value]
  }
  if (reduction !== 'meanWithSampleWeight' || !weights) return [mean, count]
  const counted = lowerProduct(builder, name, weights, lowerCounted(builder, name, loss, target)) as Value
  const [share, positions] = lowerShare(builder, name, prediction, counted, isUnaligned(loss) ? 1 : undefined) as [
    Value,
    Value,
  ]
  const all = of('multiply', share, positions)
  const least = builder.node('scalar', `${name}/least`, [], [], [scalar], { value: 1e-30 })[0] as Value
  return [of('divide', of('multiply', mean, count), of('maximum', all, least)), all]
}

/** Adds the mean of weights over valid positions of a prediction, and their number; positions are its first dimensions. */
export function lowerShare(
  builder: GraphBuilder,
  name: string,
  prediction: Value,
  weights: Value,
  positions = prediction.shape.length - 1,
): Value[] {
  const ones = builder.node('elementwise', `${name}/ones`, [prediction, prediction], [], [prediction.shape], {
    kind: 'equal',
  })[0] as Value
  return lowerMean(builder, `${name}/weights`, ones, positions, [weights])
}

/** Adds 1 for the positions that a loss does not ignore, 0 for others; undefined where it ignores none. */
export function lowerCounted(builder: GraphBuilder, name: string, loss: AnyLoss, target: Value): Value | undefined {
  const { ignoreClass } = loss as Loss
  if (ignoreClass === undefined) return undefined
  const node = (op: 'cast' | 'scalar' | 'elementwise', inputs: readonly Value[], shape: Shape, settings: object) =>
    builder.node(op, `${name}/counted/${op}`, inputs, [], [shape], settings as never)[0] as Value
  const ignored = node('scalar', [], [], { value: ignoreClass })
  const labels = node('cast', [target], target.shape, {})
  return node('elementwise', [labels, ignored], target.shape, { kind: 'notEqual' })
}

/** Adds the product of weights of rows or steps, and of those of positions. */
export function lowerProduct(
  builder: GraphBuilder,
  name: string,
  a: Value | undefined,
  b: Value | undefined,
): Value | undefined {
  if (!a || !b) return a ?? b
  const shape = b.shape.map((dim, axis) => (axis < a.shape.length ? dim : 1))
  const wide =
    a.shape.length === b.shape.length
      ? a
      : builder.node('reshape', `${name}/weights`, [a], [], [shape], { shape: shape.slice(1) })[0]
  return builder.node('elementwise', `${name}/weights`, [wide as Value, b], [], [b.shape], { kind: 'multiply' })[0]
}
