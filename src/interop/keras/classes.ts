import type { Cell } from '../../cells/cell.js'
import { gru as gruCell } from '../../cells/gru.js'
import { lstm as lstmCell } from '../../cells/lstm.js'
import { simpleRNN as simpleRNNCell } from '../../cells/simpleRnn.js'
import * as layers from '../../layers/index.js'

// What Keras calls our layers and their options, and where its files keep their weights. Both directions read this:
// `layers.ts` makes layers of ours from saved ones, `describe.ts` describes ours for Keras.

/** The programs whose descriptions differ: Keras 3, Keras 2, and TensorFlow.js, which follows Keras 2. */
export type Dialect = 'keras3' | 'keras2' | 'tfjs'

/** Makes a layer or a cell of ours of its options. */
export type Maker<Made = unknown> = (options: never) => Made

/** A class of Keras's. */
export interface KerasClass<Made = unknown> {
  readonly make: Maker<Made>
  /** The options that decide what it computes, under Keras's names. Ours are the same in camelCase. */
  readonly options: readonly string[]
  /** Programs that have no such class. */
  readonly lacking?: readonly Dialect[]
}

/** A recurrent layer or a cell. */
export interface RecurrentClass<Made = unknown> extends KerasClass<Made> {
  /** How many gates its weights hold side by side. */
  readonly gates: number
  /** Which of them go through the `recurrent_activation`. */
  readonly gated: readonly number[]
  /** The class of its cell. */
  readonly cell: string
}

const windowed = ['kernel_size', 'strides', 'padding', 'dilation_rate', 'activation', 'use_bias']
const pooled = ['pool_size', 'strides', 'padding']

const attention = ['use_scale', 'dropout', 'return_attention_scores', 'use_causal_mask']

const vocabulary = ['max_tokens', 'output_mode', 'pad_to_max_tokens', 'vocabulary', 'idf_weights']
const lookup = [...vocabulary, 'num_oov_indices', 'mask_token', 'oov_token', 'invert', 'salt']
const vectorization = [...vocabulary, 'standardize', 'split', 'ngrams', 'output_sequence_length']

/** Options whose values are words of Keras's, or lists of them. */
export const worded: ReadonlySet<string> = new Set(['output_mode', 'standardize', 'split', 'oov_method', 'score_mode'])

/** Layers that run before the graph; they have no weights. */
export const beforeGraph: ReadonlySet<string> = new Set([
  ...['TextVectorization', 'StringLookup', 'IntegerLookup', 'Hashing', 'HashedCrossing', 'Discretization'],
  'CategoryEncoding',
])

