export type { CompileOptions } from './compile.js'
export type { ModelConfig } from './config.js'
export { modelFromJSON } from './fromJson.js'
export { Functional, type FunctionalOptions, model } from './functional.js'
export type { GenerateOptions } from './generate.js'
export type { Cotangents, GradientOptions, Gradients } from './gradients.js'
export { type LoadedFolder, loadFolder, loadModel } from './load.js'
export type { MemoryOptions, MemoryUse } from './memory.js'
export type { Model, Prediction, QuantizeOptions } from './model.js'
export type {
  BatchOptions,
  EvaluateOptions,
  EvaluateSyncOptions,
  FitOptions,
  PredictOptions,
  PredictSyncOptions,
  Scores,
  TrainBatchOptions,
} from './runOptions.js'
export { type FolderContents, type SaveOptions, saveFolder } from './save.js'
export type { BeamSearchOptions, Hypothesis } from './search.js'
export { Sequential, type SequentialOptions, sequential } from './sequential.js'
export type { Session, SessionOptions } from './session.js'
