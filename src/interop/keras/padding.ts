import { Embedding } from '../../layers/embedding.js'
import type { SymbolicTensor } from '../../layers/layer.js'
import { Masking } from '../../layers/masking.js'

/** Layers whose output has no mask, or no steps. */
const without = new Set([
  ...['Flatten', 'Reshape', 'RepeatVector', 'LastStep', 'GlobalAveragePooling1D', 'GlobalMaxPooling1D'],
])

/** Layers whose output has the mask of their first input. */
const ofFirst = new Set([
  'SimpleRNN',
  'LSTM',
  'GRU',
  'RNN',
  'Bidirectional',
  'AdditiveAttention',
  'Attention',
  'MultiHeadAttention',
])

/** Whether some steps of a value may be padding, because a layer before it says so. */
export function mayBeMasked(value: SymbolicTensor): boolean {
  const seen = new Set<SymbolicTensor>()
  const pending = [value]
  for (let each = pending.pop(); each !== undefined; each = pending.pop()) {
    if (seen.has(each)) continue
    seen.add(each)
    const { layer, inputs } = each.call
    if (layer instanceof Masking || (layer instanceof Embedding && layer.maskZero)) return true
    if (each.shape.length < 3 || without.has(layer.className)) continue
    pending.push(...(ofFirst.has(layer.className) ? inputs.slice(0, 1) : inputs))
  }
  return false
}
