import { describe, SeqloomError } from '../../errors.js'
import { type Check, custom, flag, integer, number, oneOf, seed } from '../../options.js'
import { checkOf, type Setting } from '../../settings.js'
import { elementwise, operations as table } from '../../table.js'
import * as shapes from './shapes.js'
import { isSize, maxRank, type TracedShape } from './size.js'

/** The settings of an operation in a traced function. */
export type Attributes = Readonly<Record<string, unknown>>

/** An operation of traced functions: how many values it takes, its settings, and its result's shape. */
export interface Operation {
  readonly least: number
  readonly most: number
  readonly attributes: Readonly<Record<string, Check>>
  /** Settings that may be missing. */
  readonly optional?: Readonly<Record<string, Check>>
  /** The result's shape; `ERR_SHAPE` with what does not fit, to which the caller adds where. */
  readonly infer: (inputs: readonly TracedShape[], attributes: never) => TracedShape
}

/** The kinds of element-wise operations. */
export type ElementwiseKind = keyof typeof elementwise

/** Whether an operation is a comparison, which gives 0 or 1. */
export const isComparison = (kind: unknown): boolean =>
  typeof kind === 'string' && Object.hasOwn(elementwise, kind) && !elementwise[kind as ElementwiseKind].gradient

const axis = integer(0, maxRank - 1)

const axes = custom(
  'an array of dimensions',
  (v) => Array.isArray(v) && v.length > 0 && v.every((a) => axis.accepts(a)),
)

const sizes = custom('an array of sizes, one of which may be null', (v) => {
  if (!Array.isArray(v) || v.length >= maxRank) return false
  return v.every((dim) => dim === null || isSize(dim)) && v.filter((dim) => dim === null).length <= 1
})

/** The check of a setting: what is written out here has named sizes too, or dimensions only. */
function check(setting: Setting): Check {
  if (setting.type !== 'list') return checkOf(setting)
  return (setting.of as Setting).optional ? sizes : axes
}

/** What only traced functions have: these are lowered to other operations. */
const own: Readonly<Record<string, Operation>> = {
  split: { least: 1, most: 1, attributes: { axis, parts: integer(1), part: integer(0) }, infer: shapes.split },
  dropout: {
    least: 1,
    most: 1,
    attributes: { rate: number(0, 1), perStep: flag },
    optional: { seed },
    infer: shapes.rows,
  },
  mask: { least: 1, most: 1, attributes: {}, infer: shapes.mask },
  overBatch: { least: 1, most: 1, attributes: { kind: oneOf(['mean', 'sum']) }, infer: shapes.overBatch },
}

/** All operations of traced functions by name. */
const operations: Readonly<Record<string, Operation>> = {
  ...Object.fromEntries(
    Object.entries(table).flatMap(([name, entry]) => {
      if (!('shape' in entry)) return []
      const attributes = Object.entries<Setting>(entry.settings).map(([each, setting]) => [each, check(setting)])
      const [least, most] = entry.inputs
      const infer: Operation['infer'] = shapes.rules[entry.shape]
      return [[name, { least, most: Math.min(most, 1024), attributes: Object.fromEntries(attributes), infer }]]
    }),
  ),
  ...own,
}

/** The operation of a name; `ERR_FORMAT` if there is none, since only files can hold other names. */
export function operation(name: unknown): Operation {
  const found = typeof name === 'string' && Object.hasOwn(operations, name) ? operations[name] : undefined
  if (!found) throw new SeqloomError('ERR_FORMAT', `there is no operation ${describe(name)}`)
  return found
}
