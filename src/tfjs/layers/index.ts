import { unsupported } from '../failure.js'
import { ELU, LeakyReLU, PReLU, ReLU, Rescaling, Softmax, ThresholdedReLU } from './activations.js'
import {
  Activation,
  Dense,
  Dropout,
  Embedding,
  Flatten,
  LayerNormalization,
  Masking,
  Permute,
  RepeatVector,
  Reshape,
  SpatialDropout1D,
} from './basic.js'
import { BatchNormalization } from './batchNormalization.js'
import { Cropping2D, UpSampling2D, ZeroPadding2D } from './borders.js'
import { ConvLSTM2D } from './convLstm.js'
import {
  Conv1D,
  Conv2D,
  Conv2DTranspose,
  Conv3D,
  Conv3DTranspose,
  DepthwiseConv2D,
  SeparableConv2D,
} from './convolution.js'
import { InputLayer } from './input.js'
import { Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply } from './merge.js'
import { AlphaDropout, GaussianDropout, GaussianNoise } from './noise.js'
import {
  AveragePooling1D,
  AveragePooling2D,
  AveragePooling3D,
  GlobalAveragePooling1D,
  GlobalAveragePooling2D,
  GlobalMaxPooling1D,
  GlobalMaxPooling2D,
  MaxPooling1D,
  MaxPooling2D,
  MaxPooling3D,
} from './pooling.js'
import { GRU, GRUCell, LSTM, LSTMCell, RNN, SimpleRNN, SimpleRNNCell, StackedRNNCells } from './recurrent.js'
import { registerClass } from './registry.js'
import { Bidirectional, TimeDistributed } from './wrappers.js'

export type { ELU, LeakyReLU, PReLU, PReLULayerArgs, ReLU, Rescaling, Softmax, ThresholdedReLU } from './activations.js'
export type {
  Activation,
  ActivationLayerArgs,
  Dense,
  DenseLayerArgs,
  Dropout,
  DropoutLayerArgs,
  Embedding,
  EmbeddingLayerArgs,
  Flatten,
  LayerNormalization,
  LayerNormalizationLayerArgs,
  Masking,
  MaskingArgs,
  Permute,
  PermuteLayerArgs,
  RepeatVector,
  RepeatVectorLayerArgs,
  Reshape,
  ReshapeLayerArgs,
  SpatialDropout1D,
} from './basic.js'
export type { BatchNormalization, BatchNormalizationLayerArgs } from './batchNormalization.js'
export type {
  Cropping2D,
  Cropping2DLayerArgs,
  UpSampling2D,
  UpSampling2DLayerArgs,
  ZeroPadding2D,
  ZeroPadding2DLayerArgs,
} from './borders.js'
export type { ConvLSTM2D, ConvLSTM2DArgs } from './convLstm.js'
export type {
  Conv1D,
  Conv2D,
  Conv2DTranspose,
  Conv3D,
  Conv3DTranspose,
  ConvLayerArgs,
  DepthwiseConv2D,
  DepthwiseConv2DLayerArgs,
  SeparableConv2D,
  SeparableConvLayerArgs,
} from './convolution.js'
export type { InputLayer, InputLayerArgs } from './input.js'
export { input } from './input.js'
export type { LayerArgs } from './layer.js'
export { Layer } from './layer.js'
export type { Concatenate, ConcatenateLayerArgs, Dot, DotLayerArgs } from './merge.js'
export type { AlphaDropout, GaussianDropout, GaussianNoise, GaussianNoiseArgs, RateArgs } from './noise.js'
export type {
  AveragePooling1D,
  AveragePooling2D,
  AveragePooling3D,
  GlobalAveragePooling1D,
  GlobalAveragePooling2D,
  GlobalMaxPooling1D,
  GlobalMaxPooling2D,
  GlobalPoolingLayerArgs,
  MaxPooling1D,
  MaxPooling2D,
  MaxPooling3D,
  PoolingLayerArgs,
} from './pooling.js'
export type { GRU, GRUCell, LSTM, LSTMCell, SimpleRNN, SimpleRNNCell, StackedRNNCells } from './recurrent.js'
export { RNN, RNNCell } from './recurrent.js'
export type { Sizes } from './sizes.js'
export type { VariableOwner } from './variable.js'
export type {
  Bidirectional,
  BidirectionalLayerArgs,
  BidirectionalMergeMode,
  TimeDistributed,
  WrapperLayerArgs,
} from './wrappers.js'

type Made<Class> = Class extends new (args: infer Args) => infer Instance ? (args: Args) => Instance : never
type MadeFreely<Class> = Class extends new (args?: infer Args) => infer Instance ? (args?: Args) => Instance : never

