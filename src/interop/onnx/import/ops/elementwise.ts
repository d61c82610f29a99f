import type { Operand } from '../../../../graph/trace/operands.js'
import * as trace from '../../../../graph/trace/ops.js'
import { SymbolicValue } from '../../../../graph/trace/symbolic.js'
import { type Call, dataOf, first, type Operator } from '../call.js'
import { add, type Dim, divide, multiply, same, subtract } from '../dim.js'
import { elementwise } from '../layout.js'
import {
  broadcastShapes,
  type Computed,
  type Constant,
  dimsOf,
  type Elements,
  folded,
  numbersIn,
  type Rows,
  sizesIn,
  stridesTo,
  unsupported,
  type Value,
  walk,
} from '../values.js'

type Symbolic = SymbolicValue

/** A function of numbers: of constants, and of values of the engine, if it has such. */
interface Function {
  readonly fold: (...numbers: number[]) => number
  readonly run?: (...operands: Operand[]) => Symbolic
  /** Whether results are whole numbers where the operands are, or always. */
  readonly integer?: 'kept' | 'always'
  /** The same on sizes. */
  readonly sizes?: (a: Dim, b: Dim) => Dim | undefined
}

const isSymbolic = (value: Operand | undefined): value is Symbolic => value instanceof SymbolicValue

/** The first of two operands as a value: of a commutative function, either may be the number. */
const swapping =
  (run: (a: Symbolic, b: Operand) => Symbolic, other: (b: Symbolic, a: Operand) => Symbolic = run) =>
  (a?: Operand, b?: Operand): Symbolic =>
    isSymbolic(a) ? run(a, b as Operand) : other(b as Symbolic, a as Operand)

const one = (run: (x: Symbolic) => Symbolic) => (x?: Operand) => run(x as Symbolic)

const not = (x: Symbolic): Symbolic => x.equal(0)

/** Abramowitz and Stegun 7.1.26: within 1.5e-7 everywhere. */
export function erf(x: Symbolic): Symbolic {
  const size = x.abs()
  const t = trace.div(1, size.mul(0.3275911).add(1))
  const terms = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]
  const sum = terms.reduce<Operand>((all, each) => t.mul(all === 0 ? each : swapping((a, b) => a.add(b))(all, each)), 0)
  const positive = trace.sub(1, (sum as Symbolic).mul(size.square().neg().exp()))
  return x.less(0).where(positive.neg(), positive)
}

function erfOf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x))
  const sum = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
  return Math.sign(x) * (1 - sum * Math.exp(-x * x))
}

/** x to a constant power. */
function power(x: Symbolic, exponent: number): Symbolic {
  if (exponent === 0.5) return x.sqrt()
  if (exponent === -0.5) return trace.div(1, x.sqrt())
  if (Number.isInteger(exponent) && Math.abs(exponent) <= 64) {
    let result: Symbolic | undefined
    let square = x
    for (let left = Math.abs(exponent); left > 0; left = Math.floor(left / 2)) {
      if (left % 2 === 1) result = result ? result.mul(square) : square
      if (left > 1) square = square.square()
    }
    const all = result ?? x.less(x).add(1)
    return exponent < 0 ? trace.div(1, all) : all
  }
  return x.log().mul(exponent).exp()
}

