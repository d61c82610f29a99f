import { existsSync, readFileSync } from 'node:fs'
import { interop } from 'seqloom'
import { describe, it } from 'vitest'
import { expectClose, outputBound } from '../helpers/compare.js'
import { addBiases, at, biasOf, type CellName, kernelOf, onnxGates } from '../helpers/gates.js'
import { goldenPath } from '../helpers/golden.js'
import {
  attributeOf,
  bytesOf,
  float32,
  graphOf,
  initializer,
  ints,
  modelOf,
  nodeOf,
  value,
} from '../helpers/onnxFiles.js'
import type { Values } from '../helpers/safetensors.js'
import { asTensor, recurrentStack, statesOf } from '../helpers/stack.js'

interface Stored {
  shape: number[]
  data: number[]
}

interface OnnxCase {
  op: CellName
  attributes: { hidden_size: number; direction?: 'forward' | 'reverse' | 'bidirectional'; layout?: 0 | 1 }
  inputs: Record<string, Stored>
  outputs: Record<string, Stored>
}

const ops = { simple_rnn: ['defaults', 'with_initial_bias', 'batchwise', 'reverse', 'bidirectional'] }
const names = [
  ...ops.simple_rnn.map((variant) => `test_simple_rnn_${variant}`),
  ...ops.simple_rnn.flatMap((variant) => [`test_lstm_${variant}`, `test_gru_${variant}`]),
  'test_rnn_seq_length',
  'test_gru_seq_length',
]

function values({ shape, data }: Stored): Values<Float32Array> {
  return { data: Float32Array.from(data), shape }
}

/** Swaps the first two axes: ONNX's default layout is time-major, ours batch-major. */
function swapFirstAxes({ data, shape }: Values<Float32Array>): Values<Float32Array> {
  const [a, b, ...rest] = shape as [number, number, ...number[]]
  const size = rest.reduce((product, n) => product * n, 1)
  const swapped = new Float32Array(data.length)
  for (let i = 0; i < a; i++)
    for (let j = 0; j < b; j++)
      swapped.set(data.subarray((i * b + j) * size, (i * b + j + 1) * size), (j * a + i) * size)
  return { data: swapped, shape: [b, a, ...rest] }
}

/** ONNX's Y, [time, directions, batch, hidden] or batchwise [batch, time, directions, hidden], as our [batch, time, directions·hidden]. */
function sequenceOf(y: Values<Float32Array>, batchwise: boolean): Values<Float32Array> {
  if (batchwise) {
    const [batch, time, directions, hidden] = y.shape as [number, number, number, number]
    return { data: y.data, shape: [batch, time, directions * hidden] }
  }
  const [time, directions, batch, hidden] = y.shape as [number, number, number, number]
  const data = new Float32Array(y.data.length)
  for (let t = 0; t < time; t++)
    for (let d = 0; d < directions; d++)
      for (let b = 0; b < batch; b++) {
        const from = ((t * directions + d) * batch + b) * hidden
        data.set(y.data.subarray(from, from + hidden), ((b * time + t) * directions + d) * hidden)
      }
  return { data, shape: [batch, time, directions * hidden] }
}

/** Reverses time: ours comes in the order of processing where a layer goes backwards, ONNX's in the order of the input. */
function reverseTime({ data, shape }: Values<Float32Array>): Values<Float32Array> {
  const [batch, time, features] = shape as [number, number, number]
  const reversed = new Float32Array(data.length)
  for (let b = 0; b < batch; b++)
    for (let t = 0; t < time; t++) {
      const from = (b * time + t) * features
      reversed.set(data.subarray(from, from + features), (b * time + time - 1 - t) * features)
    }
  return { data: reversed, shape }
}

