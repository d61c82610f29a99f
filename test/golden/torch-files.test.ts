import { mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { interop, layers, losses, sequential } from 'seqloom'
import { describe, expect } from 'vitest'
import { expectClose, outputBound } from '../helpers/compare.js'
import { at, type CellName } from '../helpers/gates.js'
import { forEachGolden } from '../helpers/golden.js'
import { readGolden } from '../helpers/safetensors.js'
import { asTensor, recurrentStack, statesOf } from '../helpers/stack.js'
import { readTorchFile } from '../helpers/torchFile.js'

interface CellCase {
  kind: CellName
  input: number
  hidden: number
  layers: number
  bidirectional: boolean
  lengths: number[] | null
  nonlinearity: 'tanh' | 'relu' | null
}

interface TrainingCase {
  kind: CellName
  layers: number
  bidirectional: boolean
  per_step_output: boolean
  vocab: number
  embedding: number
  hidden: number
  classes: number
  losses: number[]
}

const cells = ['rnn_tiny', 'rnn_relu', 'lstm_tiny', 'gru_tiny', 'gru_odd', 'lstm_deep', 'gru_deep_bi', 'lstm_deep_bi']

describe('the weights of PyTorch’s recurrent modules, loaded from its files', () => {
  forEachGolden('torch-cells', cells, async (path) => {
    const file = readGolden<CellCase>(path)
    const golden = file.case
    const m = recurrentStack({
      kind: golden.kind,
      input: golden.input,
      hidden: golden.hidden,
      layers: golden.layers,
      direction: golden.bidirectional ? 'bidirectional' : 'forward',
      activation: golden.nonlinearity ?? 'tanh',
      initialState: file.has('h0'),
    })
    await interop.loadPyTorch(path, { model: m, ignore: file.names.filter((name) => !/^(weight|bias)_/.test(name)) })
    const states = (h: string, c: string) =>
      statesOf(file.floats(h), golden.kind === 'LSTM' ? file.floats(c) : undefined, at)
    const inputs = [asTensor(file.floats('x'), golden.lengths)]
    if (file.has('h0')) inputs.push(...states('h0', 'c0').map((values) => asTensor(values)))
    const outputs = await m.predict(inputs)
    for (const [index, values] of [file.floats('y'), ...states('hn', 'cn')].entries())
      expectClose(outputs[index], values, outputBound, `output ${index}`)
  })
})

const trainings = ['adam', 'rnn_bi', 'gru_seq', 'lstm_deep_bi_seq']

function modelOf(golden: TrainingCase) {
  const readsLast = golden.bidirectional && !golden.per_step_output
  const make = { RNN: layers.simpleRNN, LSTM: layers.lstm, GRU: layers.gru }[golden.kind] as typeof layers.gru
  const stack = Array.from({ length: golden.layers }, (_, index) => {
    const returnSequences = golden.per_step_output || readsLast || index < golden.layers - 1
    const layer = make({ units: golden.hidden, returnSequences } as never)
    return golden.bidirectional ? layers.bidirectional({ layer }) : layer
  })
  return sequential([
    layers.embedding({ inputDim: golden.vocab, outputDim: golden.embedding }),
    ...stack,
    ...(readsLast ? [layers.lastStep()] : []),
    layers.dense({ units: golden.classes }),
  ])
}

describe('whole state dicts of PyTorch', () => {
  forEachGolden('torch-training', trainings, async (path) => {
    const file = readGolden<TrainingCase>(path)
    const m = modelOf(file.case)
    m.compile({ optimizer: 'sgd', loss: losses.sparseCategoricalCrossentropy({ fromLogits: true }) })
    await interop.loadPyTorch(path, { model: m, ignore: ['final', 'tokens', 'targets'] })
    const [loss] = m.evaluateSync(
      asTensor(at(file.ints('tokens') as never, 0)),
      asTensor(at(file.ints('targets') as never, 0)),
      { batchSize: 1000 },
    ) as [number]
    const expected = file.case.losses[0] as number
    expect(Math.abs(loss - expected) / expected).toBeLessThanOrEqual(outputBound)

    // There and back, no bit is lost: the second biases of RNN and LSTM are zero in these files.
    const { mapping } = await interop.loadPyTorch(path, { model: m, ignore: ['init', 'tokens', 'targets'] })
    const copy = join(await mkdtemp(join(tmpdir(), 'seqloom-')), 'copy.safetensors')
    await interop.toPyTorch(m, copy, { mapping })
    const [theirs, ours] = [readTorchFile(await readFile(path)), readTorchFile(await readFile(copy))]
    const final = Object.keys(theirs).filter((name) => name.startsWith('final.'))
    expect(Object.keys(ours).sort()).toEqual(final.sort())
    for (const name of final) expect(ours[name], name).toEqual(theirs[name])
  })
})
