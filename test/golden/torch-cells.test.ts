import { describe, expect } from 'vitest'
import { expectClose, gradientBound, outputBound } from '../helpers/compare.js'
import { addBiases, at, biasOf, type CellName, kernelOf, stackBiases, torchGates } from '../helpers/gates.js'
import { forEachGolden } from '../helpers/golden.js'
import { type GoldenFile, readGolden, type Values } from '../helpers/safetensors.js'
import { asTensor, recurrentStack, statesOf } from '../helpers/stack.js'

interface CellCase {
  kind: CellName
  input: number
  hidden: number
  layers: number
  bidirectional: boolean
  lengths: number[] | null
  nonlinearity: 'tanh' | 'relu' | null
  loss: number
}

const variants = ['tiny', 'odd', 'state', 'wide', 'bi', 'deep', 'deep_bi', 'long', 'block', 'ragged', 'ragged_bi']
const names = [...['rnn', 'lstm', 'gru'].flatMap((kind) => variants.map((variant) => `${kind}_${variant}`)), 'rnn_relu']

/** PyTorch's suffixes of a stack's weights, layer by layer, forward before backward. */
function suffixes(golden: CellCase): string[] {
  return Array.from({ length: golden.layers }, (_, layer) =>
    golden.bidirectional ? [`l${layer}`, `l${layer}_reverse`] : [`l${layer}`],
  ).flat()
}

/** Our weights, in order, out of PyTorch's. `prefix` is 'grad.' for gradients, whose two biases are equal where ours is one. */
function weightsOf(file: GoldenFile<CellCase>, prefix: '' | 'grad.'): Values<Float32Array>[] {
  const { kind } = file.case
  const order = torchGates[kind]
  return suffixes(file.case).flatMap((suffix) => {
    const inputBias = biasOf(file.floats(`${prefix}bias_ih_${suffix}`), order)
    const recurrentBias = biasOf(file.floats(`${prefix}bias_hh_${suffix}`), order)
    const single = prefix === '' ? addBiases(inputBias, recurrentBias) : inputBias
    return [
      kernelOf(file.floats(`${prefix}weight_ih_${suffix}`), order),
      kernelOf(file.floats(`${prefix}weight_hh_${suffix}`), order),
      kind === 'GRU' ? stackBiases(inputBias, recurrentBias) : single,
    ]
  })
}

function states(file: GoldenFile<CellCase>, h: string, c: string): Values<Float32Array>[] {
  return statesOf(file.floats(h), file.case.kind === 'LSTM' ? file.floats(c) : undefined, at)
}

function dot(a: ArrayLike<number>, b: ArrayLike<number>): { sum: number; magnitude: number } {
  let sum = 0
  let magnitude = 0
  for (let i = 0; i < a.length; i++) {
    const term = (a[i] as number) * (b[i] as number)
    sum += term
    magnitude += Math.abs(term)
  }
  return { sum, magnitude }
}

describe('recurrent cells give PyTorch’s outputs, last states and gradients', () => {
  forEachGolden('torch-cells', names, async (path) => {
    const file = readGolden<CellCase>(path)
    const golden = file.case
    const initialState = file.has('h0')
    const m = recurrentStack({
      kind: golden.kind,
      input: golden.input,
      hidden: golden.hidden,
      layers: golden.layers,
      direction: golden.bidirectional ? 'bidirectional' : 'forward',
      activation: golden.nonlinearity ?? 'tanh',
      initialState,
    })
    m.setWeights(weightsOf(file, '').map((values) => asTensor(values)))
    const inputs = [asTensor(file.floats('x'), golden.lengths)]
    if (initialState) inputs.push(...states(file, 'h0', 'c0').map((values) => asTensor(values)))

    const expected = [file.floats('y'), ...states(file, 'hn', 'cn')]
    const cotangents = [file.floats('gy'), ...states(file, 'ghn', 'gcn')]
    const outputs = await m.predict(inputs)
    for (const [index, values] of expected.entries())
      expectClose(outputs[index], values, outputBound, `output ${index}`)

    const terms = cotangents.map((g, index) => dot(g.data, outputs[index]?.data ?? []))
    const loss = terms.reduce((sum, term) => sum + term.sum, 0)
    const magnitude = terms.reduce((sum, term) => sum + term.magnitude, 0)
    expect(Math.abs(loss - golden.loss) / magnitude, 'relative error of the loss').toBeLessThanOrEqual(outputBound)

    const gradients = await m.gradients(inputs, {
      cotangents: cotangents.map((values, index) => asTensor(values, index === 0 ? golden.lengths : undefined)),
    })
    const ours = Object.entries(gradients.weights)
    weightsOf(file, 'grad.').forEach((values, index) => {
      const [name, gradient] = ours[index] ?? ['?', undefined]
      expectClose(gradient, values, gradientBound, `gradient of weight ${name}`)
    })
    expectClose(gradients.inputs[0], file.floats('grad.x'), gradientBound, 'gradient of x')
    if (!initialState) return
    for (const [index, values] of states(file, 'grad.h0', 'grad.c0').entries())
      expectClose(gradients.inputs[index + 1], values, gradientBound, `gradient of initial state ${index}`)
  })
})
