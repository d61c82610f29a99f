import * as cells from '../../cells/index.js'
import {
  attention,
  bidirectional,
  concatenate,
  dense,
  globalAveragePooling1d,
  gru,
  lstm,
  rnn,
} from '../../layers/index.js'
import { input } from '../../layers/input.js'
import type { SymbolicTensor } from '../../layers/layer.js'
import { type Functional, model } from '../../model/index.js'
import { tokenCount } from '../decoding/decoder.js'
import { chosenWords, dropped, embedded, list, one } from '../decoding/layers.js'
import type { Units } from '../decoding/units.js'
import { tracedCell } from '../shared/cell.js'
import type { TranslatorSettings } from './options.js'

/**
 * The model of a translator, for training with the preceding true words (`previous`) and for sessions: a bidirectional
 * encoder, a decoder that begins with its last states and attends to its outputs, and a softmax over the target's
 * tokens. With Luong's attention (arXiv 1508.04025, without input feeding) the decoder's recurrence is fused and
 * attention follows it, for all steps at once; with Bahdanau's (arXiv 1409.0473) it is part of the recurrence.
 */
export function translatorModel(settings: TranslatorSettings, sourceSize: number, target: Units): Functional {
  const { units, seed } = settings
  const targetSize = tokenCount(target)
  const source = input({ shape: [null], dtype: 'int32', name: 'source' })
  const previous = input({ shape: [null], dtype: 'int32', name: 'previous' })

  let memory = embedded(source, sourceSize, settings, 'source_embedding')
  let last: readonly SymbolicTensor[] = []
  for (let index = 0; index < settings.layers; index++) {
    const layer = recurrent(settings)
    const [sequence, ...states] = list(bidirectional({ layer: layer as ReturnType<typeof lstm> }).apply(memory))
    memory = dropped(sequence as SymbolicTensor, settings.dropout)
    last = states
  }
  // Forward states, then backward ones; the decoder's initial states are made from both. The states of traced cells may
  // mean anything, so their decoder begins with zeros, and Bahdanau's with the mean of what was read.
  const traced = last.length === 0
  const half = last.length / 2
  const ends = traced
    ? [one(globalAveragePooling1d().apply(memory))]
    : last.slice(0, half).map((state, index) => joined([state, last[half + index] as SymbolicTensor]))
  const initialState = () => ends.map((end) => one(dense({ units, activation: 'tanh' }).apply(end)))

  const before = embedded(previous, targetSize, settings, 'target_embedding')
  let written = before
  let alignment: SymbolicTensor | undefined
  for (let index = 0; index < settings.layers; index++) {
    if (index === 0 && settings.attention === 'bahdanau') {
      const decoder = rnn({ cell: cells.bahdanau({ units }), returnSequences: true })
      const read = list(decoder.apply(written, { initialState: initialState().slice(0, 1), constants: { memory } }))
      written = read[0] as SymbolicTensor
      alignment = read[1] as SymbolicTensor
    } else {
      written = one(recurrent(settings).apply(written, traced ? {} : { initialState: initialState() }))
    }
    if (index + 1 < settings.layers) written = dropped(written, settings.dropout)
  }
  if (settings.attention === 'luong') {
    const keys = one(
      dense({ units: written.shape.at(-1) as number, useBias: false, name: 'attention_keys' }).apply(memory),
    )
    const read = list(attention({ returnAttentionScores: true }).apply([written, memory, keys]))
    alignment = read[1] as SymbolicTensor
    written = joined([written, read[0] as SymbolicTensor, before])
  }
  // Vocabularies are large, so the decoder's state, the context and the last word are first projected to `units` (the
  // papers' deep output and attentional state).
  written = one(dense({ units, activation: 'tanh', name: 'attended' }).apply(written))
  const [words, guess] = chosenWords(written, targetSize, settings.dropout)
  return model({ inputs: [source, previous], outputs: [words, alignment as SymbolicTensor, guess], seed })
}

function recurrent({ cell, units }: TranslatorSettings) {
  const own = tracedCell(cell, units)
  if (own) return rnn({ cell: own, returnSequences: true })
  const options = { units, returnSequences: true, returnState: true } as const
  return cell === 'lstm' ? lstm(options) : gru(options)
}

const joined = (values: readonly SymbolicTensor[]): SymbolicTensor => one(concatenate().apply(values))
