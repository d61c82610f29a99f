import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import * as layers from '../../layers/index.js'
import type { Maker } from './classes.js'
import type { KerasObject } from './saved.js'

// Keras 2 saves what is done to tensors outside of layers, such as `x + y`, as layers of a function of TensorFlow.

/** Whether a saved layer is a function of TensorFlow. */
export const isOperation = ({ className }: Pick<KerasObject, 'className'>): boolean => className === 'TFOpLambda'

/** Functions of two tensors, or of a tensor and a number. */
const ofTwo: Readonly<Record<string, readonly [Maker, (x: SymbolicValue, y: number) => SymbolicValue]>> = {
  add: [layers.add as Maker, (x, y) => x.add(y)],
  sub: [layers.subtract as Maker, (x, y) => x.sub(y)],
  mul: [layers.multiply as Maker, (x, y) => x.mul(y)],
}

/** Other names of these. */
const names: ReadonlyMap<string, string> = new Map([
  ['subtract', 'sub'],
  ['multiply', 'mul'],
])

const activations = ['relu', 'sigmoid', 'tanh', 'softmax', 'elu', 'selu', 'softplus', 'softsign']

/** What makes a layer of ours that does the same, and its options; undefined for another function. */
export function operation({ config }: KerasObject): [Maker, Record<string, unknown>] | undefined {
  const { function: given, y } = config
  const [, name = ''] = typeof given === 'string' ? (/^(?:__operators__|math|nn)\.(\w+)$/.exec(given) ?? []) : []
  if (activations.includes(name)) return [layers.activation as Maker, { activation: name }]
  const known = names.get(name) ?? name
  const [both, withNumber] = Object.hasOwn(ofTwo, known) ? (ofTwo[known] as (typeof ofTwo)[string]) : []
  if (both === undefined || withNumber === undefined) return undefined
  return typeof y === 'number'
    ? [layers.lambda as Maker, { function: (x: SymbolicValue) => withNumber(x, y) }]
    : [both, {}]
}
