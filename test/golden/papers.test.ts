import { cells, input, layers, losses, model } from 'seqloom'
import { describe, expect } from 'vitest'
import { expectClose, gradientBound, outputBound } from '../helpers/compare.js'
import { forEachGolden } from '../helpers/golden.js'
import { bahdanauWeights, captionWeights, gridWeights, transposed, type Weight } from '../helpers/papers.js'
import { type GoldenFile, readGolden } from '../helpers/safetensors.js'
import { asTensor, type BuiltModel } from '../helpers/stack.js'

interface PaperCase {
  loss: number
  hidden: number
  attention: number
  vocab: number
  lengths: number[]
  depth: number
  tied: boolean
  penalty: number
}

type PaperFile = GoldenFile<PaperCase>

const all = ['bahdanau_small', 'bahdanau_medium', 'caption_small', 'caption_medium', 'grid_tied', 'grid_untied']

describe('decoders and grids give their papers’ outputs, losses and gradients', () => {
  forEachGolden('papers', all, async (path, name) => {
    const file = readGolden<PaperCase>(path)
    if (name.startsWith('bahdanau')) await checkBahdanau(file)
    else if (name.startsWith('caption')) await checkCaption(file)
    else await checkGrid(file)
  })
})

const prefixed = (path: string, weights: Record<string, Weight>) =>
  Object.fromEntries(Object.entries(weights).map(([name, weight]) => [`${path}/${name}`, weight]))

function setWeights(m: Pick<BuiltModel, 'setWeights' | 'namedWeights'>, weights: Record<string, Weight>): void {
  m.setWeights(Object.keys(m.namedWeights()).map((name) => asTensor(weights[name] as Weight)))
}

function expectGradients(actual: Record<string, Weight>, expected: Record<string, Weight>): void {
  expect(Object.keys(actual).sort()).toEqual(Object.keys(expected).sort())
  for (const [name, weight] of Object.entries(expected)) expectClose(actual[name], weight, gradientBound, name)
}

async function checkBahdanau(file: PaperFile): Promise<void> {
  const { hidden, attention, vocab, lengths, loss } = file.case
  const table = file.floats('embedding')
  const tokens = input({ shape: [null], dtype: 'int32' })
  const memory = input({ shape: [null, file.floats('memory').shape[2] as number] })
  const state = input({ shape: [hidden] })
  const embedding = layers.embedding({
    inputDim: table.shape[0] as number,
    outputDim: table.shape[1] as number,
    name: 'embedding',
  })
  const [read, alignment] = layers
    .rnn({ cell: cells.bahdanau({ units: hidden, attentionUnits: attention }), returnSequences: true, name: 'decoder' })
    .apply(embedding.apply(tokens), { initialState: state, constants: { memory } })
  const logits = layers.dense({ units: vocab, name: 'words' }).apply(read)
  const m = model({ inputs: [tokens, memory, state], outputs: [logits, alignment] })
  m.compile({ optimizer: 'sgd', loss: [losses.sparseCategoricalCrossentropy({ fromLogits: true }), null] })
  const weights = (prefix: string) => ({
    'embedding/embeddings': file.floats(`${prefix}embedding`),
    ...prefixed('decoder', bahdanauWeights(file, prefix)),
    'words/kernel': transposed(file.floats(`${prefix}output.weight`)),
    'words/bias': file.floats(`${prefix}output.bias`),
  })
  setWeights(m, weights(''))
  const x = [
    asTensor(file.ints('tokens')),
    asTensor(file.floats('memory'), lengths),
    asTensor(file.floats('initial_state')),
  ]
  const gradients = await m.gradients(x, asTensor(file.ints('targets')))
  expectClose(gradients.outputs[0], file.floats('logits'), outputBound, 'logits')
  expectClose(gradients.outputs[1], file.floats('alignment'), outputBound, 'alignment')
  expect(Math.abs((gradients.loss as number) - loss) / loss).toBeLessThanOrEqual(outputBound)
  expectGradients(gradients.weights, weights('grad.'))
  expectClose(gradients.inputs[1], file.floats('grad.memory'), gradientBound, 'memory')
  expectClose(gradients.inputs[2], file.floats('grad.initial_state'), gradientBound, 'initial state')
}

