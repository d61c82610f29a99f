export * from './answerer/index.js'
export * from './captioner/index.js'
export * from './classifier/index.js'
export type { TranslationEvaluation } from './decoding/scores.js'
export type { Writing } from './decoding/units.js'
export type { ForecastMeasures, GroupMeasures } from './forecastErrors.js'
export type { Forecast, ForecasterData, ForecastOptions, Forecasts } from './forecaster.js'
export { Forecaster } from './forecaster.js'
export type {
  Covariates,
  ForecasterOptions,
  TrainForecasterOptions,
} from './forecasterOptions.js'
export type { ForecastRow } from './forecastRows.js'
export type { TimeValue } from './forecastTime.js'
export * from './generator/index.js'
export type { Observation, Series } from './series.js'
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
export type { GroupValue } from './tracks.js'
export * from './translator/index.js'