/** Layers whose weights stand in one group, by their class, which is ours, too. */
export const plainLayers: Readonly<Record<string, KerasClass>> = {
  Activation: { make: layers.activation, options: ['activation'] },
  Add: { make: layers.add, options: [] },
  Average: { make: layers.average, options: [] },
  BatchNormalization: {
    make: layers.batchNormalization,
    options: ['axis', 'momentum', 'epsilon', 'center', 'scale'],
  },
  AveragePooling1D: { make: layers.averagePooling1d, options: pooled },
  AveragePooling2D: { make: layers.averagePooling2d, options: pooled },
  AveragePooling3D: { make: layers.averagePooling3d, options: pooled },
  CategoryEncoding: { make: layers.categoryEncoding, options: ['num_tokens', 'output_mode'], lacking: ['tfjs'] },
  Concatenate: { make: layers.concatenate, options: ['axis'] },
  Conv1D: { make: layers.conv1d, options: ['filters', 'groups', ...windowed] },
  Conv1DTranspose: { make: layers.conv1dTranspose, options: ['filters', ...windowed], lacking: ['tfjs'] },
  Conv2D: { make: layers.conv2d, options: ['filters', 'groups', ...windowed] },
  Conv2DTranspose: { make: layers.conv2dTranspose, options: ['filters', ...windowed] },
  Conv3D: { make: layers.conv3d, options: ['filters', 'groups', ...windowed] },
  Conv3DTranspose: { make: layers.conv3dTranspose, options: ['filters', ...windowed] },
  Cropping1D: { make: layers.cropping1d, options: ['cropping'], lacking: ['tfjs'] },
  Cropping2D: { make: layers.cropping2d, options: ['cropping'] },
  Dense: { make: layers.dense, options: ['units', 'activation', 'use_bias'] },
  DepthwiseConv1D: {
    make: layers.depthwiseConv1d,
    options: ['depth_multiplier', ...windowed],
    lacking: ['tfjs'],
  },
  DepthwiseConv2D: { make: layers.depthwiseConv2d, options: ['depth_multiplier', ...windowed] },
  Discretization: {
    make: layers.discretization,
    options: ['bin_boundaries', 'num_bins', 'epsilon', 'output_mode'],
    lacking: ['tfjs'],
  },
  Dot: { make: layers.dot, options: ['axes', 'normalize'] },
  Dropout: { make: layers.dropout, options: ['rate', 'noise_shape'] },
  Embedding: { make: layers.embedding, options: ['input_dim', 'output_dim', 'mask_zero'] },
  Flatten: { make: layers.flatten, options: [] },
  GlobalAveragePooling1D: { make: layers.globalAveragePooling1d, options: ['keepdims'] },
  GlobalAveragePooling2D: { make: layers.globalAveragePooling2d, options: ['keepdims'] },
  GlobalAveragePooling3D: { make: layers.globalAveragePooling3d, options: ['keepdims'], lacking: ['tfjs'] },
  GlobalMaxPooling1D: { make: layers.globalMaxPooling1d, options: ['keepdims'] },
  GlobalMaxPooling2D: { make: layers.globalMaxPooling2d, options: ['keepdims'] },
  GlobalMaxPooling3D: { make: layers.globalMaxPooling3d, options: ['keepdims'], lacking: ['tfjs'] },
  HashedCrossing: { make: layers.hashedCrossing, options: ['num_bins', 'output_mode'], lacking: ['tfjs'] },
  Hashing: { make: layers.hashing, options: ['num_bins', 'mask_value', 'salt', 'output_mode'], lacking: ['tfjs'] },
  IntegerLookup: { make: layers.integerLookup, options: [...lookup, 'oov_method'], lacking: ['tfjs'] },
  GaussianDropout: { make: layers.gaussianDropout, options: ['rate'] },
  GaussianNoise: { make: layers.gaussianNoise, options: ['stddev'] },
  GroupNormalization: {
    make: layers.groupNormalization,
    options: ['groups', 'axis', 'epsilon', 'center', 'scale'],
    lacking: ['tfjs'],
  },
  LayerNormalization: { make: layers.layerNormalization, options: ['axis', 'epsilon', 'center', 'scale'] },
  Masking: { make: layers.masking, options: ['mask_value'] },
  Maximum: { make: layers.maximum, options: [] },
  MaxPooling1D: { make: layers.maxPooling1d, options: pooled },
  MaxPooling2D: { make: layers.maxPooling2d, options: pooled },
  MaxPooling3D: { make: layers.maxPooling3d, options: pooled },
  Minimum: { make: layers.minimum, options: [] },
  Multiply: { make: layers.multiply, options: [] },
  Normalization: {
    make: layers.normalization,
    options: ['axis', 'mean', 'variance', 'invert'],
    lacking: ['tfjs'],
  },
  Permute: { make: layers.permute, options: ['dims'] },
  PReLU: { make: layers.prelu, options: ['shared_axes'] },
  RepeatVector: { make: layers.repeatVector, options: ['n'] },
  Reshape: { make: layers.reshape, options: ['target_shape'] },
  RMSNormalization: {
    make: layers.rootMeanSquareNormalization,
    options: ['axis', 'epsilon'],
    lacking: ['keras2', 'tfjs'],
  },
  SeparableConv1D: {
    make: layers.separableConv1d,
    options: ['filters', 'depth_multiplier', ...windowed],
    lacking: ['tfjs'],
  },
  SeparableConv2D: { make: layers.separableConv2d, options: ['filters', 'depth_multiplier', ...windowed] },
  StringLookup: { make: layers.stringLookup, options: [...lookup, 'oov_method'], lacking: ['tfjs'] },
  Subtract: { make: layers.subtract, options: [], lacking: ['tfjs'] },
  TextVectorization: { make: layers.textVectorization, options: vectorization, lacking: ['tfjs'] },
  UpSampling1D: { make: layers.upSampling1d, options: ['size'], lacking: ['tfjs'] },
  UpSampling2D: { make: layers.upSampling2d, options: ['size', 'interpolation'] },
  ZeroPadding1D: { make: layers.zeroPadding1d, options: ['padding'], lacking: ['tfjs'] },
  ZeroPadding2D: { make: layers.zeroPadding2d, options: ['padding'] },
  SpatialDropout1D: { make: layers.spatialDropout1d, options: ['rate'] },
  UnitNormalization: { make: layers.unitNormalization, options: ['axis'], lacking: ['tfjs'] },
  AdditiveAttention: { make: layers.additiveAttention, options: attention, lacking: ['tfjs'] },
  AlphaDropout: { make: layers.alphaDropout, options: ['rate'] },
  Attention: { make: layers.attention, options: [...attention, 'score_mode'], lacking: ['tfjs'] },
}

