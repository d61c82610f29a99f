import { existsSync, readFileSync } from 'node:fs'
import { describe, it } from 'vitest'
import { expectClose, outputBound } from '../helpers/compare.js'
import { addBiases, biasOf, type CellName, kernelOf, stackBiases, torchGates } from '../helpers/gates.js'
import { goldenPath } from '../helpers/golden.js'
import type { Values } from '../helpers/safetensors.js'
import { asTensor, recurrentStack } from '../helpers/stack.js'

type Stored = [shape: number[], data: number[]]

interface RtenCase {
  input: Stored
  output: Stored
  params: Record<string, Stored>
  initial_hidden?: Stored
  initial_cell?: Stored
}

const names = [
  'lstm_forwards',
  'lstm_bidirectional',
  'lstm_initial',
  'gru_forwards',
  'gru_bidirectional',
  'gru_initial',
]

function values([shape, data]: Stored): Values<Float32Array> {
  return { data: Float32Array.from(data), shape }
}

/** A [time, features] array as a batch of one. */
function batched(stored: Stored): Values<Float32Array> {
  const { data, shape } = values(stored)
  return { data, shape: [1, ...shape] }
}

describe('rten’s recurrent cases', () => {
  const path = goldenPath('rten', 'rnn.json')
  if (path === undefined || !existsSync(path)) {
    for (const name of names) it.skip(`${name} (SKIPPED: set SEQLOOM_SHARED to the folder of golden/rten)`)
    return
  }
  const cases = JSON.parse(readFileSync(path, 'utf8')) as Record<string, RtenCase>
  it.each(names)('%s', async (name) => {
    const golden = cases[name] as RtenCase
    const kind: CellName = name.startsWith('lstm') ? 'LSTM' : 'GRU'
    const order = torchGates[kind]
    const param = (key: string) => values(golden.params[key] as Stored)
    const bidirectional = name.endsWith('bidirectional')
    const weights = (bidirectional ? ['l0', 'l0_reverse'] : ['l0']).flatMap((suffix) => {
      const inputBias = biasOf(param(`bias_ih_${suffix}`), order)
      const recurrentBias = biasOf(param(`bias_hh_${suffix}`), order)
      return [
        kernelOf(param(`weight_ih_${suffix}`), order),
        kernelOf(param(`weight_hh_${suffix}`), order),
        kind === 'GRU' ? stackBiases(inputBias, recurrentBias) : addBiases(inputBias, recurrentBias),
      ]
    })
    const first = [golden.initial_hidden, golden.initial_cell].filter((state) => state !== undefined)
    const m = recurrentStack({
      kind,
      input: golden.input[0][1] as number,
      hidden: (golden.params.weight_hh_l0 as Stored)[0][1] as number,
      direction: bidirectional ? 'bidirectional' : 'forward',
      initialState: first.length > 0,
    })
    m.setWeights(weights.map((weight) => asTensor(weight)))
    const outputs = await m.predict([asTensor(batched(golden.input)), ...first.map((state) => asTensor(values(state)))])
    expectClose(outputs[0], batched(golden.output), outputBound, 'output')
  })
})
