/// <reference lib="esnext.disposable" preserve="true" />
/**
 * Everything that `import { … } from 'seqloom'` offers.
 *
 * @module seqloom
 */
export type { Callback, History, Logs, Training } from './callbacks/callback.js'
export * as callbacks from './callbacks/index.js'
export type { Cell } from './cells/cell.js'
export type { CellDefinition, RowShapes, StepResult } from './cells/defineCell.js'
export { defineCell } from './cells/defineCell.js'
export * as cells from './cells/index.js'
export * as constraints from './constraints/index.js'
export * as data from './data/streams.js'
export type {
  Data,
  DataSet,
  ForeignTensor,
  NestedArray,
  NestedNumbers,
  NumericArray,
  Streamed,
  Tensor,
  TensorLike,
  TensorOptions,
} from './data/tensor.js'
export { tensor } from './data/tensor.js'
export { distributed, type Ranks } from './distributed.js'
export { type Backend, backend, type Configuration, configure } from './engine.js'
export { AbortError, type ErrorCode, SeqloomError } from './errors.js'
export type { Dim, Shape } from './graph/shape.js'
export type {
  RowShape,
  ValuesOf,
  WeightDeclaration,
  WeightDeclarations,
  WeightOptions,
  WeightsOf,
} from './graph/trace/declare.js'
export type { LayerContext } from './graph/trace/function.js'
export type {
  AxisOptions,
  MatmulOptions,
  Operand,
  Parts,
  ReduceOptions,
  SoftmaxOptions,
} from './graph/trace/operands.js'
export * as ops from './graph/trace/ops.js'
export type { Size } from './graph/trace/size.js'
export type { SymbolicValue } from './graph/trace/symbolic.js'
export type { WindowPadding, Windows } from './graph/trace/windows.js'
export * as initializers from './initializers/index.js'
export * as inspect from './inspect/index.js'
export * as interop from './interop/index.js'
export type { DefinedLayer, LayerDefinition } from './layers/defineLayer.js'
export { defineLayer } from './layers/defineLayer.js'
export * as layers from './layers/index.js'
export type { InputSettings } from './layers/input.js'
export { type InputOptions, input } from './layers/input.js'
export type { AnyLayer, Layer, LayerOptions, Outputs, SymbolicTensor } from './layers/layer.js'
export type { LayerConfig } from './layers/serialize.js'
export type { Weight } from './layers/weight.js'
export * as losses from './losses/index.js'
export * as metrics from './metrics/index.js'
export type { AnyMetric } from './model/compile.js'
export type {
  BatchOptions,
  BeamSearchOptions,
  CompileOptions,
  Cotangents,
  EvaluateOptions,
  EvaluateSyncOptions,
  FitOptions,
  Functional,
  FunctionalOptions,
  GenerateOptions,
  GradientOptions,
  Gradients,
  Hypothesis,
  MemoryOptions,
  MemoryUse,
  Model,
  ModelConfig,
  Prediction,
  PredictOptions,
  PredictSyncOptions,
  QuantizeOptions,
  Scores,
  Sequential,
  SequentialOptions,
  Session,
  SessionOptions,
  TrainBatchOptions,
} from './model/index.js'
export { loadModel, model, modelFromJSON, sequential } from './model/index.js'
export type { ModelOptimizer } from './model/optimizer.js'
export type { SaveOptions } from './model/save.js'
export * as optimizers from './optimizers/index.js'
export * as regularizers from './regularizers/index.js'
export * as search from './search/index.js'
export { type LearningRateTest, type LrFinderOptions, lrFinder } from './search/lrFinder.js'
export * as tasks from './tasks/index.js'
export * as text from './text/index.js'
