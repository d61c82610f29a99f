export type {
  ClassifierEpoch,
  ClassifierProgress,
  PredictTextsOptions,
  TextClassifierOptions,
  TrainClassifierOptions,
} from './classifierOptions.js'
export type { Evaluation } from './evaluation.js'
export type {
  GenerateTextOptions,
  GeneratorEpoch,
  GeneratorProgress,
  TextGeneratorOptions,
  TokenUnit,
  TrainGeneratorOptions,
} from './generatorOptions.js'
export type { LabelledText } from './rows.js'
export type { Prediction } from './textClassifier.js'
export { TextClassifier } from './textClassifier.js'
export { TextGenerator } from './textGenerator.js'
