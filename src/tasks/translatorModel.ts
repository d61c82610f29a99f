import * as cells from '../cells/index.js'
import { randomNormal } from '../initializers/index.js'
import { defineLayer } from '../layers/defineLayer.js'
import { attention, bidirectional, concatenate, dense, dropout, embedding, gru, lstm, rnn } from '../layers/index.js'
import { input } from '../layers/input.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { type Functional, model } from '../model/index.js'
import type { TranslatorSettings } from './translatorOptions.js'

/** With vectors as small as Keras's, recurrent layers take long to tell tokens apart; PyTorch's are of this size. */
const embeddingsInitializer = randomNormal({ stddev: 1 })

/** The index of the most probable token at each step. */
const mostProbable = defineLayer({
  name: 'most_probable',
  inputs: { x: ['time', 'tokens'] },
  call: ({ x }) => x.argmax(),
})

/** The outputs of a translator's model, by name and number. */
export const outputs = { words: 0, alignment: 1, guess: 2 } as const

/**
 * The model of a translator, for training with the true words before (`previous`) and for sessions: a bidirectional encoder, a decoder that begins with
 * its last states and attends to its outputs, and a softmax over the target's tokens. With Luong's attention (arXiv 1508.04025, without input feeding)
 * the decoder's recurrence is fused and attention follows it, for all steps at once; with Bahdanau's (arXiv 1409.0473) it is part of the recurrence.
 */
export function translatorModel(settings: TranslatorSettings, sourceSize: number, targetSize: number): Functional {
  const { units, seed } = settings
  const source = input({ shape: [null], dtype: 'int32', name: 'source' })
  const previous = input({ shape: [null], dtype: 'int32', name: 'previous' })
  const dropped = (x: SymbolicTensor) => (settings.dropout > 0 ? one(dropout({ rate: settings.dropout }).apply(x)) : x)
  const embed = (tokens: SymbolicTensor, inputDim: number, name: string) =>
    dropped(one(embedding({ inputDim, outputDim: settings.embedding, embeddingsInitializer, name }).apply(tokens)))

  let memory = embed(source, sourceSize, 'source_embedding')
  let last: readonly SymbolicTensor[] = []
  for (let index = 0; index < settings.layers; index++) {
    const layer = recurrent(settings)
    const [sequence, ...states] = list(bidirectional({ layer: layer as ReturnType<typeof lstm> }).apply(memory))
    memory = dropped(sequence as SymbolicTensor)
    last = states
  }
  // Forward states, then backward ones; what the decoder begins with is made of both.
  const half = last.length / 2
  const ends = last.slice(0, half).map((state, index) => joined([state, last[half + index] as SymbolicTensor]))
  const initialState = () => ends.map((end) => one(dense({ units, activation: 'tanh' }).apply(end)))

  const before = embed(previous, targetSize, 'target_embedding')
  let written = before
  let alignment: SymbolicTensor | undefined
  for (let index = 0; index < settings.layers; index++) {
    if (index === 0 && settings.attention === 'bahdanau') {
      const decoder = rnn({ cell: cells.bahdanau({ units }), returnSequences: true })
      const read = list(decoder.apply(written, { initialState: initialState().slice(0, 1), constants: { memory } }))
      written = read[0] as SymbolicTensor
      alignment = read[1] as SymbolicTensor
    } else {
      written = list(recurrent(settings).apply(written, { initialState: initialState() }))[0] as SymbolicTensor
    }
    if (index + 1 < settings.layers) written = dropped(written)
  }
  if (settings.attention === 'luong') {
    const keys = one(dense({ units, useBias: false, name: 'attention_keys' }).apply(memory))
    const read = list(attention({ returnAttentionScores: true }).apply([written, memory, keys]))
    alignment = read[1] as SymbolicTensor
    written = joined([written, read[0] as SymbolicTensor, before])
  }
  // Vocabularies are large: what was written, read and said before is brought to `units` first (the papers' deep output and attentional state).
  written = one(dense({ units, activation: 'tanh', name: 'attended' }).apply(written))
  const projection = dense({ units: targetSize, activation: 'softmax', name: 'words' })
  const words = one(projection.apply(dropped(written)))
  const guess = one(mostProbable().apply(words))
  return model({ inputs: [source, previous], outputs: [words, alignment as SymbolicTensor, guess], seed })
}

function recurrent({ cell, units }: TranslatorSettings) {
  const options = { units, returnSequences: true, returnState: true } as const
  return cell === 'lstm' ? lstm(options) : gru(options)
}

const joined = (values: readonly SymbolicTensor[]): SymbolicTensor => one(concatenate().apply(values))

const list = (values: SymbolicTensor | readonly SymbolicTensor[]): readonly SymbolicTensor[] =>
  Array.isArray(values) ? values : [values as SymbolicTensor]

const one = (values: SymbolicTensor | readonly SymbolicTensor[]): SymbolicTensor => list(values)[0] as SymbolicTensor
