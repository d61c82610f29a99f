import type { SettingsOf } from '../../../graph/wire.js'
import * as masks from './masks.js'
import type { Place, Value } from './values.js'

/** Probabilities closer to 0 or 1 are clipped to this distance. */
const epsilon = 1e-7

/** Writes a loss: its mean over the valid positions of a prediction `[batch, …, columns]`. */
export function loss(place: Place, inputs: readonly Value[], settings: SettingsOf<'loss'>): Value {
  const { writer, constants } = place
  const [x, given] = inputs as readonly [Value, Value]
  const columns = x.shape.at(-1) as number
  const isNarrow = given.shape.length < x.shape.length
  const column = isNarrow ? writer.node('Unsqueeze', [given.name, constants.ints([-1])], 'target') : given.name
  const { kind } = settings
  const float = () => (given.integers ? writer.node('Cast', [column], 'target', { to: { int: 1 } }) : column)
  const each = (value: string): Value => {
    const shape = x.shape.slice(0, -1)
    return meanOverSteps(place, { name: value, shape, batched: true, mask: x.mask })
  }
  if (kind === 'sparseCategoricalCrossentropy') {
    // Padding may hold labels that are none.
    const whole = writer.node('Cast', [column], 'label', { to: { int: 7 } })
    const low = writer.node('Max', [whole, constants.ints(0)], 'label')
    const label = writer.node('Min', [low, constants.ints(columns - 1)], 'label')
    const found = writer.node('GatherElements', [logProbabilities(place, x, settings), label], 'found', {
      axis: { int: -1 },
    })
    return each(negativeSum(place, found, x))
  }
  if (kind === 'categoricalCrossentropy') {
    const target = smoothed(place, float(), settings, 1 / columns)
    const products = writer.node('Mul', [target, logProbabilities(place, x, settings)], 'products')
    return each(negativeSum(place, products, x))
  }
  const losses = elementwise(place, x.name, float(), settings)
  return each(masks.reduced(place, 'Mean', losses, [x.shape.length - 1], false))
}

/** Writes the mean of a value `[batch]`, `[batch, time, …]` or of rank 0 over its valid positions. */
export function meanOverSteps(place: Place, { name, shape, mask }: Value): Value {
  const { writer } = place
  const axes = [...shape.keys()]
  if (!mask) {
    const mean = axes.length > 0 ? masks.reduced(place, 'Mean', name, axes, false) : name
    return { name: mean, shape: [], batched: false }
  }
  const others = axes.slice(2)
  const steps = others.length > 0 ? masks.reduced(place, 'Mean', name, others, false) : name
  const sum = masks.reduced(place, 'Sum', masks.keptWhere(place, steps, mask.valid, 2), [0, 1], false)
  const count = masks.reduced(place, 'Sum', masks.numbers(place, mask), [0, 1], false)
  const atLeast = writer.node('Max', [count, place.constants.float(1)], 'count')
  return { name: writer.node('Div', [sum, atLeast], 'mean'), shape: [], batched: false }
}

function negativeSum(place: Place, value: string, { shape }: Value): string {
  return place.writer.node('Neg', [masks.reduced(place, 'Sum', value, [shape.length - 1], false)], 'losses')
}

function logProbabilities(place: Place, x: Value, { fromLogits }: SettingsOf<'loss'>): string {
  const { writer } = place
  if (fromLogits) return writer.node('LogSoftmax', [x.name], 'logs', { axis: { int: -1 } })
  const sum = masks.reduced(place, 'Sum', x.name, [x.shape.length - 1], true)
  return writer.node('Log', [clipped(place, writer.node('Div', [x.name, sum], 'shares'))], 'logs')
}

function clipped({ writer, constants }: Place, value: string): string {
  return writer.node('Clip', [value, constants.float(epsilon), constants.float(1 - epsilon)], 'clipped')
}

/** Targets of which a share is spread over all classes. */
function smoothed({ writer, constants }: Place, target: string, settings: SettingsOf<'loss'>, share: number): string {
  const { labelSmoothing = 0 } = settings
  if (labelSmoothing === 0) return target
  const kept = writer.node('Mul', [target, constants.float(1 - labelSmoothing)], 'target')
  return writer.node('Add', [kept, constants.float(labelSmoothing * share)], 'target')
}

/** The losses of single elements. */
function elementwise(place: Place, x: string, t: string, settings: SettingsOf<'loss'>): string {
  const { writer, constants } = place
  const node = (opType: string, inputs: readonly string[]) => writer.node(opType, inputs, 'losses')
  const number = (value: number) => constants.float(value)
  const { kind, delta = 1 } = settings
  if (kind === 'binaryCrossentropy') {
    const target = smoothed(place, t, settings, 0.5)
    if (settings.fromLogits) {
      // log(1 + exp(x)) - x·t
      return node('Sub', [node('Softplus', [x]), node('Mul', [x, target])])
    }
    const p = clipped(place, x)
    const yes = node('Mul', [target, node('Log', [p])])
    const no = node('Mul', [node('Sub', [number(1), target]), node('Log', [node('Sub', [number(1), p])])])
    return node('Neg', [node('Add', [yes, no])])
  }
  const difference = node('Sub', [x, t])
  if (kind === 'meanAbsoluteError') return node('Abs', [difference])
  const square = node('Mul', [difference, difference])
  if (kind !== 'huber') return square
  const distance = node('Abs', [difference])
  const linear = node('Mul', [node('Sub', [distance, number(0.5 * delta)]), number(delta)])
  return node('Where', [node('Greater', [distance, number(delta)]), linear, node('Mul', [square, number(0.5)])])
}
