export type {
  Answer,
  AnswerEvaluation,
  QuestionAnswererOptions,
  TrainAnswererOptions,
} from './answerer/index.js'
export { QuestionAnswerer } from './answerer/index.js'
export type { AnsweredQuestion, StoryQuestion } from './answerer/stories.js'
export type { AttentionMap } from './captioner/attentionMaps.js'
export type { Annotations, Image, Picture } from './captioner/images.js'
export { type Caption, type CaptionEvaluation, Captioner } from './captioner/index.js'
export type { CaptionerOptions, CaptionOptions, TrainCaptionerOptions } from './captioner/options.js'
export type { PatchGrid } from './captioner/patches.js'
export type { CaptionRow } from './captioner/rows.js'
export type { Prediction } from './classifier/index.js'
export { TextClassifier } from './classifier/index.js'
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
export { type GeneratorEvaluation, TextGenerator } from './generator/index.js'
export type {
  GenerateTextOptions,
  GeneratorEpoch,
  GeneratorProgress,
  TextGeneratorOptions,
  TokenUnit,
  TrainGeneratorOptions,
} from './generator/options.js'
export type { Observation, Series } from './series.js'
export type { LabelWeights } from './shared/classWeights.js'
export type { ClassMeasures, ClassReport, Evaluation, MeanMeasures } from './shared/evaluation.js'
export type { LabelledText } from './shared/rows.js'
export type { TaskEpoch, TaskListeners, TaskProgress } from './shared/taskReports.js'
export type {
  ClassifierEpoch,
  ClassifierProgress,
  PredictTextsOptions,
  TextClassifierOptions,
  TrainClassifierOptions,
} from './shared/training.js'
export type {
  SequenceTaggerOptions,
  TaggedTokens,
  TaggingEvaluation,
  TagPrediction,
} from './tagger/index.js'
export { SequenceTagger } from './tagger/index.js'
export type { GroupValue } from './tracks.js'
export { type Alignment, type Translation, Translator } from './translator/index.js'
export type {
  TrainTranslatorOptions,
  TranslateOptions,
  TranslatorEpoch,
  TranslatorOptions,
  TranslatorProgress,
} from './translator/options.js'
export type { TranslationRow } from './translator/rows.js'