const functions: Readonly<Record<string, Function>> = {
  Identity: { fold: (x) => x, run: one((x) => x), integer: 'kept' },
  Neg: { fold: (x) => -x, run: one((x) => x.neg()), integer: 'kept' },
  Abs: { fold: Math.abs, run: one((x) => x.abs()), integer: 'kept' },
  Sqrt: { fold: Math.sqrt, run: one((x) => x.sqrt()) },
  Exp: { fold: Math.exp, run: one((x) => x.exp()) },
  Log: { fold: Math.log, run: one((x) => x.log()) },
  Reciprocal: { fold: (x) => 1 / x, run: one((x) => trace.div(1, x)) },
  Relu: { fold: (x) => Math.max(x, 0), run: one((x) => x.relu()), integer: 'kept' },
  Tanh: { fold: Math.tanh, run: one((x) => x.tanh()) },
  Sigmoid: { fold: (x) => 1 / (1 + Math.exp(-x)), run: one((x) => x.sigmoid()) },
  Softplus: { fold: (x) => Math.log1p(Math.exp(x)), run: one((x) => x.softplus()) },
  Softsign: { fold: (x) => x / (1 + Math.abs(x)), run: one((x) => x.softsign()) },
  Erf: { fold: erfOf, run: one(erf) },
  Sign: { fold: Math.sign, run: one((x) => x.greater(0).sub(x.less(0))), integer: 'always' },
  Floor: { fold: Math.floor, integer: 'always' },
  Ceil: { fold: Math.ceil, integer: 'always' },
  Round: { fold: (x) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x)), integer: 'always' },
  Sin: { fold: Math.sin },
  Cos: { fold: Math.cos },
  Not: { fold: (x) => (x === 0 ? 1 : 0), run: one(not), integer: 'always' },
  IsNaN: { fold: (x) => (Number.isNaN(x) ? 1 : 0), run: one((x) => x.notEqual(x)), integer: 'always' },
  HardSwish: {
    fold: (x) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6,
    run: one((x) => x.mul(x.hardSigmoid())),
  },
  Mish: {
    fold: (x) => x * Math.tanh(Math.log1p(Math.exp(x))),
    run: one((x) => x.mul(x.softplus().tanh())),
  },
  Add: { fold: (a, b) => a + b, run: swapping((a, b) => a.add(b)), integer: 'kept', sizes: add },
  Sub: {
    fold: (a, b) => a - b,
    run: (a, b) => trace.sub(a as Operand, b as Operand),
    integer: 'kept',
    sizes: subtract,
  },
  Mul: { fold: (a, b) => a * b, run: swapping((a, b) => a.mul(b)), integer: 'kept', sizes: multiply },
  Div: { fold: (a, b) => a / b, run: (a, b) => trace.div(a as Operand, b as Operand), sizes: divide },
  And: { fold: (a, b) => (a && b ? 1 : 0), run: swapping((a, b) => a.mul(b)), integer: 'always' },
  Or: { fold: (a, b) => (a || b ? 1 : 0), run: swapping((a, b) => a.maximum(b)), integer: 'always' },
  Xor: { fold: (a, b) => (a !== b ? 1 : 0), run: swapping((a, b) => a.notEqual(b)), integer: 'always' },
  Equal: { fold: (a, b) => (a === b ? 1 : 0), run: swapping((a, b) => a.equal(b)), integer: 'always' },
  Less: {
    fold: (a, b) => (a < b ? 1 : 0),
    run: swapping(
      (a, b) => a.less(b),
      (b, a) => b.greater(a),
    ),
    integer: 'always',
  },
  LessOrEqual: {
    fold: (a, b) => (a <= b ? 1 : 0),
    run: swapping(
      (a, b) => a.lessEqual(b),
      (b, a) => b.greaterEqual(a),
    ),
    integer: 'always',
  },
  Greater: {
    fold: (a, b) => (a > b ? 1 : 0),
    run: swapping(
      (a, b) => a.greater(b),
      (b, a) => b.less(a),
    ),
    integer: 'always',
  },
  GreaterOrEqual: {
    fold: (a, b) => (a >= b ? 1 : 0),
    run: swapping(
      (a, b) => a.greaterEqual(b),
      (b, a) => b.lessEqual(a),
    ),
    integer: 'always',
  },
  Max: { fold: Math.max, run: swapping((a, b) => a.maximum(b)), integer: 'kept' },
  Min: { fold: Math.min, run: swapping((a, b) => a.minimum(b)), integer: 'kept' },
  Mod: { fold: (a, b) => a - b * Math.floor(a / b) },
  PRelu: {
    fold: (x, slope) => (x < 0 ? x * slope : x),
    run: (x, slope) => (x as Symbolic).less(0).where((x as Symbolic).mul(slope as Operand), x as Symbolic),
  },
}

/** Applies a function of numbers to constants, with numpy's rule for shapes. */
export function foldedBy(fold: (...numbers: number[]) => number, from: readonly Constant[], integer = false): Constant {
  const shape = from.map((each) => each.shape as readonly number[]).reduce((a, b) => broadcastShapes(a, b) as number[])
  const dims = from.map((each) => each.dims).reduce(broadcastShapes)
  const strides = from.map((each) => stridesTo(each.shape, shape))
  const compute = (elements: readonly Elements[], into: Elements) => {
    const numbers = Array<number>(from.length)
    walk(shape, strides, (at, places) => {
      for (const [k, place] of places.entries()) numbers[k] = elements[k]?.[place] as number
      into[at] = fold(...numbers)
    })
  }
  return folded(from, shape, compute, { integer, dims })
}

