// All of the entry that is no layer and no model.
export type {
  MemoryInfo,
  ProfileInfo,
  TensorContainer,
  TensorContainerArray,
  TensorContainerObject,
} from './engine.js'
export * from './ops/creation.js'
export {
  disposeVariables,
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
  TracedTensor,
  Variable,
} from './tensor.js'
export * from './types.js'
