// How gradients go back through functions of each element. Where a function has no slope, as `abs` at 0, it is TensorFlow.js's.
import { add, div, divNoNan, mul, pow, sub } from '../ops/arithmetic.js'
import { onesLike, zerosLike } from '../ops/creation.js'
import { greater, greaterEqual, less, lessEqual, logicalAnd, where } from '../ops/logic.js'
import { sum } from '../ops/reduce.js'
import { cast, reshape } from '../ops/shape.js'
import { cos, cosh, exp, floor, log, neg, rsqrt, sigmoid, sin, sinh, sqrt, square, step } from '../ops/unary.js'
import { Tensor } from '../tensor.js'
import type { Rule } from './tape.js'

const shapeOf = (value: unknown): readonly number[] => (value instanceof Tensor ? value.shape : [])

/** The gradient of something that was repeated: the sum over the repetitions. */
export function summedTo(dy: Tensor, shape: readonly number[]): Tensor {
  const missing = dy.rank - shape.length
  const axes = dy.shape.flatMap((dim, axis) =>
    axis < missing || (shape[axis - missing] === 1 && dim !== 1) ? [axis] : [],
  )
  return reshape(axes.length > 0 ? sum(dy, axes) : dy, shape as number[])
}

/** A rule for a function of one tensor: its slope from the tensor and the result, times the gradient. */
const slope =
  (f: (x: Tensor, y: Tensor) => Tensor): Rule =>
  ([dy], [x], [y]) => [() => mul(dy as Tensor, f(cast(x, 'float32'), y as Tensor))]

/** A rule for a function that is flat wherever it has a slope. */
const flat: Rule = (_, [x]) => [() => zerosLike(cast(x as Tensor, 'float32'))]

/** A rule for a function of two tensors: the gradients of each, before sums over what was repeated. */
const pair =
  (left: (dy: Tensor, a: Tensor, b: Tensor) => Tensor, right: (dy: Tensor, a: Tensor, b: Tensor) => Tensor): Rule =>
  ([dy], [a, b]) => [
    () => summedTo(left(dy as Tensor, a, b), shapeOf(a)),
    () => summedTo(right(dy as Tensor, a, b), shapeOf(b)),
  ]

const chosen = (condition: Tensor, dy: Tensor): Tensor => mul(dy, cast(condition, 'float32'))

const scale = 1.0507009873554805
const scaleAlpha = 1.7580993408473768

export const unaryRules: Readonly<Record<string, Rule>> = {
  abs: slope((x) => step(x, -1)),
  acos: slope((x) => neg(rsqrt(sub(1, square(x))))),
  acosh: slope((x) => rsqrt(sub(square(x), 1))),
  asin: slope((x) => rsqrt(sub(1, square(x)))),
  asinh: slope((x) => rsqrt(add(1, square(x)))),
  atan: slope((x) => div(1, add(1, square(x)))),
  atanh: slope((x) => div(1, sub(1, square(x)))),
  cos: slope((x) => neg(sin(x))),
  cosh: slope((x) => sinh(x)),
  exp: slope((_, y) => y),
  expm1: slope((x) => exp(x)),
  log: slope((x) => div(1, x)),
  log1p: slope((x) => div(1, add(1, x))),
  neg: ([dy]) => [() => neg(dy as Tensor)],
  reciprocal: slope((x) => neg(div(1, square(x)))),
  rsqrt: slope((x) => div(-0.5, mul(x, sqrt(x)))),
  sin: slope((x) => cos(x)),
  sinh: slope((x) => cosh(x)),
  sqrt: slope((_, y) => div(0.5, y)),
  square: slope((x) => mul(2, x)),
  tan: slope((x) => div(1, square(cos(x)))),
  erf: slope((x) => mul(2 / Math.sqrt(Math.PI), exp(neg(square(x))))),
  elu: slope((x, y) => where(greaterEqual(x, 0), onesLike(x), add(y, 1))),
  selu: slope((x) => where(greater(x, 0), mul(scale, onesLike(x)), mul(scaleAlpha, exp(x)))),
  relu: slope((x) => step(x)),
  relu6: slope((x) => chosen(lessEqual(x, 6), step(x))),
  sigmoid: slope((_, y) => mul(y, sub(1, y))),
  logSigmoid: slope((x) => sigmoid(neg(x))),
  softplus: slope((x) => sigmoid(x)),
  tanh: slope((_, y) => sub(1, square(y))),
  leakyRelu: ([dy], [x, alpha = 0.2]) => [() => where(greater(x, 0), dy as Tensor, mul(alpha, dy as Tensor))],
  clipByValue: ([dy], [x, least, most]) => [
    () => chosen(logicalAnd(greaterEqual(x, least), lessEqual(x, most)), dy as Tensor),
  ],
  clone: ([dy]) => [() => dy as Tensor],
  cast: ([dy]) => [() => dy as Tensor],
  ceil: flat,
  floor: flat,
  round: flat,
  sign: flat,
  step: flat,
  zerosLike: flat,
  onesLike: flat,
}

export const binaryRules: Readonly<Record<string, Rule>> = {
  add: pair(
    (dy) => dy,
    (dy) => dy,
  ),
  sub: pair(
    (dy) => dy,
    (dy) => neg(dy),
  ),
  mul: pair(
    (dy, _, b) => mul(dy, b),
    (dy, a) => mul(dy, a),
  ),
  div: pair(
    (dy, _, b) => div(dy, cast(b, 'float32')),
    (dy, a, b) => neg(div(mul(dy, a), square(cast(b, 'float32')))),
  ),
  divNoNan: pair(
    (dy, _, b) => divNoNan(dy, cast(b, 'float32')),
    (dy, a, b) => neg(divNoNan(mul(dy, a), square(cast(b, 'float32')))),
  ),
  mod: pair(
    (dy) => dy,
    (dy, a, b) => neg(mul(dy, floor(div(cast(a, 'float32'), b)))),
  ),
  pow: pair(
    (dy, a, b) => mul(dy, mul(cast(b, 'float32'), pow(a, sub(b, 1)))),
    (dy, a, b) => mul(dy, mul(pow(a, b), where(greater(a, 0), log(cast(a, 'float32')), 0))),
  ),
  maximum: pair(
    (dy, a, b) => chosen(greaterEqual(a, b), dy),
    (dy, a, b) => chosen(less(a, b), dy),
  ),
  minimum: pair(
    (dy, a, b) => chosen(lessEqual(a, b), dy),
    (dy, a, b) => chosen(greater(a, b), dy),
  ),
  squaredDifference: pair(
    (dy, a, b) => mul(dy, mul(2, sub(a, b))),
    (dy, a, b) => mul(dy, mul(2, sub(b, a))),
  ),
  atan2: pair(
    (dy, a, b) => mul(dy, div(b, add(square(a), square(b)))),
    (dy, a, b) => neg(mul(dy, div(a, add(square(a), square(b))))),
  ),
  prelu: pair(
    (dy, x, alpha) => where(greater(x, 0), dy, mul(dy, alpha)),
    (dy, x) => where(greater(x, 0), 0, mul(dy, x)),
  ),
  addN: ([dy], [list]) => (list as Tensor[]).map(() => () => dy as Tensor),
  where: ([dy], [condition, a, b]) => [
    undefined,
    () => summedTo(where(condition, dy as Tensor, 0), shapeOf(a)),
    () => summedTo(where(condition, 0, dy as Tensor), shapeOf(b)),
  ],
}
