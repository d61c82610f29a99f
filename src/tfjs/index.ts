/// <reference lib="esnext.disposable" preserve="true" />
import { type RNNLayer, RNN as RNNOfCells } from './layers/recurrent.js'
import { registerClass } from './layers/registry.js'

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
export * as io from './io/index.js'
export * as layers from './layers/index.js'
export { input } from './layers/input.js'
export { registerClass } from './layers/registry.js'
export { type Shape, SymbolicTensor } from './layers/symbolic.js'
export { LayerVariable } from './layers/variable.js'
export { LayersModel } from './models/model.js'
export { loadLayersModel, models } from './models/saving.js'
export { model, Sequential, sequential } from './models/sequential.js'
export type { ModelCompileArgs } from './training/compile.js'
export type { ModelFitDatasetArgs } from './training/dataset.js'
export type { ModelFitArgs } from './training/fit.js'

export const RNN: typeof RNNOfCells = RNNOfCells
/** Any recurrent layer: programs say `tf.layers.lstm(…) as tf.RNN`. */
export type RNN = RNNLayer

/** Lets saved models contain classes of one's own. */
export const serialization = { registerClass }
