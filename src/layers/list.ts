// The one list of layers: their factories, for users, and their classes, for saved models. A layer is one file plus its
// lines here.
import { Activation } from './activation.js'
import { AlphaDropout } from './alphaDropout.js'
import { AdditiveAttention, Attention, MultiHeadAttention } from './attention.js'
import { AveragePooling1D } from './averagePooling1d.js'
import { AveragePooling2D } from './averagePooling2d.js'
import { AveragePooling3D } from './averagePooling3d.js'
import { BatchNormalization } from './batchNormalization.js'
import { Bidirectional } from './bidirectional.js'
import { Conv1D } from './conv1d.js'
import { Conv1DTranspose } from './conv1dTranspose.js'
import { Conv2D } from './conv2d.js'
import { Conv2DTranspose } from './conv2dTranspose.js'
import { Conv3D } from './conv3d.js'
import { Conv3DTranspose } from './conv3dTranspose.js'
import { ConvLSTM1D } from './convLstm1d.js'
import { ConvLSTM2D } from './convLstm2d.js'
import { CRF } from './crf.js'
import { Cropping1D } from './cropping1d.js'
import { Cropping2D } from './cropping2d.js'
import { DefinedLayer } from './defineLayer.js'
import { Dense } from './dense.js'
import { DepthwiseConv1D } from './depthwiseConv1d.js'
import { DepthwiseConv2D } from './depthwiseConv2d.js'
import { Dot } from './dot.js'
import { DoublyStochasticPenalty } from './doublyStochastic.js'
import { Dropout } from './dropout.js'
import { Embedding } from './embedding.js'
import { GaussianDropout } from './gaussianDropout.js'
import { GaussianNoise } from './gaussianNoise.js'
import { GroupNormalization } from './groupNormalization.js'
import { GRU } from './gru.js'
import { Lambda } from './lambda.js'
import { LastStep } from './lastStep.js'
import type { LayerClass } from './layer.js'
import { LayerNormalization } from './layerNormalization.js'
import { LSTM } from './lstm.js'
import { Masking } from './masking.js'
import { MaxPooling1D } from './maxPooling1d.js'
import { MaxPooling2D } from './maxPooling2d.js'
import { MaxPooling3D } from './maxPooling3d.js'
import { Add, Average, Concatenate, Maximum, Minimum, Multiply, Subtract } from './merge.js'
import { Normalization } from './normalization.js'
import { Permute } from './permute.js'
import { GlobalAveragePooling1D, GlobalMaxPooling1D } from './pooling.js'
import { PReLU } from './prelu.js'
import { CategoryEncoding } from './preprocessing/categoryEncoding.js'
import { Discretization } from './preprocessing/discretization.js'
import { HashedCrossing } from './preprocessing/hashedCrossing.js'
import { Hashing } from './preprocessing/hashing.js'
import { IntegerLookup } from './preprocessing/integerLookup.js'
import { StringLookup } from './preprocessing/stringLookup.js'
import { TextVectorization } from './preprocessing/textVectorization.js'
import { Flatten, RepeatVector, Reshape } from './reshape.js'
import { RNN } from './rnn.js'
import { RootMeanSquareNormalization } from './rootMeanSquareNormalization.js'
import { SeparableConv1D } from './separableConv1d.js'
import { SeparableConv2D } from './separableConv2d.js'
import { SimpleRNN } from './simpleRnn.js'
import { SpatialDropout1D } from './spatialDropout1d.js'
import {
  GlobalAveragePooling2D,
  GlobalAveragePooling3D,
  GlobalMaxPooling2D,
  GlobalMaxPooling3D,
} from './spatialPooling.js'
import { TimeDistributed } from './timeDistributed.js'
import { TransducerJoint } from './transducerJoint.js'
import { UnitNormalization } from './unitNormalization.js'
import { UpSampling1D } from './upSampling1d.js'
import { UpSampling2D } from './upSampling2d.js'
import { ZeroPadding1D } from './zeroPadding1d.js'
import { ZeroPadding2D } from './zeroPadding2d.js'

