export type { FileOrBytes } from './format.js'
export { loadKeras } from './keras/load.js'
export { type ToOnnxOptions, toOnnx } from './onnx/export/toOnnx.js'
export { loadOnnx } from './onnx/import/load.js'
export {
  type LoadPyTorchOptions,
  loadPyTorch,
  type PyTorchMapping,
  type ToPyTorchOptions,
  toPyTorch,
} from './pytorch.js'
export { type LoadWordVectorsOptions, loadWordVectors, type WordVectors } from './wordVectors.js'
