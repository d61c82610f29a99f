import { sequential } from 'seqloom'
import { describe } from 'vitest'
import { expectClose, outputBound } from '../helpers/compare.js'
import { forEachGolden } from '../helpers/golden.js'
import { type KerasObject, kerasLayers } from '../helpers/keras.js'
import { readGolden } from '../helpers/safetensors.js'
import { asTensor } from '../helpers/stack.js'

interface KerasCase {
  config: KerasObject
}

const names = [
  ...['simple_rnn', 'simple_rnn_relu_seq', 'lstm', 'lstm_hard_sigmoid', 'lstm_no_bias_back'],
  ...['gru_reset_after', 'gru_reset_before', 'stacked', 'layer_norm', 'time_distributed'],
  ...['concat', 'sum', 'mul', 'ave', 'gru_last'].map((mode) => `bidirectional_${mode}`),
  ...['masking_lstm', 'masking_bidirectional_gru', 'embedding_mask_zero'],
]
/** Layers of later work. */
const later = [
  ...['stacked_cells', 'repeat_vector', 'seq2seq_attention'],
  ...['attention_additive', 'attention_dot', 'attention_scaled'],
]

describe('Keras’s models give Keras’s outputs', () => {
  forEachGolden(
    'keras',
    names,
    async (path) => {
      const file = readGolden<KerasCase>(path)
      const m = sequential(kerasLayers(file.case.config))
      const weights = file.names
        .filter((name) => name.startsWith('w.'))
        .sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1]))
      m.setWeights(weights.map((name) => asTensor(file.floats(name))))
      const embedded = weights[0]?.endsWith('/embeddings') === true
      const output = await m.predict(asTensor(embedded ? file.ints('x.0') : file.floats('x.0')))
      expectClose(output, file.floats('y.0'), outputBound, 'output')
    },
    later,
  )
})
