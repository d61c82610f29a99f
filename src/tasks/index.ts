export * from './answerer/index.js'
export * from './captioner/index.js'
export * from './classifier/index.js'
export type { Writing } from './decoding/units.js'
export * from './forecaster/index.js'
export * from './generator/index.js'
export type { LabelWeights } from './shared/classWeights.js'
export type { ClassMeasures, ClassReport, Evaluation, MeanMeasures } from './shared/evaluation.js'
export type { Task } from './shared/task.js'
export type { TaskEpoch, TaskListeners, TaskProgress } from './shared/taskReports.js'
export type {
  ClassifierEpoch,
  ClassifierProgress,
  PredictTextsOptions,
  TrainClassifierOptions,
} from './shared/training.js'
export * from './tagger/index.js'
export * from './translator/index.js'
