import { describe } from 'vitest'
import * as cells from '../../src/cells/index.js'
import * as layers from '../../src/layers/index.js'
import { input } from '../../src/layers/input.js'
import type { SymbolicTensor } from '../../src/layers/layer.js'
import { modelGraph } from '../../src/model/lower.js'
import { connect } from '../../src/model/topology.js'
import { expectClose, outputBound } from '../helpers/compare.js'
import { forEachGolden } from '../helpers/golden.js'
import { evaluate, type Nd } from '../helpers/interpreter.js'
import { bahdanauWeights, captionWeights, embed, gridWeights, transposed, type Weight } from '../helpers/papers.js'
import { type GoldenFile, readGolden } from '../helpers/safetensors.js'

/** What the graph of a model means for inputs and for weights by the names within their layer. */
function outputsOf(
  inputs: SymbolicTensor[],
  outputs: SymbolicTensor[],
  values: readonly Nd[],
  weights: Record<string, Weight>,
): Nd[] {
  const graph = modelGraph(connect(inputs, outputs))
  const own = graph.weights.map(({ name }) => {
    const weight = weights[name.slice(name.indexOf('/') + 1)]
    if (!weight) throw new Error(`no weight ${name}`)
    return nd(weight)
  })
  return evaluate(graph, values, own)
}

const nd = ({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }, lengths?: number[]): Nd => ({
  data: Array.from(data),
  shape,
  ...(lengths && { lengths }),
})

const sequence = ({ shape }: Nd) => input({ shape: [null, shape[2] as number] })

interface DecoderCase {
  hidden: number
  attention: number
  lengths: number[]
  depth: number
  tied: boolean
}

describe('the operations of traced cells mean the equations of their papers', () => {
  forEachGolden('papers', ['bahdanau_small'], (path, name) => {
    const file = readGolden<DecoderCase>(path)
    if (name.startsWith('bahdanau')) checkBahdanau(file)
    else if (name.startsWith('caption')) checkCaption(file)
    else checkGrid(file)
  })
})

function checkBahdanau(file: GoldenFile<DecoderCase>): void {
  const { hidden, attention, lengths } = file.case
  const x = nd(embed(file.floats('embedding'), file.ints('tokens')))
  const memory = nd(file.floats('memory'), lengths)
  const state = nd(file.floats('initial_state'))
  const inputs = [sequence(x), sequence(memory), input({ shape: [hidden] })] as const
  const cell = cells.bahdanau({ units: hidden, attentionUnits: attention })
  const [read, alignment] = layers
    .rnn({ cell, returnSequences: true })
    .apply(inputs[0], { initialState: inputs[2], constants: { memory: inputs[1] } })
  const logits = layers.timeDistributed({
    layer: layers.dense({ units: file.floats('logits').shape[2] as number, name: 'words' }),
  })
  const weights = {
    ...bahdanauWeights(file),
    'words/kernel': transposed(file.floats('output.weight')),
    'words/bias': file.floats('output.bias'),
  }
  const results = outputsOf([...inputs], [logits.apply(read), alignment], [x, memory, state], weights)
  expectClose(results[0], file.floats('logits'), outputBound, 'logits')
  expectClose(results[1], file.floats('alignment'), outputBound, 'alignment')
}

function checkCaption(file: GoldenFile<DecoderCase>): void {
  const { hidden, attention } = file.case
  const x = nd(embed(file.floats('embedding'), file.ints('tokens')))
  const annotations = nd(file.floats('annotations'))
  const [, places, size] = annotations.shape as [number, number, number]
  const state = (name: string): Nd => {
    const [kernel, bias] = [file.floats(`init.${name}.weight`), file.floats(`init.${name}.bias`)]
    const data = Array.from({ length: (x.shape[0] as number) * hidden }, (_, index) => {
      const [row, unit] = [Math.floor(index / hidden), index % hidden]
      let sum = bias.data[unit] as number
      for (let i = 0; i < size; i++) {
        let mean = 0
        for (let place = 0; place < places; place++)
          mean += annotations.data[(row * places + place) * size + i] as number
        sum += ((kernel.data[unit * size + i] as number) * mean) / places
      }
      return Math.tanh(sum)
    })
    return { data, shape: [x.shape[0] as number, hidden] }
  }
  const inputs = [sequence(x), sequence(annotations), input({ shape: [hidden] }), input({ shape: [hidden] })] as const
  const cell = cells.showAttendTell({ units: hidden, attentionUnits: attention })
  const [deep, alignment] = layers
    .rnn({ cell, returnSequences: true })
    .apply(inputs[0], { initialState: [inputs[2], inputs[3]], constants: { annotations: inputs[1] } })
  const logits = layers.timeDistributed({
    layer: layers.dense({ units: file.floats('logits').shape[2] as number, name: 'words' }),
  })
  const weights = {
    ...captionWeights(file),
    'words/kernel': transposed(file.floats('output.weight')),
    'words/bias': file.floats('output.bias'),
  }
  const values = [x, annotations, state('h'), state('c')]
  const results = outputsOf([...inputs], [logits.apply(deep), alignment], values, weights)
  expectClose(results[0], file.floats('logits'), outputBound, 'logits')
  expectClose(results[1], file.floats('alpha'), outputBound, 'alpha')
}

function checkGrid(file: GoldenFile<DecoderCase>): void {
  const { hidden, depth, tied } = file.case
  const x = nd(file.floats('x'))
  const source = sequence(x)
  const cell = cells.gridLSTM({ units: hidden, depth, tied })
  const y = layers.rnn({ cell, returnSequences: true }).apply(source)
  const [result] = outputsOf([source], [y], [x], gridWeights(file))
  expectClose(result, file.floats('y'), outputBound, 'y')
}