export { gru as gruCell } from '../cells/gru.js'
export { lstm as lstmCell } from '../cells/lstm.js'
export { simpleRNN as simpleRNNCell } from '../cells/simpleRnn.js'
export { type StackedCellsOptions, stackedRNNCells } from '../cells/stacked.js'
export type { Activation } from './activation.js'
export { type ActivationOptions, activation } from './activation.js'
export type { ActivationName, CellActivation } from './activations.js'
export type { AlphaDropout } from './alphaDropout.js'
export { alphaDropout } from './alphaDropout.js'
export type { AdditiveAttention, Attention, MultiHeadAttention } from './attention.js'
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
export type { AveragePooling1D } from './averagePooling1d.js'
export { averagePooling1d } from './averagePooling1d.js'
export type { AveragePooling2D } from './averagePooling2d.js'
export { averagePooling2d } from './averagePooling2d.js'
export type { AveragePooling3D } from './averagePooling3d.js'
export { averagePooling3d } from './averagePooling3d.js'
export type { BatchNormalization } from './batchNormalization.js'
export { type BatchNormalizationOptions, batchNormalization } from './batchNormalization.js'
export type { Bidirectional } from './bidirectional.js'
export {
  type BidirectionalOptions,
  type BothWithState,
  type BothWithStates,
  bidirectional,
  type MergeMode,
} from './bidirectional.js'
export type { Conv1D } from './conv1d.js'
export { conv1d } from './conv1d.js'
export type { Conv1DTranspose } from './conv1dTranspose.js'
export { conv1dTranspose } from './conv1dTranspose.js'
export type { Conv2D } from './conv2d.js'
export { type Conv2DOptions, conv2d } from './conv2d.js'
export type { Conv2DTranspose } from './conv2dTranspose.js'
export { conv2dTranspose } from './conv2dTranspose.js'
export type { Conv3D } from './conv3d.js'
export { conv3d } from './conv3d.js'
export type { Conv3DTranspose } from './conv3dTranspose.js'
export { conv3dTranspose } from './conv3dTranspose.js'
export type { ConvLSTMOptions } from './convLstm.js'
export type { ConvLSTM1D } from './convLstm1d.js'
export { convLstm1d } from './convLstm1d.js'
export type { ConvLSTM2D } from './convLstm2d.js'
export { convLstm2d } from './convLstm2d.js'
export type { ConvolutionOptions } from './convolution.js'
export type { ConvTransposeOptions } from './convTranspose.js'
export type { CRF } from './crf.js'
export { type CRFOptions, crf, type TagOrEdge, type WithPaths } from './crf.js'
export type { Cropping1D } from './cropping1d.js'
export { type Cropping1DOptions, cropping1d } from './cropping1d.js'
export type { Cropping2D } from './cropping2d.js'
export { type Cropping2DOptions, cropping2d } from './cropping2d.js'
export type { Dense } from './dense.js'
export { type DenseOptions, dense } from './dense.js'
export type { DepthwiseConv1D } from './depthwiseConv1d.js'
export { depthwiseConv1d } from './depthwiseConv1d.js'
export type { DepthwiseConv2D } from './depthwiseConv2d.js'
export { depthwiseConv2d } from './depthwiseConv2d.js'
export type { DepthwiseConvOptions } from './depthwiseConvolution.js'
export type { Dot } from './dot.js'
export { type DotOptions, dot } from './dot.js'
export type { DoublyStochasticPenalty } from './doublyStochastic.js'
export { type DoublyStochasticPenaltyOptions, doublyStochasticPenalty } from './doublyStochastic.js'
export type { Dropout } from './dropout.js'
export { type DropoutOptions, dropout } from './dropout.js'
export type { Embedding } from './embedding.js'
export { type EmbeddingOptions, embedding } from './embedding.js'
export type { Borders, BothEnds } from './ends.js'
export type { GaussianDropout } from './gaussianDropout.js'
export { type GaussianDropoutOptions, gaussianDropout } from './gaussianDropout.js'
export type { GaussianNoise } from './gaussianNoise.js'
export { type GaussianNoiseOptions, gaussianNoise } from './gaussianNoise.js'
export type { GroupNormalization } from './groupNormalization.js'
export { type GroupNormalizationOptions, groupNormalization } from './groupNormalization.js'
export type { GRU } from './gru.js'
export { type GRUOptions, gru } from './gru.js'
export type { InnerModel } from './inner.js'
export type { Lambda } from './lambda.js'
export { type LambdaOptions, lambda } from './lambda.js'
export type { LastStep } from './lastStep.js'
export { lastStep } from './lastStep.js'
export type { AnyLayer, ApplyOptions, Layer, LayerOptions, SymbolicTensor } from './layer.js'
export type { LayerNormalization } from './layerNormalization.js'
export { type LayerNormalizationOptions, layerNormalization } from './layerNormalization.js'
export type { LSTM } from './lstm.js'
export { type LSTMOptions, lstm } from './lstm.js'
export type { Masking } from './masking.js'
export { type MaskingOptions, masking } from './masking.js'
export type { MaxPooling1D } from './maxPooling1d.js'
export { maxPooling1d } from './maxPooling1d.js'
export type { MaxPooling2D } from './maxPooling2d.js'
export { maxPooling2d } from './maxPooling2d.js'
export type { MaxPooling3D } from './maxPooling3d.js'
export { maxPooling3d } from './maxPooling3d.js'
export type { Concatenate, Merge } from './merge.js'
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
export type { Normalization } from './normalization.js'
export { type NormalizationOptions, normalization } from './normalization.js'
export type { Permute } from './permute.js'
export { type PermuteOptions, permute } from './permute.js'
export type { GlobalAveragePooling1D, GlobalMaxPooling1D } from './pooling.js'
export { globalAveragePooling1d, globalMaxPooling1d, type PoolingOptions } from './pooling.js'
export type { PReLU } from './prelu.js'
export { type PReLUOptions, prelu } from './prelu.js'
export type { CategoryEncoding } from './preprocessing/categoryEncoding.js'
export { type CategoryEncodingOptions, categoryEncoding } from './preprocessing/categoryEncoding.js'
export type { Discretization } from './preprocessing/discretization.js'
export { type DiscretizationOptions, discretization } from './preprocessing/discretization.js'
export type { HashedCrossing } from './preprocessing/hashedCrossing.js'
export { type HashedCrossingOptions, hashedCrossing } from './preprocessing/hashedCrossing.js'
export type { Hashing } from './preprocessing/hashing.js'
export { type HashingOptions, hashing } from './preprocessing/hashing.js'
export type { IntegerLookup } from './preprocessing/integerLookup.js'
export { type IntegerLookupOptions, integerLookup } from './preprocessing/integerLookup.js'
export type { NestedTexts } from './preprocessing/items.js'
export type { LookupOptions } from './preprocessing/lookup.js'
export type { PreprocessingData } from './preprocessing/preprocessing.js'
export type { StringLookup } from './preprocessing/stringLookup.js'
export { type StringLookupOptions, stringLookup } from './preprocessing/stringLookup.js'
export type { TextVectorization } from './preprocessing/textVectorization.js'
export { type TextVectorizationOptions, textVectorization } from './preprocessing/textVectorization.js'
export type { Recurrence, RecurrenceOptions, WithState, WithStates } from './recurrence.js'
export type { RecurrentOptions } from './recurrent.js'
export type { Flatten, RepeatVector, Reshape } from './reshape.js'
export {
  flatten,
  type RepeatVectorOptions,
  type ReshapeOptions,
  repeatVector,
  reshape,
} from './reshape.js'
export type { RNN } from './rnn.js'
export { type RNNOptions, rnn } from './rnn.js'
export type { RootMeanSquareNormalization } from './rootMeanSquareNormalization.js'
export { type RootMeanSquareNormalizationOptions, rootMeanSquareNormalization } from './rootMeanSquareNormalization.js'
export type { SeparableConv1D } from './separableConv1d.js'
export { separableConv1d } from './separableConv1d.js'
export type { SeparableConv2D } from './separableConv2d.js'
export { type SeparableConv2DOptions, separableConv2d } from './separableConv2d.js'
export type { SeparableConvOptions } from './separableConvolution.js'
export type { SimpleRNN } from './simpleRnn.js'
export { type SimpleRNNOptions, simpleRNN } from './simpleRnn.js'
export type { SpatialDropout1D } from './spatialDropout1d.js'
export { type SpatialDropout1DOptions, spatialDropout1d } from './spatialDropout1d.js'
export type {
  GlobalAveragePooling2D,
  GlobalAveragePooling3D,
  GlobalMaxPooling2D,
  GlobalMaxPooling3D,
} from './spatialPooling.js'
export {
  globalAveragePooling2d,
  globalAveragePooling3d,
  globalMaxPooling2d,
  globalMaxPooling3d,
} from './spatialPooling.js'
export type { TimeDistributed } from './timeDistributed.js'
export { type TimeDistributedOptions, timeDistributed } from './timeDistributed.js'
export type { SequenceInputs, TimedInputs } from './timed.js'
export type { TransducerJoint } from './transducerJoint.js'
export { type TransducerJointOptions, transducerJoint } from './transducerJoint.js'
export type { UnitNormalization } from './unitNormalization.js'
export { type UnitNormalizationOptions, unitNormalization } from './unitNormalization.js'
export type { UpSampling1D } from './upSampling1d.js'
export { type UpSampling1DOptions, upSampling1d } from './upSampling1d.js'
export type { UpSampling2D } from './upSampling2d.js'
export { type UpSampling2DOptions, upSampling2d } from './upSampling2d.js'
export type { WindowPoolingOptions } from './windowPooling.js'
export type { ZeroPadding1D } from './zeroPadding1d.js'
export { type ZeroPadding1DOptions, zeroPadding1d } from './zeroPadding1d.js'
export type { ZeroPadding2D } from './zeroPadding2d.js'
export { type ZeroPadding2DOptions, zeroPadding2d } from './zeroPadding2d.js'

