import { cells, input, layers, model, type TensorLike, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectClose, outputBound } from '../helpers/compare.js'
import { wave } from '../helpers/models.js'

const [rows, queries, steps, size] = [3, 4, 5, 6]
const lengths = [5, 2, 3]
const query = tensor(wave(rows * queries * size, 1), [rows, queries, size])
const value = tensor(wave(rows * steps * size, 2), [rows, steps, size], { lengths })

/** Asserts that the weights `[…, steps]` of every row sum to one over its valid steps and are zero at padding. */
function expectWeights({ data, shape }: { data: ArrayLike<number>; shape: readonly number[] }): void {
  const perRow = data.length / steps / rows
  expect(shape.at(-1)).toBe(steps)
  for (let at = 0; at < data.length / steps; at++) {
    const weights = Array.from({ length: steps }, (_, step) => data[at * steps + step] as number)
    const length = lengths[Math.floor(at / perRow)] as number
    expect(weights.slice(length).every((weight) => weight === 0)).toBe(true)
    expect(weights.reduce((sum, weight) => sum + weight, 0)).toBeCloseTo(1, 5)
  }
}

it('pads what follows as its query is: means leave padded steps out', async () => {
  const kinds = {
    attention: layers.attention(),
    additive: layers.additiveAttention(),
    heads: layers.multiHeadAttention({ numHeads: 2, keyDim: 3 }),
  }
  const x = input({ shape: [null, size] })
  for (const [name, layer] of Object.entries(kinds)) {
    const m = model({ inputs: x, outputs: layers.globalAveragePooling1d().apply(layer.apply([x, x])), seed: 1 })
    const { data } = await m.predict(value)
    const short = value.data.slice(steps * size, (steps + 2) * size) as Float32Array
    const alone = await m.predict(tensor(short, [1, 2, size]))
    expectClose({ data: data.slice(size, 2 * size), shape: [1, size] }, alone, outputBound, name)
  }
})

it('sees nothing of later steps with useCausalMask, however many there are', async () => {
  const x = input({ shape: [null, size] })
  for (const layer of [
    layers.multiHeadAttention({ numHeads: 2, keyDim: 3, useCausalMask: true }),
    layers.attention({ useCausalMask: true }),
  ]) {
    const m = model({ inputs: x, outputs: layer.apply([x, x]), seed: 1 })
    const all = await m.predict(tensor(wave(steps * size, 3), [1, steps, size]))
    for (let count = 1; count < steps; count++) {
      const some = await m.predict(tensor(wave(steps * size, 3).slice(0, count * size), [1, count, size]))
      const begins = { data: all.data.slice(0, count * size), shape: [1, count, size] }
      expectClose(some, begins, outputBound, `${count} steps`)
    }
  }
})

const sources = () => [input({ shape: [null, size] }), input({ shape: [null, size] })] as const

describe('layers of attention', () => {
  const kinds = {
    'by products': () => layers.attention({ returnAttentionScores: true }),
    'by products, scaled': () => layers.attention({ useScale: true, returnAttentionScores: true }),
    'by sums': () => layers.attention({ scoreMode: 'concat', useScale: true, returnAttentionScores: true }),
    additive: () => layers.additiveAttention({ returnAttentionScores: true }),
    'with heads': () => layers.multiHeadAttention({ numHeads: 2, keyDim: 3, returnAttentionScores: true }),
  }
  for (const [name, make] of Object.entries(kinds)) {
    it(`${name}: weights sum to one over valid steps`, async () => {
      const inputs = sources()
      const [output, scores] = make().apply(inputs)
      const m = model({ inputs, outputs: [output, scores], seed: 1 })
      const [y, weights] = await m.predict([query, value])
      expect(y?.shape).toEqual([rows, queries, size])
      expectWeights(weights as NonNullable<typeof weights>)
    })
  }

  it('reads keys of its own', async () => {
    const [q, v] = sources()
    const k = input({ shape: [null, size] })
    const two = model({ inputs: [q, v], outputs: layers.attention().apply([q, v]) })
    const [a, b] = sources()
    const three = model({ inputs: [a, b, k], outputs: layers.attention().apply([a, b, k]) })
    expectClose(await three.predict([query, value, value]), await two.predict([query, value]), outputBound, 'output')
  })

  it('one head that projects nothing is attention by products', async () => {
    const identity = tensor(
      Float32Array.from({ length: size * size }, (_, i) => Number(i % (size + 1) === 0)),
      [size, size],
    )
    const inputs = sources()
    const layer = layers.multiHeadAttention({ numHeads: 1, keyDim: size, useBias: false })
    const m = model({ inputs, outputs: layer.apply(inputs) })
    m.setWeights([identity, identity, identity, identity])
    const plain = sources()
    const known = model({ inputs: plain, outputs: layers.attention({ useScale: true }).apply(plain) })
    known.setWeights([tensor(Float32Array.of(1 / Math.sqrt(size)), [1])])
    expectClose(await m.predict([query, value]), await known.predict([query, value]), outputBound, 'output')
  })
})

describe('decoders with attention', () => {
  const decoders = {
    bahdanau: cells.bahdanau({ units: size }),
    'luong, general': cells.luong({ units: size }),
    'luong, dot, without feeding': cells.luong({ units: size, score: 'dot', inputFeeding: false }),
  }
  for (const [name, cell] of Object.entries(decoders)) {
    it(`${name}: alignments sum to one over valid steps, and it learns`, async () => {
      const [x, memory] = sources()
      const [read, alignment] = layers
        .rnn({ cell: cell as typeof decoders.bahdanau, returnSequences: true })
        .apply(x, { constants: { memory } })
      const m = model({ inputs: [x, memory], outputs: [layers.dense({ units: 2 }).apply(read), alignment], seed: 2 })
      m.compile({ optimizer: 'adam', loss: ['mse', null] })
      const data: TensorLike[] = [query, value]
      const [, looked] = await m.predict(data)
      expectWeights(looked as NonNullable<typeof looked>)
      const targets = tensor(wave(rows * queries * 2, 5), [rows, queries, 2])
      const { history } = await m.fit(data, targets, { epochs: 60 })
      expect(history.loss?.at(-1)).toBeLessThan(0.9 * (history.loss?.[0] as number))
    })
  }
})
