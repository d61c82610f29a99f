// Synchronous predictions read large inputs where JavaScript has them, and recurrent layers write whole sequences where they belong.
import { input, layers, model, sequential, type Tensor, tensor } from 'seqloom'
import { expect, test } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { wave } from '../helpers/models.js'

const [rows, time, features] = [20, 30, 40]
const elements = rows * time * features

/** A layer of its own for every way to go through the steps. */
function readers() {
  const options = { units: 33, returnSequences: true, returnState: true }
  const x = input({ shape: [null, features] })
  const outputs = [
    layers.lstm(options).apply(x),
    layers.gru({ ...options, goBackwards: true }).apply(x),
    layers.simpleRNN(options).apply(x),
    layers.bidirectional({ layer: layers.lstm({ units: 9, returnSequences: true }) }).apply(x),
    layers.gru({ units: 7, goBackwards: true }).apply(x),
  ].flat()
  const full = model({ inputs: x, outputs, seed: 3 })
  return [full, full.quantize()] as const
}

test('sequences without padding have the bits that they have among shorter ones', async () => {
  const values = wave(elements, 5)
  for (const reader of readers()) {
    const whole = reader.predictSync(tensor(values, [rows, time, features])) as Tensor[]
    const again = (await reader.predict(tensor(values, [rows, time, features]))) as Tensor[]
    expect(again.map(({ data }) => data)).toEqual(whole.map(({ data }) => data))
    const lengths = Array.from({ length: rows }, (_, row) => (row === 0 ? 2 : time))
    const mixed = reader.predictSync(tensor(values, [rows, time, features], { lengths })) as Tensor[]
    const alone = reader.predictSync(tensor(values.slice(-time * features), [1, time, features])) as Tensor[]
    for (const [index, { data }] of whole.entries()) {
      const width = data.length / rows
      expect((mixed[index] as Tensor).data.slice(width)).toEqual(data.slice(width))
      expect((alone[index] as Tensor).data).toEqual(data.slice(-width))
    }
  }
})

test('an input is neither changed nor kept, and may be in shared memory', () => {
  const [reader] = readers()
  const values = wave(elements, 6)
  const before = values.slice()
  const first = (reader.predictSync(tensor(values, [rows, time, features])) as Tensor[]).map(({ data }) => data.slice())
  expect(values).toEqual(before)
  const shared = new Float32Array(new SharedArrayBuffer(4 * elements))
  shared.set(values)
  // Four bytes further on than whole cache lines.
  const unaligned = new Float32Array(new ArrayBuffer(4 * elements + 4), 4, elements)
  unaligned.set(values)
  for (const same of [shared, unaligned]) {
    const other = reader.predictSync(tensor(same, [rows, time, features])) as Tensor[]
    expect(other.map(({ data }) => data)).toEqual(first)
  }
  // Other data in the same memory; then the memory goes away, and the model works on.
  values.fill(0.25)
  const second = reader.predictSync(tensor(values, [rows, time, features])) as Tensor[]
  expect((second[0] as Tensor).data).not.toEqual(first[0])
  structuredClone(values.buffer, { transfer: [values.buffer as ArrayBuffer] })
  const third = reader.predictSync(tensor(before, [rows, time, features]), { batchSize: 7 }) as Tensor[]
  expect(third.map(({ data }) => data)).toEqual(first)
})

test('an output that is an input is a copy of it', () => {
  const x = input({ shape: [features] })
  const same = model({ inputs: x, outputs: [x, layers.dense({ units: 2 }).apply(x)], seed: 1 })
  const values = wave(500 * features, 7)
  const [copy] = same.predictSync(tensor(values, [500, features]), { batchSize: 500 }) as Tensor[]
  expect(copy?.data).toEqual(values)
  expect(copy?.data.buffer).not.toBe(values.buffer)
  values[0] = 9
  expect(copy?.data[0]).not.toBe(9)
})

test('numbers that are not finite are found where they are', async () => {
  const reader = sequential([layers.lstm({ units: 4, inputShape: [null, features] })], { seed: 1 })
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const values = wave(elements, 8)
    values[(7 * time + 5) * features + 3] = bad
    await expectCoded(
      () => reader.predictSync(tensor(values, [rows, time, features])),
      'ERR_DATA',
      /row 7, step 5, feature 3/,
    )
  }
  expect(reader.predictSync(tensor(wave(elements, 8), [rows, time, features])).shape).toEqual([rows, 4])
})