/** Whether all elements are whole numbers, of whatever type. */
function isWhole(x: Computed | Constant): boolean {
  if (x.integer) return true
  return x.kind === 'computed' ? x.whole === true : x.values?.every(Number.isInteger) === true
}

/** A function of values and constants, element by element. */
export function applied(call: Call, values: readonly Value[], { fold, run, integer }: Function): Computed | Constant {
  const isComputed = values.some(({ kind }) => kind === 'computed')
  const data = values.map((value) => (isComputed ? call.lowering.numberOf(value) : dataOf(value)))
  const keeps = (test: (each: Computed | Constant) => boolean) =>
    integer === 'always' || (integer === 'kept' && data.every(test))
  const isInteger = keeps((each) => each.integer)
  if (data.every((each) => each.kind === 'constant')) return foldedBy(fold, data, isInteger)
  if (run === undefined) {
    const [x] = data as [Computed | Constant]
    // Rounding what is whole.
    if (data.length === 1 && integer === 'always' && isWhole(x)) return x
    throw unsupported('it takes constants only')
  }
  const result = elementwise(call.builder, data, (operands) => run(...operands), isInteger)
  return { ...result, whole: keeps(isWhole) }
}

/** Sizes of both operands, each written as often as the other has them. */
function bothSizes(
  a: Value,
  b: Value,
): { readonly scalar: boolean; readonly pairs: readonly (readonly [Dim, Dim])[] } | undefined {
  if (a.kind !== 'sizes' && b.kind !== 'sizes') return undefined
  const [x, y] = [sizesIn(a), sizesIn(b)]
  if (x === undefined || y === undefined) return undefined
  const length = Math.max(x.length, y.length)
  if ((x.length !== length && x.length !== 1) || (y.length !== length && y.length !== 1)) return undefined
  const pairs = Array.from(
    { length },
    (_, at) => [x[x.length === 1 ? 0 : at] as Dim, y[y.length === 1 ? 0 : at] as Dim] as const,
  )
  return { scalar: dimsOf(a).length === 0 && dimsOf(b).length === 0, pairs }
}

const truncated = (whole: boolean) => (a: number, b: number) => (whole ? Math.trunc(a / b) : a / b)

/** What a product or sum is where an operand has the numbers of rows. */
function rowsCombined(call: Call, op: string, a: Value, b: Value): Rows | undefined {
  const [rows, other] = a.kind === 'rows' ? [a, b] : [b as Rows, a]
  if (rows.kind !== 'rows' || rows.order !== undefined || rows.column || other.kind === 'rows') return undefined
  if (op === 'Mul' && rows.scale === undefined) {
    const items = sizesIn(other)
    return items?.length === 1 ? { ...rows, scale: multiply(items[0] as Dim, 1) } : undefined
  }
  if (op !== 'Add' || rows.scale === undefined || other.kind === 'unknown') return undefined
  const data = dataOf(other)
  return { ...rows, plus: rows.plus ? plus(call, rows.plus, data) : data }
}

function binary(op: string): Operator {
  const given = functions[op] as Function
  return (call) => {
    const [a, ...others] = call.inputs as Value[]
    let result = a as Value
    if (others.length === 0 && given.fold.length < 2) return applied(call, [result], given)
    for (const b of others) {
      const rows = rowsCombined(call, op, result, b)
      if (rows) {
        result = rows
        continue
      }
      const sizes = bothSizes(result, b)
      const isReal = [result, b].some((each) => each.kind === 'sizes' && each.real)
      const items = sizes?.pairs.map(([x, y]) => given.sizes?.(x, y) ?? computedSize(call, op, x, y, isReal))
      if (items?.every((item) => item !== undefined)) {
        const real = isReal ? { real: true } : {}
        result = { kind: 'sizes', scalar: sizes?.scalar as boolean, items: items as Dim[], ...real }
        continue
      }
      if (op === 'And' && (result.kind === 'below' || b.kind === 'below')) {
        result = both(call, result, b)
        continue
      }
      const below = sizes?.pairs.length === 1 ? compared(op, ...(sizes.pairs[0] as readonly [Dim, Dim])) : undefined
      if (below) result = below
      else if (sizes && op === 'Equal') {
        // Names stand for sizes that are not negative, so that only equal ones are known to be equal.
        const bits = sizes.pairs.map(([x, y]) => (same(x, y) ? 1 : 0))
        result = { kind: 'sizes', scalar: sizes.scalar, items: bits }
      } else if (op === 'Div' && [result, b].every((each) => dataOf(each).integer)) {
        result = applied(call, [result, b], { fold: truncated(true) })
      } else result = applied(call, [result, b], given)
    }
    return result
  }
}

