import { Embedding } from '../../layers/embedding.js'
import type { Call, SymbolicTensor } from '../../layers/layer.js'
import { Masking } from '../../layers/masking.js'
import type { Dialect } from './classes.js'

/** Layers of Keras that take no mask: padded steps count like others there, and what they make has no mask. */
const unaware =
  /^(Conv[123]D(Transpose)?|(Depthwise|Separable)Conv[12]D|(Average|Max)Pooling[123]D|(Cropping|ZeroPadding|UpSampling)[12]D|GlobalMaxPooling1D|Permute|Dot)$/

/** Whether a layer treats padded steps like others in a program, where ours does not. */
export const padsCount = (className: string, dialect: Dialect): boolean =>
  unaware.test(className) || (dialect === 'tfjs' && className === 'GlobalAveragePooling1D')

/** Layers whose output has no mask, or no steps. */
const without = new Set([
  ...['Flatten', 'Reshape', 'RepeatVector', 'LastStep', 'GlobalAveragePooling1D', 'GlobalMaxPooling1D'],
  ...['UpSampling1D', 'Conv2D', 'Conv2DTranspose', 'AveragePooling2D', 'MaxPooling2D'],
  ...['DepthwiseConv2D', 'SeparableConv2D', 'Cropping2D', 'ZeroPadding2D', 'UpSampling2D'],
  ...['Conv3D', 'Conv3DTranspose', 'AveragePooling3D', 'MaxPooling3D'],
])

/** Layers whose output has the mask of their first input. */
const ofFirst = new Set([
  'SimpleRNN',
  'LSTM',
  'GRU',
  'RNN',
  'ConvLSTM1D',
  'ConvLSTM2D',
  'Bidirectional',
  'AdditiveAttention',
  'Attention',
  'MultiHeadAttention',
])

/** Layers whose steps stand apart from those before. */
const renewing = new Set(['SimpleRNN', 'LSTM', 'GRU', 'RNN', 'ConvLSTM1D', 'ConvLSTM2D', 'Bidirectional', 'Attention'])

/** Whether some steps of a value may be padding, because a layer before it says so. */
export const mayBeMasked = (value: SymbolicTensor): boolean =>
  someBefore(value, ({ layer }) => layer instanceof Masking || (layer instanceof Embedding && layer.maskZero))

/** Whether padded steps of a value are others in Keras: its attention with heads does not make them zero. */
export const differsAtPadding = (value: SymbolicTensor): boolean =>
  mayBeMasked(value) && someBefore(value, ({ layer }) => layer.className === 'MultiHeadAttention', renewing)

/** Whether one of the calls that a value's mask comes through is such a one; those of layers in `ends` are the last. */
function someBefore(
  value: SymbolicTensor,
  is: (call: Call) => boolean,
  ends: ReadonlySet<string> = new Set(),
): boolean {
  const seen = new Set<SymbolicTensor>()
  const pending = [value]
  for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
    if (seen.has(each)) continue
    seen.add(each)
    const { layer, inputs } = each.call
    if (is(each.call)) return true
    if (each.shape.length < 3 || without.has(layer.className) || ends.has(layer.className)) continue
    pending.push(...(ofFirst.has(layer.className) ? inputs.slice(0, 1) : inputs))
  }
  return false
}
