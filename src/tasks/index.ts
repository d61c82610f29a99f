export type { AttentionMap } from './attentionMaps.js'
export { type Caption, type CaptionEvaluation, Captioner } from './captioner.js'
export type { CaptionerOptions, CaptionOptions, TrainCaptionerOptions } from './captionerOptions.js'
export type { CaptionRow } from './captionRows.js'
export type {
  ClassifierEpoch,
  ClassifierProgress,
  PredictTextsOptions,
  TextClassifierOptions,
  TrainClassifierOptions,
} from './classifierOptions.js'
export type { LabelWeights } from './classWeights.js'
export type { ClassMeasures, ClassReport, Evaluation, MeanMeasures } from './evaluation.js'
export type { Forecast, ForecasterData, ForecastOptions, Forecasts } from './forecaster/index.js'
export { Forecaster } from './forecaster/index.js'
export type { ForecastMeasures, GroupMeasures } from './forecaster/measures.js'
export type {
  Covariates,
  ForecasterOptions,
  TrainForecasterOptions,
} from './forecaster/options.js'
export type { ForecastRow } from './forecaster/rows.js'
export type { Observation, Series } from './forecaster/series.js'
export type { TimeValue } from './forecaster/time.js'
export type { GroupValue } from './forecaster/tracks.js'
export type {
  GenerateTextOptions,
  GeneratorEpoch,
  GeneratorProgress,
  TextGeneratorOptions,
  TokenUnit,
  TrainGeneratorOptions,
} from './generatorOptions.js'
export type { Annotations, Image, Picture } from './images.js'
export type { PatchGrid } from './patches.js'
export type {
  Answer,
  AnswerEvaluation,
  QuestionAnswererOptions,
  TrainAnswererOptions,
} from './questionAnswerer.js'
export { QuestionAnswerer } from './questionAnswerer.js'
export type { LabelledText } from './rows.js'
export type {
  SequenceTaggerOptions,
  TaggedTokens,
  TaggingEvaluation,
  TagPrediction,
} from './sequenceTagger.js'
export { SequenceTagger } from './sequenceTagger.js'
export type { AnsweredQuestion, StoryQuestion } from './stories.js'
export type { TaskEpoch, TaskListeners, TaskProgress } from './taskReports.js'
export type { Prediction } from './textClassifier.js'
export { TextClassifier } from './textClassifier.js'
export { type GeneratorEvaluation, TextGenerator } from './textGenerator.js'
export type { TranslationRow } from './translationRows.js'
export type { TranslationEvaluation } from './translationScores.js'
export { type Alignment, type Translation, Translator } from './translator.js'
export type {
  TrainTranslatorOptions,
  TranslateOptions,
  TranslatorEpoch,
  TranslatorOptions,
  TranslatorProgress,
} from './translatorOptions.js'
export type { Writing } from './units.js'