/** A size that is known only per call, which other sizes are computed with. */
function computedSize(call: Call, op: string, a: Dim, b: Dim, isReal: boolean): Dim | undefined {
  const { sizes } = call.builder.parts
  if (typeof a === 'number' && typeof b === 'number') return undefined
  if (op === 'Div' && !isReal && typeof b === 'number' && Number.isInteger(b) && b > 0) return sizes.quotient(a, b)
  if (op !== 'Max' || (a !== 0 && b !== 0)) return undefined
  return sizes.positive(a === 0 ? b : a)
}

/** Both of two conditions, of which one asks for sizes. */
export function both(call: Call, a: Value, b: Value): Value {
  if (a.kind !== 'below') return both(call, b, a)
  if (b.kind === 'computed') return { ...a, also: alsoOf(call, a.also, b) }
  if (b.kind === 'below') {
    const more = subtract(subtract(b.right, b.left), subtract(a.right, a.left))
    // Of two ends, the nearer one counts.
    if (typeof more !== 'number') throw unsupported('of two conditions on sizes, which ends first is not known')
    const nearer = more >= 0 ? a : b
    const also = b.also ? alsoOf(call, a.also, b.also) : a.also
    return also ? { ...nearer, also } : nearer
  }
  const known = sizesIn(b)?.[0]
  if (known === undefined) throw unsupported('a condition on sizes, and something else')
  return known === 0 ? b : a
}

const alsoOf = (call: Call, a: Computed | undefined, b: Computed): Computed =>
  a === undefined ? b : (times(call, a, b) as Computed)

/** What is known, or asked, of two sizes of which one is below the other. */
function compared(op: string, a: Dim, b: Dim): Value | undefined {
  if (typeof a === 'number' && typeof b === 'number') return undefined
  if (op === 'Less') return { kind: 'below', left: a, right: b }
  if (op === 'LessOrEqual') return { kind: 'below', left: a, right: add(b, 1) }
  if (op === 'Greater') return { kind: 'below', left: b, right: a }
  return op === 'GreaterOrEqual' ? { kind: 'below', left: b, right: add(a, 1) } : undefined
}

const unary =
  (make: (call: Call) => Function): Operator =>
  (call) =>
    applied(call, [call.value(0)], make(call))

/** Rounding, of which sizes are not in need: quotients of them are whole. */
const rounding =
  (op: string): Operator =>
  (call) => {
    const given = call.value(0)
    return given.kind === 'sizes' ? given : applied(call, [given], functions[op] as Function)
  }

/** Functions of one number with parameters: as nodes and as activations of recurrent operators. */
export const parametric: Readonly<
  Record<
    string,
    {
      readonly alpha?: number
      readonly beta?: number
      readonly run: (x: Symbolic, alpha: number, beta: number) => Symbolic
      readonly fold: (x: number, alpha: number, beta: number) => number
    }
  >
> = {
  Affine: { alpha: 1, beta: 0, run: (x, a, b) => x.mul(a).add(b), fold: (x, a, b) => a * x + b },
  LeakyRelu: { alpha: 0.01, run: (x, a) => x.less(0).where(x.mul(a), x), fold: (x, a) => (x < 0 ? a * x : x) },
  ThresholdedRelu: { alpha: 1, run: (x, a) => x.greater(a).where(x, 0), fold: (x, a) => (x > a ? x : 0) },
  ScaledTanh: { alpha: 1, beta: 1, run: (x, a, b) => x.mul(b).tanh().mul(a), fold: (x, a, b) => a * Math.tanh(b * x) },
  HardSigmoid: {
    alpha: 0.2,
    beta: 0.5,
    run: (x, a, b) => {
      const own = ownHardSigmoid(a, b)
      return own === undefined ? x.mul(a).add(b).maximum(0).minimum(1) : x.activation(own)
    },
    fold: (x, a, b) => Math.min(Math.max(a * x + b, 0), 1),
  },
  Elu: {
    alpha: 1,
    // The exponential of what is above zero would overflow, and its gradient with it.
    run: (x, a) => x.less(0).where(x.minimum(0).exp().sub(1).mul(a), x),
    fold: (x, a) => (x < 0 ? a * Math.expm1(x) : x),
  },
  Celu: {
    alpha: 1,
    run: (x, a) => x.relu().add(x.minimum(0).div(a).exp().sub(1).mul(a)),
    fold: (x, a) => Math.max(x, 0) + a * Math.expm1(Math.min(x, 0) / a),
  },
}

