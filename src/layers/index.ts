export { gru as gruCell } from '../cells/gru.js'
export { lstm as lstmCell } from '../cells/lstm.js'
export { simpleRNN as simpleRNNCell } from '../cells/simpleRnn.js'
export { type StackedCellsOptions, stackedRNNCells } from '../cells/stacked.js'
export { type ActivationOptions, activation } from './activation.js'
export type { ActivationName, CellActivation } from './activations.js'
export {
  type AdditiveAttentionOptions,
  type AttentionBaseOptions,
  type AttentionOptions,
  additiveAttention,
  attention,
  type MultiHeadAttentionOptions,
  multiHeadAttention,
  type WithScores,
} from './attention.js'
export {
  type BidirectionalOptions,
  type BothWithState,
  type BothWithStates,
  bidirectional,
  type MergeMode,
} from './bidirectional.js'
export { type DenseOptions, dense } from './dense.js'
export { type DoublyStochasticPenaltyOptions, doublyStochasticPenalty } from './doublyStochastic.js'
export { type DropoutOptions, dropout } from './dropout.js'
export { type EmbeddingOptions, embedding } from './embedding.js'
export { type GRUOptions, gru } from './gru.js'
export { lastStep } from './lastStep.js'
export type { AnyLayer, ApplyOptions, Layer, LayerOptions, SymbolicTensor } from './layer.js'
export { type LayerNormalizationOptions, layerNormalization } from './layerNormalization.js'
export { type LSTMOptions, lstm } from './lstm.js'
export { type MaskingOptions, masking } from './masking.js'
export {
  add,
  average,
  type ConcatenateOptions,
  concatenate,
  maximum,
  minimum,
  multiply,
  subtract,
} from './merge.js'
export { globalAveragePooling1d, globalMaxPooling1d, type PoolingOptions } from './pooling.js'
export type { RecurrenceOptions, WithState, WithStates } from './recurrence.js'
export type { RecurrentOptions } from './recurrent.js'
export {
  flatten,
  type RepeatVectorOptions,
  type ReshapeOptions,
  repeatVector,
  reshape,
} from './reshape.js'
export { type RNNOptions, rnn } from './rnn.js'
export { type SimpleRNNOptions, simpleRNN } from './simpleRnn.js'
export { type StepwiseLayer, type TimeDistributedOptions, timeDistributed } from './timeDistributed.js'
