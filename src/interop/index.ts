export type { FileOrBytes } from './format.js'
export type { LoadKerasOptions } from './keras/load.js'
export type { ToKerasOptions } from './keras/save.js'
export type { LoadKerasVocabularyOptions } from './keras/vocabulary.js'
export type { ToOnnxOptions } from './onnx/export/toOnnx.js'
export type { InputConstant, LoadOnnxOptions } from './onnx/import/options.js'
export type {
  LoadPyTorchOptions,
  PyTorchFileOptions,
  PyTorchMapping,
  PyTorchStackOptions,
  ToPyTorchOptions,
} from './pytorch.js'
export type { TorchConvolution } from './pytorchConvolutions.js'
export type { StackOptions } from './pytorchStack.js'
export type { PyTorchValue } from './pytorchValues.js'
export type { TfjsArtifacts, TfjsSource, TfjsWeightSpec } from './tfjs/artifacts.js'
export type { LoadWordVectorsOptions, WordVectors } from './wordVectors.js'

// A program that reads no foreign file does not load the code that does: each function loads its own at its first call.

/** A function of a module that is loaded at the first call. */
function lazily<Name extends keyof Module, Module>(name: Name, load: () => Promise<Module>): Module[Name] {
  const call = async (...args: unknown[]) => {
    const loaded = (await load())[name] as (...args: unknown[]) => Promise<unknown>
    return loaded(...args)
  }
  return call as Module[Name]
}

/** Loads a model of Keras. */
export const loadKeras = lazily('loadKeras', () => import('./keras/load.js'))

/** Writes a model for Keras. */
export const toKeras = lazily('toKeras', () => import('./keras/save.js'))

/** Loads the vocabulary of a layer of Keras as a tokenizer. */
export const loadKerasVocabulary = lazily('loadKerasVocabulary', () => import('./keras/vocabulary.js'))

/** Loads a model in ONNX's format. */
export const loadOnnx = lazily('loadOnnx', () => import('./onnx/import/load.js'))

/** Writes a model in ONNX's format. */
export const toOnnx = lazily('toOnnx', () => import('./onnx/export/toOnnx.js'))

/** Loads weights of PyTorch into a model, or makes a model of them. */
export const loadPyTorch = lazily('loadPyTorch', () => import('./pytorch.js'))

/** Reads what a file of PyTorch holds beside its tensors. */
export const loadPyTorchValues = lazily('loadPyTorchValues', () => import('./pytorchValues.js'))

/** Writes a model's weights for PyTorch. */
export const toPyTorch = lazily('toPyTorch', () => import('./pytorch.js'))

/** Loads a layers model of TensorFlow.js. */
export const loadTfjs = lazily('loadTfjs', () => import('./tfjs/load.js'))

/** Writes a layers model for TensorFlow.js. */
export const toTfjs = lazily('toTfjs', () => import('./tfjs/write.js'))

/** Loads word vectors of GloVe or word2vec. */
export const loadWordVectors = lazily('loadWordVectors', () => import('./wordVectors.js'))