/** The classes of layers that saved models may contain. */
const classes: readonly LayerClass[] = [
  Activation,
  Add,
  AdditiveAttention,
  AlphaDropout,
  Attention,
  Average,
  BatchNormalization,
  AveragePooling1D,
  AveragePooling2D,
  AveragePooling3D,
  Bidirectional,
  CategoryEncoding,
  Concatenate,
  Conv1D,
  Conv1DTranspose,
  Conv2D,
  Conv2DTranspose,
  Conv3D,
  Conv3DTranspose,
  ConvLSTM1D,
  ConvLSTM2D,
  CRF,
  Cropping1D,
  Cropping2D,
  DefinedLayer,
  Dense,
  DepthwiseConv1D,
  DepthwiseConv2D,
  Discretization,
  Dot,
  DoublyStochasticPenalty,
  Dropout,
  Embedding,
  Flatten,
  GlobalAveragePooling1D,
  GlobalAveragePooling2D,
  GlobalAveragePooling3D,
  GlobalMaxPooling1D,
  GlobalMaxPooling2D,
  GlobalMaxPooling3D,
  GaussianDropout,
  GaussianNoise,
  GroupNormalization,
  GRU,
  HashedCrossing,
  Hashing,
  IntegerLookup,
  Lambda,
  LastStep,
  LayerNormalization,
  LSTM,
  Masking,
  Maximum,
  MaxPooling1D,
  MaxPooling2D,
  MaxPooling3D,
  Minimum,
  MultiHeadAttention,
  Multiply,
  Normalization,
  Permute,
  PReLU,
  RepeatVector,
  Reshape,
  RNN,
  RootMeanSquareNormalization,
  SeparableConv1D,
  SeparableConv2D,
  SimpleRNN,
  StringLookup,
  SpatialDropout1D,
  Subtract,
  TextVectorization,
  TimeDistributed,
  TransducerJoint,
  UnitNormalization,
  UpSampling1D,
  UpSampling2D,
  ZeroPadding1D,
  ZeroPadding2D,
]

export default classes
