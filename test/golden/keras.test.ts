import { sequential, type TensorLike } from 'seqloom'
import { describe } from 'vitest'
import { expectClose, outputBound } from '../helpers/compare.js'
import { forEachGolden } from '../helpers/golden.js'
import { type KerasObject, kerasFunctional, kerasLayers } from '../helpers/keras.js'
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
  ...['stacked_cells', 'repeat_vector', 'seq2seq_attention'],
  ...['attention_additive', 'attention_dot', 'attention_scaled'],
]

describe('Keras’s models give Keras’s outputs', () => {
  forEachGolden('keras', names, async (path) => {
    const file = readGolden<KerasCase>(path)
    const { config } = file.case
    const m = config.class_name === 'Functional' ? kerasFunctional(config) : sequential(kerasLayers(config))
    const weights = file.names
      .filter((name) => name.startsWith('w.'))
      .sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1]))
    // Functional models list their layers in an order of their own, so weights go by name.
    const names = config.class_name === 'Functional' ? Object.keys(m.namedWeights()) : weights
    const find = (name: string) => weights.find((each) => each.replace(/^w\.\d+\.|\w+_cell\//g, '') === name) ?? name
    m.setWeights(names.map((name) => asTensor(file.floats(find(name)))))
    const embedded = weights[0]?.endsWith('/embeddings') === true
    const inputs = file.names
      .filter((name) => name.startsWith('x.'))
      .sort()
      .map((name) => asTensor(embedded ? file.ints(name) : file.floats(name)))
    const output = await m.predict(inputs.length === 1 ? (inputs[0] as TensorLike) : inputs)
    expectClose(output, file.floats('y.0'), outputBound, 'output')
  })
})
