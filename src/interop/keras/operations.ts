import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import * as layers from '../../layers/index.js'
import { isRecord } from '../../options.js'
import type { Maker } from './classes.js'
import { indexed } from './indexing.js'
import type { KerasObject } from './saved.js'

// What is done to tensors outside of layers, such as `x + y`, is saved as a layer, too: by Keras 2 as one of a function
// of TensorFlow, by Keras 3 as an operation of its own.

/** Whether a saved layer is a function of TensorFlow. */
export const isFunction = ({ className }: Pick<KerasObject, 'className'>): boolean => className === 'TFOpLambda'

/**
 * Whether a saved layer is an operation of Keras 3; some are called like layers. HDF5 files do not say the module, but
 * options that all layers have.
 */
export function isOperation({ className, config, beside }: KerasObject): boolean {
  if (typeof beside.module === 'string') return /^keras(\.src)?\.ops\./.test(beside.module)
  const [use] = Array.isArray(beside.inbound_nodes) ? beside.inbound_nodes : []
  return isRecord(use) && className !== 'InputLayer' && !('dtype' in config || 'trainable' in config)
}

/** What makes a layer of ours, and its options. */
type Made = [Maker, Record<string, unknown>]

/** An argument of an operation: a tensor, by its number among the inputs, or what the file says, with such in it. */
export type Argument = { readonly input: number } | { readonly given: unknown }

/** The option of a saved operation that holds its arguments, as they are read from its use. */
export const argumentsOption = 'arguments of its use'

type Operand = SymbolicValue | number
type OfTwo = (x: SymbolicValue, y: Operand) => SymbolicValue

/** Functions of two tensors, or of a tensor and a number. */
const ofTwo: Readonly<Record<string, OfTwo>> = {
  add: (x, y) => x.add(y),
  subtract: (x, y) => x.sub(y),
  multiply: (x, y) => x.mul(y),
  divide: (x, y) => x.div(y),
  maximum: (x, y) => x.maximum(y),
  minimum: (x, y) => x.minimum(y),
}

/** Layers of ours that do the same with tensors. */
const merging: Readonly<Record<string, Maker>> = {
  add: layers.add as Maker,
  subtract: layers.subtract as Maker,
  multiply: layers.multiply as Maker,
  maximum: layers.maximum as Maker,
  minimum: layers.minimum as Maker,
}

/** Other names of these. */
const names: ReadonlyMap<string, string> = new Map([
  ['sub', 'subtract'],
  ['mul', 'multiply'],
  ['true_divide', 'divide'],
])

/** Functions of a tensor. */
const ofOne: Readonly<Record<string, (x: SymbolicValue) => SymbolicValue>> = {
  absolute: (x) => x.abs(),
  abs: (x) => x.abs(),
  exp: (x) => x.exp(),
  log: (x) => x.log(),
  negative: (x) => x.neg(),
  sqrt: (x) => x.sqrt(),
  square: (x) => x.square(),
}

const activations = ['relu', 'sigmoid', 'tanh', 'softmax', 'elu', 'selu', 'silu', 'gelu', 'softplus', 'softsign']

const written = (run: (x: never) => SymbolicValue): Made => [layers.lambda as Maker, { function: run }]

/** What makes a layer of ours that does the same as a function of TensorFlow; undefined for another function. */
export function functionOf({ config }: KerasObject): Made | undefined {
  const { function: given, y } = config
  const [, name = ''] = typeof given === 'string' ? (/^(?:__operators__|math|nn)\.(\w+)$/.exec(given) ?? []) : []
  if (activations.includes(name)) return [layers.activation as Maker, { activation: name }]
  const known = names.get(name) ?? name
  if (!Object.hasOwn(merging, known)) return undefined
  if (typeof y !== 'number') return [merging[known] as Maker, {}]
  return written((x: SymbolicValue) => (ofTwo[known] as OfTwo)(x, y))
}

/** The same for an operation of Keras 3. */
export function operationOf({ className, config }: KerasObject): Made | undefined {
  const given = config[argumentsOption] as readonly Argument[] | undefined
  if (given === undefined) return undefined
  const plain = className.replace(/(.)([A-Z])/g, '$1_$2').toLowerCase()
  const name = names.get(plain) ?? plain
  const [first, second] = given
  if (first === undefined) return undefined
  if (Object.hasOwn(ofTwo, name) && second !== undefined) {
    if ('input' in first && 'input' in second && Object.hasOwn(merging, name)) return [merging[name] as Maker, {}]
    return twoOf(ofTwo[name] as OfTwo, first, second)
  }
  if (!('input' in first)) return name === 'concatenate' ? concatenated(config, first) : undefined
  if (name === 'get_item' && second !== undefined) return 'given' in second ? indexed(second.given) : undefined
  // What else it is called with is not known.
  if (given.length > 1) return undefined
  if (Object.hasOwn(ofOne, name)) return written(ofOne[name] as (x: SymbolicValue) => SymbolicValue)
  if (name === 'softmax') return softmaxAlong(config.axis)
  if (name === 'gelu' && config.approximate === true) return undefined
  if (activations.includes(name)) return [layers.activation as Maker, { activation: name }]
  return reduced(name, config)
}

/** What a merging layer, or an operation like it, does with tensors whose dimensions of 1 are repeated; undefined for others. */
export function broadcast({ className }: Pick<KerasObject, 'className'>): Made | undefined {
  const name = className.toLowerCase()
  if (!Object.hasOwn(merging, name)) return undefined
  const run = ofTwo[name] as OfTwo
  return written((all: readonly SymbolicValue[]) => all.reduce((x, y) => run(x, y)))
}

/** A softmax along an axis, or a list of one; undefined for the batch and for several. */
export function softmaxAlong(given: unknown): Made | undefined {
  const axis = (Array.isArray(given) && given.length === 1 ? given[0] : given) ?? -1
  if (axis === -1) return [layers.activation as Maker, { activation: 'softmax' }]
  // Over the batch, rows would depend on each other.
  return Number.isInteger(axis) && axis !== 0 ? written((x: SymbolicValue) => x.softmax({ axis })) : undefined
}

function twoOf(run: OfTwo, a: Argument, b: Argument): Made | undefined {
  const numberOf = (argument: Argument) => ('given' in argument ? argument.given : undefined)
  const [x, y] = [numberOf(a), numberOf(b)]
  if ('input' in a && 'input' in b) {
    return written(([first, second]: readonly [SymbolicValue, SymbolicValue]) => run(first, second))
  }
  if ('input' in a && typeof y === 'number') return written((value: SymbolicValue) => run(value, y))
  if (typeof x !== 'number' || !('input' in b)) return undefined
  // The number comes first: a value that is it everywhere.
  return written((value: SymbolicValue) => run(value.less(value).add(x), value))
}

function concatenated({ axis = -1 }: KerasObject['config'], { given }: { readonly given: unknown }): Made | undefined {
  if (!Array.isArray(given) || !given.every((each) => isRecord(each) && 'input' in each)) return undefined
  return [layers.concatenate as Maker, { axis }]
}

const reductions = { mean: 'mean', sum: 'sum', max: 'max', amax: 'max' } as const

function reduced(name: string, { axis, keepdims }: KerasObject['config']): Made | undefined {
  if (!Object.hasOwn(reductions, name)) return undefined
  const axes = Array.isArray(axis) ? axis : [axis]
  // Over the batch, rows would depend on each other.
  if (!axes.every((each) => Number.isInteger(each) && each !== 0)) return undefined
  const method = reductions[name as keyof typeof reductions]
  return written((x: SymbolicValue) => x[method]({ axis: axes, keepDims: keepdims === true }))
}