/** The hard sigmoid of ours with a slope and an offset, if there is one. */
export function ownHardSigmoid(alpha: number, beta: number): 'hardSigmoid' | 'hardSigmoidKeras2' | undefined {
  if (beta !== 0.5) return undefined
  const slope = Math.fround(alpha)
  if (slope === Math.fround(1 / 6)) return 'hardSigmoid'
  return slope === Math.fround(0.2) ? 'hardSigmoidKeras2' : undefined
}

const selu = { alpha: 1.6732632423543772, gamma: 1.0507009873554805 }

/** Clips between bounds, of which one may be missing. */
function clip(call: Call): Value {
  const { node } = call
  const bound = (index: number, name: string): Value | undefined => {
    if (call.opset >= 11) return call.given(index)
    return node.has(name) ? { ...scalar(node.float(name, 0)) } : undefined
  }
  const [low, high] = [bound(1, 'min'), bound(2, 'max')]
  let x = call.value(0)
  if (low) x = applied(call, [x, low], functions.Max as Function)
  return high ? applied(call, [x, high], functions.Min as Function) : x
}

const scalar = (value: number): Constant => ({
  kind: 'constant',
  name: 'constant',
  shape: [],
  dims: [],
  integer: Number.isInteger(value),
  trainable: false,
  values: Float64Array.of(value),
  read: async () => Float64Array.of(value),
  stored: undefined,
})

function pow(call: Call): Value {
  const [x, exponent] = [call.data(0), call.data(1)]
  if (x.kind === 'constant' && exponent.kind === 'constant') return foldedBy((a, b) => a ** b, [x, exponent])
  if (exponent.kind === 'constant' && exponent.values?.length === 1) {
    const [by] = numbersIn(exponent, 'the exponent') as [number]
    return elementwise(
      call.builder,
      [x],
      first((value) => power(value, by)),
    )
  }
  if (x.kind === 'constant' && x.values?.length === 1 && (x.values[0] as number) > 0) {
    const base = Math.log(x.values[0] as number)
    return elementwise(
      call.builder,
      [exponent],
      first((value) => value.mul(base).exp()),
    )
  }
  throw unsupported('the exponent must be one constant')
}

const exactGelu = (x: Symbolic) => x.mul(0.5).mul(erf(x.mul(Math.SQRT1_2)).add(1))

const fastGelu = (x: Symbolic) =>
  x.mul(0.5).mul(
    x
      .mul(x.square().mul(0.044715).add(1))
      .mul(Math.sqrt(2 / Math.PI))
      .tanh()
      .add(1),
  )

const gelu: Operator = (call) => {
  const run = call.node.text('approximate', 'none') === 'tanh' ? fastGelu : exactGelu
  return elementwise(call.builder, [call.computed(0)], first(run))
}

/** A function after a bias is added, if there is one: operators that onnxruntime makes of several when it optimizes a model. */
const biased =
  (run: (x: Symbolic) => Symbolic): Operator =>
  (call) => {
    const [x, bias] = [call.computed(0), call.given(1)]
    return elementwise(call.builder, [(bias ? plus(call, x, bias) : x) as Computed], first(run))
  }

const quickGelu: Operator = (call) => {
  const alpha = call.node.float('alpha', 1.702)
  return elementwise(
    call.builder,
    [call.computed(0)],
    first((x) => x.mul(x.mul(alpha).sigmoid())),
  )
}

function where(call: Call): Value {
  const all = [call.value(0), call.value(1), call.value(2)]
  const items = all.map(sizesIn)
  if (all.some(({ kind }) => kind === 'sizes') && items.every((each) => each !== undefined)) {
    const length = Math.max(...items.map((each) => (each as readonly Dim[]).length))
    const at = (k: number, index: number) => {
      const list = items[k] as readonly Dim[]
      return list[list.length === 1 ? 0 : index] as Dim
    }
    const chosen = Array.from({ length }, (_, index) => (at(0, index) !== 0 ? at(1, index) : at(2, index)))
    return { kind: 'sizes', scalar: all.every((each) => dimsOf(each).length === 0), items: chosen }
  }
  return chosenBy(call, ...(all as [Value, Value, Value]))
}

