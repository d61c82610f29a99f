// All of the entry that is no layer and no model.
import './methods.js'

export * as constraints from './constraints.js'
export * as data from './data/index.js'
export type {
  MemoryInfo,
  ProfileInfo,
  TensorContainer,
  TensorContainerArray,
  TensorContainerObject,
} from './engine.js'
export * from './globals.js'
export {
  type CustomGradient,
  customGrad,
  type GradSaveFunc,
  grad,
  grads,
  valueAndGrad,
  valueAndGrads,
  variableGrads,
} from './gradients/index.js'
export * as initializers from './initializers.js'
export * as linalg from './linalg.js'
export * as losses from './losses.js'
export { Reduction } from './losses.js'
export * as metrics from './metrics.js'
export { math, sumOutType, tensor_util, upcastType, version, version_core, version_layers } from './names.js'
export * from './ops/arithmetic.js'
export * from './ops/convolution.js'
export * from './ops/creation.js'
export * from './ops/gather.js'
export * from './ops/join.js'
export * from './ops/logic.js'
export * from './ops/matrix.js'
export * from './ops/normalize.js'
export * from './ops/pooling.js'
export * from './ops/random.js'
export {
  all,
  any,
  argMax,
  argMin,
  euclideanNorm,
  logSumExp,
  max,
  mean,
  min,
  moments,
  norm,
  prod,
  sum,
} from './ops/reduce.js'
export {
  cumprod,
  cumsum,
  inTopKAsync,
  lowerBound,
  searchSorted,
  setdiff1dAsync,
  topk,
  unique,
  upperBound,
} from './ops/search.js'
export { broadcastTo, cast, clone, ensureShape, expandDims, reshape, squeeze, tile, transpose } from './ops/shape.js'
export * from './ops/slice.js'
export * from './ops/unary.js'
export { Optimizer } from './optimizer.js'
export {
  AdadeltaOptimizer,
  AdagradOptimizer,
  AdamaxOptimizer,
  AdamOptimizer,
  MomentumOptimizer,
  RMSPropOptimizer,
  SGDOptimizer,
} from './optimizers.js'
export * as regularizers from './regularizers.js'
export {
  type NamedTensorMap,
  type Scalar,
  Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
  type Tensor5D,
  type Tensor6D,
  TensorBuffer,
  Variable,
} from './tensor.js'
export * as train from './train.js'
export * from './types.js'
export * from './unsupported.js'
export * as util from './util.js'
