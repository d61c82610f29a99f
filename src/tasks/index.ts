export type {
  ClassifierEpoch,
  ClassifierProgress,
  Evaluation,
  LabelledText,
  PredictTextsOptions,
  Prediction,
  TextClassifierOptions,
  TrainClassifierOptions,
} from './textClassifier.js'
export { TextClassifier } from './textClassifier.js'
