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
import { InputLayer } from './input.js'
import { Add, Average, Concatenate, Dot, Maximum, Minimum, Multiply } from './merge.js'
import { AlphaDropout, GaussianDropout, GaussianNoise } from './noise.js'
import { AveragePooling1D, Conv1D, GlobalAveragePooling1D, GlobalMaxPooling1D, MaxPooling1D } from './pooling.js'
import { GRU, GRUCell, LSTM, LSTMCell, RNN, SimpleRNN, SimpleRNNCell, StackedRNNCells } from './recurrent.js'
import { registerClass } from './registry.js'
import { Bidirectional, TimeDistributed } from './wrappers.js'

export { input } from './input.js'
export { Layer } from './layer.js'
export { RNN, RNNCell } from './recurrent.js'

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
export const conv1d = factory(Conv1D)

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

const images = 'it is for images, which recurrent networks here do not read'

export const batchNormalization = missing('batchNormalization', 'use tf.layers.layerNormalization')
export const categoryEncoding = missing('categoryEncoding', 'encode the data by tf.oneHot')
export const conv2d = missing('conv2d', images)
export const conv2dTranspose = missing('conv2dTranspose', images)
export const conv3d = missing('conv3d', images)
export const conv3dTranspose = missing('conv3dTranspose', images)
export const separableConv2d = missing('separableConv2d', images)
export const depthwiseConv2d = missing('depthwiseConv2d', images)
export const convLstm2d = missing('convLstm2d', images)
export const convLstm2dCell = missing('convLstm2dCell', images)
export const cropping2D = missing('cropping2D', images)
export const upSampling2d = missing('upSampling2d', images)
export const zeroPadding2d = missing('zeroPadding2d', images)
export const averagePooling2d = missing('averagePooling2d', images)
export const avgPool2d = missing('avgPool2d', images)
export const avgPooling2d = missing('avgPooling2d', images)
export const averagePooling3d = missing('averagePooling3d', images)
export const avgPool3d = missing('avgPool3d', images)
export const avgPooling3d = missing('avgPooling3d', images)
export const globalAveragePooling2d = missing('globalAveragePooling2d', images)
export const globalMaxPooling2d = missing('globalMaxPooling2d', images)
export const globalMaxPool2d = missing('globalMaxPool2d', images)
export const maxPooling2d = missing('maxPooling2d', images)
export const maxPool2d = missing('maxPool2d', images)
export const maxPooling3d = missing('maxPooling3d', images)
export const centerCrop = missing('centerCrop', images)
export const resizing = missing('resizing', images)
export const randomWidth = missing('randomWidth', images)