async function check({ op: kind, attributes, inputs, outputs: golden }: OnnxCase): Promise<void> {
  const order = onnxGates[kind]
  const direction = attributes.direction ?? 'forward'
  const batchwise = attributes.layout === 1
  const given = (name: string): Values<Float32Array> => values(inputs[name] as Stored)
  const x = batchwise ? given('X') : swapFirstAxes(given('X'))
  const weights = Array.from({ length: direction === 'bidirectional' ? 2 : 1 }, (_, d) => {
    const kernels = [kernelOf(at(given('W'), d), order), kernelOf(at(given('R'), d), order)]
    if (inputs.B === undefined) return kernels
    const both = at(given('B'), d).data
    const half = (start: number) => biasOf({ data: both.slice(start, start + both.length / 2), shape: [] }, order)
    return [...kernels, addBiases(half(0), half(both.length / 2))]
  }).flat()
  const m = recurrentStack({
    kind,
    input: x.shape[2] as number,
    hidden: attributes.hidden_size,
    direction,
    resetAfter: false,
    useBias: inputs.B !== undefined,
  })
  m.setWeights(weights.map((weight) => asTensor(weight)))
  const results = await m.predict(asTensor(x))
  if (golden.Y !== undefined) {
    const y = sequenceOf(values(golden.Y), batchwise)
    expectClose(results[0], direction === 'reverse' ? reverseTime(y) : y, outputBound, 'Y')
  }
  if (golden.Y_h === undefined) return
  const states = (stored: Stored) => (batchwise ? swapFirstAxes(values(stored)) : values(stored))
  const h = states(golden.Y_h)
  const c = golden.Y_c === undefined ? undefined : states(golden.Y_c)
  // An LSTM of ours returns h and c of each direction in turn; where the case lists h alone, every second state is compared.
  const step = kind === 'LSTM' && c === undefined ? 2 : 1
  for (const [index, state] of statesOf(h, c, at).entries())
    expectClose(results[1 + index * step], state, outputBound, `last state ${index}`)
}

/** The case as a file: X is its input, everything else an initializer; through the importer. */
async function checkImported({ op, attributes, inputs, outputs }: OnnxCase): Promise<void> {
  const order = ['X', 'W', 'R', 'B', 'sequence_lens', 'initial_h', 'initial_c', 'P']
  const used = order.map((name) => (inputs[name] ? name : ''))
  const all = op === 'LSTM' ? ['Y', 'Y_h', 'Y_c'] : ['Y', 'Y_h']
  const initializers = used
    .filter((name) => name !== '' && name !== 'X')
    .map((name) => {
      const { shape, data } = inputs[name] as Stored
      return initializer(name, shape, name === 'sequence_lens' ? ints(data) : float32(data))
    })
  const x = inputs.X as Stored
  const node = nodeOf(
    op,
    used.slice(0, used.findLastIndex((name) => name !== '') + 1),
    all.map((name) => (outputs[name] ? name : '')),
    'node',
    Object.entries(attributes).map(([name, given]) => attributeOf(name, given)),
  )
  const listed = all.filter((name) => outputs[name])
  const m = await interop.loadOnnx(
    await bytesOf(modelOf(graphOf([node], [value('X', x.shape)], listed, initializers), 14)),
  )
  const batchwise = attributes.layout === 1
  const result = await m.predict(asTensor(batchwise ? values(x) : swapFirstAxes(values(x))))
  for (const [at, name] of listed.entries()) {
    const golden = values(outputs[name] as Stored)
    // The batch comes first: Y is [time, directions, batch, hidden], the states [directions, batch, hidden].
    const states = batchwise ? golden : swapFirstAxes(golden)
    const [batch, time, directions, hidden] = [
      x.shape[batchwise ? 0 : 1],
      x.shape[batchwise ? 1 : 0],
      golden.shape[batchwise ? 2 : 1],
      attributes.hidden_size,
    ]
    const expected =
      name === 'Y' ? { ...sequenceOf(golden, batchwise), shape: [batch, time, directions, hidden] as number[] } : states
    expectClose(Array.isArray(result) ? result[at] : result, expected, outputBound, name)
  }
  m.dispose()
}

describe('ONNX’s operator cases', () => {
  const path = goldenPath('onnx', 'node_cases_1.23.2.json')
  const imported = [...names, 'test_lstm_with_peepholes']
  if (path === undefined || !existsSync(path)) {
    const why = '(SKIPPED: set SEQLOOM_SHARED to the folder of golden/onnx)'
    for (const name of names) it.skip(`${name} ${why}`)
    for (const name of imported) it.skip(`${name}, imported ${why}`)
    return
  }
  const cases = JSON.parse(readFileSync(path, 'utf8')) as Record<string, OnnxCase>
  it.each(names)('%s', (name) => check(cases[name] as OnnxCase))
  it.each(imported)('%s, imported', (name) => checkImported(cases[name] as OnnxCase))
})
