// The functions of tensors that are methods of tensors, too: `x.add(y)` is `add(x, y)`. This table is the one place that
// says which they are; the types of the methods follow from it.
import * as arithmetic from './ops/arithmetic.js'
import * as convolution from './ops/convolution.js'
import * as creation from './ops/creation.js'
import * as gather from './ops/gather.js'
import * as join from './ops/join.js'
import * as logic from './ops/logic.js'
import * as matrix from './ops/matrix.js'
import * as normalize from './ops/normalize.js'
import * as pooling from './ops/pooling.js'
import * as reduce from './ops/reduce.js'
import * as search from './ops/search.js'
import * as shape from './ops/shape.js'
import * as slice from './ops/slice.js'
import * as unary from './ops/unary.js'
import { Tensor } from './tensor.js'
import type { DataType, TensorLike } from './types.js'
import * as unsupported from './unsupported.js'

/** Methods whose result has the shape, or at least the rank, of the tensor. */
const alike = {
  ...unary,
  logicalNot: logic.logicalNot,
  isNaN: logic.isNaN,
  isFinite: logic.isFinite,
  isInf: logic.isInf,
  prelu: arithmetic.prelu,
  clone: shape.clone,
  cast: shape.cast,
  asType: shape.cast,
  toFloat: (x: Tensor) => shape.cast(x, 'float32'),
  toInt: (x: Tensor) => shape.cast(x, 'int32'),
  toBool: (x: Tensor) => shape.cast(x, 'bool'),
  transpose: shape.transpose,
  tile: shape.tile,
  slice: slice.slice,
  reverse: slice.reverse,
  pad: slice.pad,
  mirrorPad: slice.mirrorPad,
  gather: gather.gather,
  softmax: normalize.softmax,
  logSoftmax: normalize.logSoftmax,
  zerosLike: creation.zerosLike,
  onesLike: creation.onesLike,
  unsortedSegmentSum: gather.unsortedSegmentSum,
}

/** Methods whose result may have another rank. */
const others = {
  add: arithmetic.add,
  sub: arithmetic.sub,
  mul: arithmetic.mul,
  div: arithmetic.div,
  divNoNan: arithmetic.divNoNan,
  floorDiv: arithmetic.floorDiv,
  mod: arithmetic.mod,
  pow: arithmetic.pow,
  maximum: arithmetic.maximum,
  minimum: arithmetic.minimum,
  squaredDifference: arithmetic.squaredDifference,
  atan2: arithmetic.atan2,
  equal: logic.equal,
  notEqual: logic.notEqual,
  less: logic.less,
  lessEqual: logic.lessEqual,
  greater: logic.greater,
  greaterEqual: logic.greaterEqual,
  logicalAnd: logic.logicalAnd,
  logicalOr: logic.logicalOr,
  logicalXor: logic.logicalXor,
  where: (x: Tensor, condition: Tensor | TensorLike, other: Tensor | TensorLike): Tensor =>
    logic.where(condition, x, other),
  sum: reduce.sum,
  mean: reduce.mean,
  prod: reduce.prod,
  max: reduce.max,
  min: reduce.min,
  all: reduce.all,
  any: reduce.any,
  argMax: reduce.argMax,
  argMin: reduce.argMin,
  logSumExp: reduce.logSumExp,
  norm: reduce.norm,
  euclideanNorm: reduce.euclideanNorm,
  matMul: matrix.matMul,
  dot: matrix.dot,
  reshape: shape.reshape,
  reshapeAs: shape.reshapeAs,
  flatten: shape.flatten,
  asScalar: shape.asScalar,
  as1D: shape.as1D,
  as2D: shape.as2D,
  as3D: shape.as3D,
  as4D: shape.as4D,
  as5D: shape.as5D,
  expandDims: shape.expandDims,
  squeeze: shape.squeeze,
  broadcastTo: shape.broadcastTo,
  concat: (x: Tensor, others: Tensor | Tensor[], axis?: number): Tensor =>
    join.concat([x, ...(Array.isArray(others) ? others : [others])], axis),
  stack: (x: Tensor, others: Tensor | Tensor[], axis?: number): Tensor =>
    join.stack([x, ...(Array.isArray(others) ? others : [others])], axis),
  unstack: join.unstack,
  split: join.split,
  stridedSlice: slice.stridedSlice,
  oneHot: (x: Tensor, depth: number, onValue?: number, offValue?: number, dtype?: DataType): Tensor =>
    gather.oneHot(x, depth, onValue, offValue, dtype),
  topk: search.topk,
  unique: search.unique,
  cumsum: search.cumsum,
  cumprod: search.cumprod,
  batchNorm: normalize.batchNorm,
}

/** Methods of tfjs that are refused, and say what to use in their place. */
const refused = {
  avgPool: pooling.avgPool,
  maxPool: pooling.maxPool,
  pool: pooling.pool,
  conv1d: convolution.conv1d,
  conv2d: convolution.conv2d,
  conv2dTranspose: unsupported.conv2dTranspose,
  depthwiseConv2d: convolution.depthwiseConv2d,
  separableConv2d: convolution.separableConv2d,
  dilation2d: unsupported.dilation2d,
  batchToSpaceND: unsupported.batchToSpaceND,
  spaceToBatchND: unsupported.spaceToBatchND,
  depthToSpace: unsupported.depthToSpace,
  localResponseNormalization: unsupported.localResponseNormalization,
  fft: unsupported.fft,
  ifft: unsupported.ifft,
  rfft: unsupported.rfft,
  irfft: unsupported.irfft,
}

export type Rest<F> = F extends (x: never, ...rest: infer A) => unknown ? A : never

/** A function as a method that returns a tensor of the same kind. */
export type AlikeMethod<F> = <T extends Tensor>(this: T, ...rest: Rest<F>) => T

/** A function as a method. What it returns is what the program expects of it, by default any tensor. */
type Method<F> = F extends (...args: never) => infer R
  ? R extends Tensor
    ? <T extends Tensor = R>(...rest: Rest<F>) => T
    : (...rest: Rest<F>) => R
  : never

type AlikeMethods = { [K in keyof typeof alike]: AlikeMethod<(typeof alike)[K]> }
type OtherMethods = { [K in keyof typeof others]: Method<(typeof others)[K]> }

type RefusedMethods = typeof refused

/** The functions of tensors that are their methods, too. */
export interface TensorMethods extends AlikeMethods, OtherMethods, RefusedMethods {}

for (const [name, run] of Object.entries({ ...alike, ...others, ...refused })) {
  const method = function (this: Tensor, ...rest: never[]): unknown {
    this.throwIfDisposed()
    return (run as (x: Tensor, ...rest: never[]) => unknown)(this, ...rest)
  }
  Object.defineProperty(Tensor.prototype, name, { value: method, writable: true, configurable: true })
}
