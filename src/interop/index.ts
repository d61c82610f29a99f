export type { FileOrBytes } from './format.js'
export { type LoadKerasOptions, loadKeras } from './keras/load.js'
export { type ToKerasOptions, toKeras } from './keras/save.js'
export { type LoadKerasVocabularyOptions, loadKerasVocabulary } from './keras/vocabulary.js'
export { type ToOnnxOptions, toOnnx } from './onnx/export/toOnnx.js'
export { loadOnnx } from './onnx/import/load.js'
export type { InputConstant, LoadOnnxOptions } from './onnx/import/options.js'
export {
  type LoadPyTorchOptions,
  loadPyTorch,
  type PyTorchFileOptions,
  type PyTorchMapping,
  type PyTorchStackOptions,
  type ToPyTorchOptions,
  toPyTorch,
} from './pytorch.js'
export type { StackOptions } from './pytorchStack.js'
export type { TfjsArtifacts, TfjsSource, TfjsWeightSpec } from './tfjs/artifacts.js'
export { loadTfjs } from './tfjs/load.js'
export { toTfjs } from './tfjs/write.js'
export { type LoadWordVectorsOptions, loadWordVectors, type WordVectors } from './wordVectors.js'