/** The first of two values where a condition holds, otherwise the second. */
export function chosenBy(call: Call, given: Value, one: Value, other: Value): Computed | Constant {
  return applied(call, [given, one, other], {
    fold: (condition, a, b) => (condition !== 0 ? (a as number) : (b as number)),
    run: (condition, a, b) => {
      if (isSymbolic(condition)) return condition.where(a as Operand, b as Operand)
      const like = [a, b].find(isSymbolic) as Symbolic
      const chosen = condition !== 0 ? a : b
      return isSymbolic(chosen) ? chosen.add(like.less(like)) : like.less(like).add(chosen as number)
    },
    ...([one, other].every((each) => dataOf(each).integer) && { integer: 'always' as const }),
  })
}

const floats = [1, 10, 11, 16]

function cast(call: Call): Value {
  const x = call.value(0)
  const to = call.node.int('to', 1)
  if (x.kind === 'sizes') return floats.includes(to) ? { ...x, real: true } : x
  if (x.kind === 'below' || x.kind === 'rows') return x
  const data = dataOf(x)
  if (to === 9)
    return applied(call, [x], { fold: (v) => (v !== 0 ? 1 : 0), run: one((v) => v.notEqual(0)), integer: 'always' })
  if (floats.includes(to)) {
    return data.kind === 'computed' ? { ...data, integer: false, whole: isWhole(data) } : { ...data, integer: false }
  }
  if (isWhole(data)) return { ...data, integer: true }
  if (data.kind === 'constant') return foldedBy(Math.trunc, [data], true)
  // Towards zero, without a gradient: how often 1 fits is no operation of the engine.
  throw unsupported('it rounds numbers')
}

export const elementwiseOperators: Readonly<Record<string, Operator>> = {
  ...Object.fromEntries(
    Object.entries(functions)
      .filter(([op]) => op !== 'Identity')
      .map(([op, { fold }]) => [op, fold.length === 1 ? unary(() => functions[op] as Function) : binary(op)]),
  ),
  ...Object.fromEntries(
    Object.entries(parametric)
      .filter(([op]) => op !== 'Affine' && op !== 'ScaledTanh')
      .map(([op, { alpha = 0, beta = 0, run, fold }]) => [
        op,
        unary(({ node }) => {
          const [a, b] = [node.float('alpha', alpha), node.float('beta', beta)]
          return { fold: (x) => fold(x as number, a, b), run: one((x) => run(x, a, b)) }
        }),
      ]),
  ),
  Max: binary('Max'),
  Min: binary('Min'),
  Ceil: rounding('Ceil'),
  Floor: rounding('Floor'),
  Round: rounding('Round'),
  Not: (call) => {
    const given = call.value(0)
    if (given.kind === 'below') {
      if (given.also) throw unsupported('of two conditions, of which one asks for values, neither may be negated')
      return { kind: 'below', left: given.right, right: add(given.left, 1) }
    }
    return applied(call, [given], functions.Not as Function)
  },
  Selu: unary(({ node }) => {
    const [a, g] = [node.float('alpha', selu.alpha), node.float('gamma', selu.gamma)]
    const { run, fold } = parametric.Elu as (typeof parametric)[string]
    return { fold: (x) => g * fold(x as number, a, 0), run: one((x) => run(x, a, 0).mul(g)) }
  }),
  Sum: (call) =>
    call.inputs.reduce((sum, each) => applied(call, [sum as Value, each as Value], functions.Add as Function)) as Value,
  Mean: (call) => {
    const sum = call.inputs.reduce((all, each) =>
      applied(call, [all as Value, each as Value], functions.Add as Function),
    )
    return applied(call, [sum as Value, scalar(1 / call.inputs.length)], functions.Mul as Function)
  },
  Clip: clip,
  Pow: pow,
  Gelu: gelu,
  BiasGelu: biased(exactGelu),
  FastGelu: biased(fastGelu),
  QuickGelu: quickGelu,
  Where: where,
  Cast: cast,
  CastLike: ({ inputs }) => inputs[0] as Value,
}

const between =
  (op: string) =>
  (call: Call, a: Value, b: Value): Computed | Constant =>
    applied(call, [a, b], functions[op] as Function)

// For other operators.
export const plus = between('Add')
export const minus = between('Sub')
export const times = between('Mul')
export const equal = between('Equal')
