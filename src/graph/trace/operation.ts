import { describe, SeqloomError } from '../../errors.js'
import { type Check, custom, flag, integer, number, oneOf, positive } from '../../options.js'
import * as shapes from './shapes.js'
import { batch, hasBatch, isSize, show, type TracedShape } from './size.js'

/** The settings of an operation in a traced function. */
export type Attributes = Readonly<Record<string, unknown>>

/** An operation of traced functions: how many values it takes, its settings, and its result's shape. */
export interface Operation {
  readonly least: number
  readonly most: number
  readonly attributes: Readonly<Record<string, Check>>
  /** The result's shape; `ERR_SHAPE` with what does not fit, to which the caller adds where. */
  readonly infer: (inputs: readonly TracedShape[], attributes: never) => TracedShape
}

/** Functions of one value, element by element. */
export const unaryKinds = [
  'neg',
  'abs',
  'square',
  'sqrt',
  'exp',
  'log',
  'sigmoid',
  'tanh',
  'relu',
  'softplus',
  'softsign',
  'hardSigmoid',
] as const

/** Comparisons, which give 0 or 1. */
export const comparisonKinds = ['less', 'lessEqual', 'greater', 'greaterEqual', 'equal', 'notEqual'] as const

/** Functions of two values, element by element. */
export const binaryKinds = ['add', 'subtract', 'multiply', 'divide', 'maximum', 'minimum', ...comparisonKinds] as const

/** The kinds of element-wise operations. */
export type ElementwiseKind = (typeof unaryKinds)[number] | (typeof binaryKinds)[number] | 'where'

/** How a value is reduced over dimensions. */
export type ReduceKind = 'sum' | 'mean' | 'max'

const axis = integer(0, 7)

const axes = custom(
  'an array of dimensions',
  (v) => Array.isArray(v) && v.length > 0 && v.every((a) => axis.accepts(a)),
)

const sizes = custom('an array of sizes, one of which may be null', (v) => {
  if (!Array.isArray(v) || v.length > 7) return false
  return v.every((dim) => dim === null || isSize(dim)) && v.filter((dim) => dim === null).length <= 1
})

/** All operations of traced functions by name. */
export const operations: Readonly<Record<string, Operation>> = {
  scalar: { least: 0, most: 0, attributes: { value: number() }, infer: () => [] },
  elementwise: {
    least: 1,
    most: 3,
    attributes: { kind: oneOf([...unaryKinds, ...binaryKinds, 'where']) },
    infer: (inputs, { kind }: { kind: ElementwiseKind }) => {
      const arity = kind === 'where' ? 3 : (unaryKinds as readonly string[]).includes(kind) ? 1 : 2
      if (inputs.length !== arity) throw shapes.problem(`${kind} takes ${arity} values, got ${inputs.length}`)
      return inputs.reduce(shapes.broadcast)
    },
  },
  matmul: { least: 2, most: 2, attributes: { transposeA: flag, transposeB: flag }, infer: shapes.matmul },
  softmax: { least: 1, most: 2, attributes: { axis }, infer: shapes.softmax },
  normalize: { least: 1, most: 1, attributes: { axis, epsilon: positive }, infer: shapes.alongAxis },
  concatenate: { least: 1, most: 1024, attributes: { axis }, infer: shapes.concatenate },
  reshape: { least: 1, most: 1, attributes: { shape: sizes }, infer: shapes.reshape },
  slice: { least: 1, most: 1, attributes: { axis, start: integer(0), end: integer(1) }, infer: shapes.slice },
  split: { least: 1, most: 1, attributes: { axis, parts: integer(1), part: integer(0) }, infer: shapes.split },
  transpose: { least: 1, most: 1, attributes: { permutation: axes }, infer: shapes.transpose },
  gather: { least: 2, most: 2, attributes: {}, infer: shapes.gather },
  reduce: {
    least: 1,
    most: 1,
    attributes: { kind: oneOf(['sum', 'mean', 'max']), axes, keepDims: flag },
    infer: shapes.reduce,
  },
  argmax: {
    least: 1,
    most: 1,
    attributes: { axis },
    infer: ([x], { axis: at }: { axis: number }) => shapes.reduce([x as TracedShape], { axes: [at], keepDims: false }),
  },
  sample: {
    least: 1,
    most: 1,
    attributes: { temperature: positive },
    infer: ([x]) => {
      if (x?.length !== 2 || !hasBatch(x))
        throw shapes.problem(`expected logits of shape [batch, n], got ${show(x ?? [])}`)
      return [batch]
    },
  },
  dropout: {
    least: 1,
    most: 1,
    attributes: { rate: number(0, 1), perStep: flag },
    infer: ([x]) => {
      if (!x || !hasBatch(x)) throw shapes.problem(`dropout is for values with a batch, got ${show(x ?? [])}`)
      return x
    },
  },
  stopGradient: { least: 1, most: 1, attributes: {}, infer: ([x]) => x as TracedShape },
  mask: {
    least: 1,
    most: 1,
    attributes: {},
    infer: ([x]) => {
      if (!x || x.length < 2 || !hasBatch(x)) {
        throw shapes.problem(`expected a value with a time dimension, [batch, time, …], got ${show(x ?? [])}`)
      }
      return x.slice(0, 2)
    },
  },
}

/** The operation of a name; `ERR_FORMAT` if there is none, since only files can hold other names. */
export function operation(name: unknown): Operation {
  const found = typeof name === 'string' && Object.hasOwn(operations, name) ? operations[name] : undefined
  if (!found) throw new SeqloomError('ERR_FORMAT', `there is no operation ${describe(name)}`)
  return found
}