/** Its weights stand in a group for each of {@link attentionParts}. */
export const multiHeadAttention: KerasClass = {
  make: layers.multiHeadAttention,
  options: [
    ...['num_heads', 'key_dim', 'value_dim', 'dropout', 'use_bias', 'output_shape', 'attention_axes'],
    ...['return_attention_scores', 'use_causal_mask'],
  ],
  lacking: ['tfjs'],
}

/** The projections of a multi-head attention, in the order of its weights. */
export const attentionParts = ['query', 'key', 'value', 'output'] as const

/** Options of every layer that runs a recurrence. */
export const recurrenceOptions = [
  'return_sequences',
  'return_state',
  'go_backwards',
  'zero_output_for_mask',
  'stateful',
]

const cellOptions = ['units', 'activation', 'use_bias', 'dropout', 'recurrent_dropout']
const gatedOptions = [...cellOptions, 'recurrent_activation']
const resetOptions = [...gatedOptions, 'reset_after']

const convLstm = {
  options: [...['filters', ...windowed, 'recurrent_activation', 'dropout', 'recurrent_dropout'], ...recurrenceOptions],
  gates: 4,
  gated: [0, 1, 3],
  cell: 'ConvLSTMCell',
}

/** Layers whose weights stand in the group of their cell. */
export const recurrentLayers: Readonly<Record<string, RecurrentClass>> = {
  ConvLSTM1D: { make: layers.convLstm1d, ...convLstm, lacking: ['tfjs'] },
  ConvLSTM2D: { make: layers.convLstm2d, ...convLstm },
  GRU: { make: layers.gru, options: [...resetOptions, ...recurrenceOptions], gates: 3, gated: [0, 1], cell: 'GRUCell' },
  LSTM: {
    make: layers.lstm,
    options: [...gatedOptions, ...recurrenceOptions],
    gates: 4,
    gated: [0, 1, 3],
    cell: 'LSTMCell',
  },
  SimpleRNN: {
    make: layers.simpleRNN,
    options: [...cellOptions, ...recurrenceOptions],
    gates: 1,
    gated: [],
    cell: 'SimpleRNNCell',
  },
}

/** The cells that an `RNN` may run. */
export const cells: Readonly<Record<string, RecurrentClass<Cell>>> = {
  GRUCell: { make: gruCell as Maker<Cell>, options: resetOptions, gates: 3, gated: [0, 1], cell: 'GRUCell' },
  LSTMCell: { make: lstmCell as Maker<Cell>, options: gatedOptions, gates: 4, gated: [0, 1, 3], cell: 'LSTMCell' },
  SimpleRNNCell: {
    make: simpleRNNCell as Maker<Cell>,
    options: cellOptions,
    gates: 1,
    gated: [],
    cell: 'SimpleRNNCell',
  },
}

/** The class of a name, also for names that objects have of themselves. */
export function classOf<Class>(table: Readonly<Record<string, Class>>, name: string): Class | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}

/**
 * Which of our states each of tfjs's is, for a stack of cells with so many states each: tfjs lists those of the last
 * cell first.
 */
export function tfjsStates(counts: readonly number[]): number[] {
  let end = counts.reduce((sum, count) => sum + count, 0)
  return counts.toReversed().flatMap((count) => {
    end -= count
    return Array.from({ length: count }, (_, at) => end + at)
  })
}

/** The groups of a recurrent layer's weights. */
export const cellGroup = ['cell'] as const

/** The groups of the two directions. */
export const directionGroups = ['forward_layer', 'backward_layer'] as const

/** Changes the values of a weight; its shape stays. */
export type Adapt = (values: Float32Array, shape: readonly number[]) => void
