/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Everything that `import * as tf from 'seqloom/tfjs'` offers: TensorFlow.js's names, defaults and results.
 *
 * @module seqloom/tfjs
 */
import {
  type GatedCellLayerArgs,
  type GatedRNNLayerArgs,
  type RNNLayer,
  RNN as RNNOfCells,
} from './layers/recurrent.js'

export type { YieldEveryOptions } from './callbacks/index.js'
export {
  BaseCallback,
  Callback,
  CallbackList,
  type Callbacks,
  CustomCallback,
  type CustomCallbackArgs,
  callbacks,
  EarlyStopping,
  type EarlyStoppingCallbackArgs,
  History,
  type Logs,
} from './callbacks/index.js'
export * from './core.js'
export type { Storage } from './engine.js'
export type { Environment, Flag } from './globals.js'
export * as io from './io/index.js'
export * as layers from './layers/index.js'
export type { InputConfig } from './layers/input.js'
export { input } from './layers/input.js'
export type { InputSpecArgs } from './layers/inputSpec.js'
export { InputSpec } from './layers/inputSpec.js'
export type {
  BaseRNNLayerArgs,
  GatedCellLayerArgs,
  GatedRNNLayerArgs,
  RNNLayer,
  RNNLayerArgs,
  SimpleRNNCellLayerArgs,
  SimpleRNNLayerArgs,
  Stateful,
} from './layers/recurrent.js'
export type { SerializableClass } from './layers/registry.js'
export { registerClass } from './layers/registry.js'
export type { Node } from './layers/symbolic.js'
export { type Shape, SymbolicTensor } from './layers/symbolic.js'
export { LayerVariable } from './layers/variable.js'
export type { AlikeMethod, Rest } from './methods.js'
export { type ContainerArgs, LayersModel, type ModelEvaluateArgs, type ModelPredictArgs } from './models/model.js'
export { loadLayersModel, models } from './models/saving.js'
export { model, Sequential, type SequentialArgs, sequential } from './models/sequential.js'
export { node, type TensorBoardCallbackArgs } from './node.js'
export type { OptimizerConfig } from './optimizer.js'
export * as serialization from './serialization.js'
export type { SummaryFileWriter, TensorBoardCallback } from './tensorBoard.js'
export type { ModelCompileArgs } from './training/compile.js'
export type { Batches, DatasetLike, ModelFitDatasetArgs } from './training/dataset.js'
export type { ModelFitArgs } from './training/fit.js'
export type { NamedTensor } from './training/optimizerState.js'
export type { ClassWeight, ClassWeightMap } from './training/step.js'

export const RNN: typeof RNNOfCells = RNNOfCells
/** Any recurrent layer: programs say `tf.layers.lstm(…) as tf.RNN`. */
export type RNN = RNNLayer

// Names that programs use as types alone.
export type GRULayerArgs = GatedRNNLayerArgs
export type GRUCellLayerArgs = GatedCellLayerArgs
export type LSTMLayerArgs = GatedRNNLayerArgs
export type LSTMCellLayerArgs = GatedCellLayerArgs
/** Graph models cannot be read, so there is none. */
export type GraphModel = never