/** A function that makes layers of a class, which saved models may then contain. */
// biome-ignore lint/suspicious/noExplicitAny: any class of layers.
function factory<Class extends new (...args: any[]) => object>(made: Class): Made<Class> {
  registerClass(made as never)
  return ((args: unknown) => new made(args ?? {})) as Made<Class>
}

/** The same for layers without options that must be given. */
// biome-ignore lint/suspicious/noExplicitAny: any class of layers.
const free = <Class extends new (...args: any[]) => object>(made: Class) =>
  factory(made) as unknown as MadeFreely<Class>

export const inputLayer = factory(InputLayer)
export const dense = factory(Dense)
export const activation = factory(Activation)
export const dropout = factory(Dropout)
export const spatialDropout1d = factory(SpatialDropout1D)
export const gaussianNoise = factory(GaussianNoise)
export const gaussianDropout = factory(GaussianDropout)
export const alphaDropout = factory(AlphaDropout)
export const embedding = factory(Embedding)
export const masking = free(Masking)
export const flatten = free(Flatten)
export const reshape = factory(Reshape)
export const repeatVector = factory(RepeatVector)
export const permute = factory(Permute)
export const layerNormalization = free(LayerNormalization)
export const batchNormalization = free(BatchNormalization)

export const simpleRNN = factory(SimpleRNN)
export const simpleRNNCell = factory(SimpleRNNCell)
export const lstm = factory(LSTM)
export const lstmCell = factory(LSTMCell)
export const gru = factory(GRU)
export const gruCell = factory(GRUCell)
export const rnn = factory(RNN)
export const stackedRNNCells = factory(StackedRNNCells)
export const bidirectional = factory(Bidirectional)
export const timeDistributed = factory(TimeDistributed)

export const add = free(Add)
export const average = free(Average)
export const multiply = free(Multiply)
export const maximum = free(Maximum)
export const minimum = free(Minimum)
export const concatenate = free(Concatenate)
export const dot = factory(Dot)

export const globalAveragePooling1d = free(GlobalAveragePooling1D)
export const globalMaxPooling1d = free(GlobalMaxPooling1D)
export const globalMaxPool1d: typeof globalMaxPooling1d = globalMaxPooling1d
export const averagePooling1d = free(AveragePooling1D)
export const avgPool1d: typeof averagePooling1d = averagePooling1d
export const avgPooling1d: typeof averagePooling1d = averagePooling1d
export const maxPooling1d = free(MaxPooling1D)
export const maxPool1d: typeof maxPooling1d = maxPooling1d
export const globalAveragePooling2d = free(GlobalAveragePooling2D)
export const globalMaxPooling2d = free(GlobalMaxPooling2D)
export const globalMaxPool2d: typeof globalMaxPooling2d = globalMaxPooling2d
export const averagePooling2d = free(AveragePooling2D)
export const avgPool2d: typeof averagePooling2d = averagePooling2d
export const avgPooling2d: typeof averagePooling2d = averagePooling2d
export const maxPooling2d = free(MaxPooling2D)
export const maxPool2d: typeof maxPooling2d = maxPooling2d
export const averagePooling3d = free(AveragePooling3D)
export const avgPool3d: typeof averagePooling3d = averagePooling3d
export const avgPooling3d: typeof averagePooling3d = averagePooling3d
export const maxPooling3d = free(MaxPooling3D)

export const conv1d = factory(Conv1D)
export const conv2d = factory(Conv2D)
export const conv2dTranspose = factory(Conv2DTranspose)
export const conv3d = factory(Conv3D)
export const conv3dTranspose = factory(Conv3DTranspose)
export const depthwiseConv2d = factory(DepthwiseConv2D)
export const separableConv2d = factory(SeparableConv2D)
export const convLstm2d = factory(ConvLSTM2D)
export const zeroPadding2d = free(ZeroPadding2D)
export const cropping2D = factory(Cropping2D)
export const upSampling2d = free(UpSampling2D)

export const reLU = free(ReLU)
export const leakyReLU = free(LeakyReLU)
export const prelu = free(PReLU)
export const elu = free(ELU)
export const thresholdedReLU = free(ThresholdedReLU)
export const softmax = free(Softmax)
export const rescaling = factory(Rescaling)

/** A layer that is not there. */
const missing = (name: string, instead: string) => (): never => {
  throw unsupported(`tf.layers.${name}`, instead)
}

const pictures = 'change the pictures before, by a package for images'

export const categoryEncoding = missing('categoryEncoding', 'encode the data by tf.oneHot')
export const convLstm2dCell = missing('convLstm2dCell', 'use tf.layers.convLstm2d, which runs it')
export const centerCrop = missing('centerCrop', pictures)
export const resizing = missing('resizing', pictures)
export const randomWidth = missing('randomWidth', pictures)