async function checkCaption(file: PaperFile): Promise<void> {
  const { hidden, attention, vocab, loss, penalty } = file.case
  const table = file.floats('embedding')
  const tokens = input({ shape: [null], dtype: 'int32' })
  const annotations = input({ shape: [null, file.floats('annotations').shape[2] as number] })
  const mean = layers.globalAveragePooling1d().apply(annotations)
  const initialState = ['init_h', 'init_c'].map((name) =>
    layers.dense({ units: hidden, activation: 'tanh', name }).apply(mean),
  )
  const embedding = layers.embedding({
    inputDim: table.shape[0] as number,
    outputDim: table.shape[1] as number,
    name: 'embedding',
  })
  const [deep, alignment] = layers
    .rnn({
      cell: cells.showAttendTell({ units: hidden, attentionUnits: attention }),
      returnSequences: true,
      name: 'decoder',
    })
    .apply(embedding.apply(tokens), { initialState, constants: { annotations } })
  const logits = layers.dense({ units: vocab, name: 'words' }).apply(deep)
  const alpha = layers.doublyStochasticPenalty({ weight: penalty }).apply(alignment)
  const m = model({ inputs: [tokens, annotations], outputs: [logits, alpha] })
  m.compile({ optimizer: 'sgd', loss: [losses.sparseCategoricalCrossentropy({ fromLogits: true }), null] })
  const weights = (prefix: string) => ({
    'embedding/embeddings': file.floats(`${prefix}embedding`),
    ...prefixed('decoder', captionWeights(file, prefix)),
    ...Object.fromEntries(
      ['h', 'c'].flatMap((state) => [
        [`init_${state}/kernel`, transposed(file.floats(`${prefix}init.${state}.weight`))],
        [`init_${state}/bias`, file.floats(`${prefix}init.${state}.bias`)],
      ]),
    ),
    'words/kernel': transposed(file.floats(`${prefix}output.weight`)),
    'words/bias': file.floats(`${prefix}output.bias`),
  })
  setWeights(m, weights(''))
  const gradients = await m.gradients(
    [asTensor(file.ints('tokens')), asTensor(file.floats('annotations'))],
    asTensor(file.ints('targets')),
  )
  expectClose(gradients.outputs[0], file.floats('logits'), outputBound, 'logits')
  expectClose(gradients.outputs[1], file.floats('alpha'), outputBound, 'alpha')
  expect(Math.abs((gradients.loss as number) - loss) / loss).toBeLessThanOrEqual(outputBound)
  expectGradients(gradients.weights, weights('grad.'))
  expectClose(gradients.inputs[1], file.floats('grad.annotations'), gradientBound, 'annotations')
}

async function checkGrid(file: PaperFile): Promise<void> {
  const { hidden, depth, tied, loss } = file.case
  const x = input({ shape: [null, file.floats('x').shape[2] as number] })
  const cell = cells.gridLSTM({ units: hidden, depth, tied })
  const m = model({ inputs: x, outputs: layers.rnn({ cell, returnSequences: true, name: 'grid' }).apply(x) })
  setWeights(m, prefixed('grid', gridWeights(file)))
  const gy = file.floats('gy')
  const { outputs, weights, inputs } = await m.gradients(asTensor(file.floats('x')), { cotangents: asTensor(gy) })
  expectClose(outputs[0], file.floats('y'), outputBound, 'y')
  let sum = 0
  let magnitude = 0
  gy.data.forEach((g, index) => {
    sum += g * (outputs[0]?.data[index] as number)
    magnitude += Math.abs(g * (outputs[0]?.data[index] as number))
  })
  expect(Math.abs(sum - loss) / magnitude).toBeLessThanOrEqual(outputBound)
  expectGradients(weights, prefixed('grid', gridWeights(file, 'grad.')))
  expectClose(inputs[0], file.floats('grad.x'), gradientBound, 'x')
}
