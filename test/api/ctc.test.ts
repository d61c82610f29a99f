import { readFileSync } from 'node:fs'
import {
  backend,
  configure,
  layers,
  loadModel,
  losses,
  type Model,
  sequential,
  type Tensor,
  tensor,
  text,
} from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

interface Case {
  readonly name: string
  readonly shape: readonly [number, number, number]
  readonly blank: number
  readonly targets: readonly (readonly number[])[]
  readonly lengths: readonly number[]
  readonly logits: readonly number[]
  readonly losses: readonly number[]
  readonly gradient: readonly number[]
}

const { cases } = JSON.parse(readFileSync(new URL('../fixtures/ctc/pytorch.json', import.meta.url), 'utf8')) as {
  readonly cases: readonly Case[]
}

/** A model whose output is its input. */
function passing(symbols: number, options: Parameters<typeof losses.ctc>[0] = {}): Model {
  const m = sequential([layers.activation({ activation: 'linear', inputShape: [null, symbols] })])
  m.compile({ optimizer: 'sgd', loss: losses.ctc(options) })
  return m
}

const logitsOf = ({ logits, shape, lengths }: Case): Tensor =>
  tensor(Float32Array.from(logits), shape, { lengths }) as unknown as Tensor

const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length

describe('losses.ctc', () => {
  it.each(cases)("gives PyTorch's losses and gradients: $name", async (each) => {
    const m = passing(each.shape[2], { blank: each.blank, zeroInfinity: true })
    const [x, y] = [logitsOf(each), each.targets]
    const [value = Number.NaN] = await m.evaluate(x, y)
    expect(Math.abs(value - mean(each.losses))).toBeLessThan(1e-5 * Math.max(1, mean(each.losses)))
    const { inputs } = await m.gradients(x, y)
    for (const [at, expected] of each.gradient.entries()) {
      expect(Math.abs((inputs[0]?.data[at] as number) - expected), `gradient ${at}`).toBeLessThan(1e-5)
    }
    const sums = passing(each.shape[2], { blank: each.blank, zeroInfinity: true, reduction: 'sum' })
    const [sum = Number.NaN] = await sums.evaluate(x, y)
    expect(sum / mean(each.losses)).toBeCloseTo(each.targets.length, 4)
  })

  it('has the same bits for any number of threads, and for a row wherever it is', async () => {
    const each = cases.at(-1) as Case
    const m = passing(each.shape[2])
    const bits = async (x: Tensor, y: readonly (readonly number[])[]) =>
      Array.from((await m.gradients(x, y)).inputs[0]?.data as Float32Array)
    const [rows, time, symbols] = [24, each.shape[1], each.shape[2]]
    const size = time * symbols
    const data = new Float32Array(rows * size)
    for (let row = 0; row < rows; row++)
      data.set(each.logits.slice((row % 2) * size, ((row % 2) + 1) * size), row * size)
    const lengths = Array.from({ length: rows }, (_, row) => each.lengths[row % 2] as number)
    const x = tensor(data, [rows, time, symbols], { lengths }) as unknown as Tensor
    const y = lengths.map((_, row) => each.targets[row % 2] as readonly number[])
    const { threads } = backend()
    try {
      configure({ threads: 1 })
      const one = await bits(x, y)
      configure({ threads: 2 })
      expect(await bits(x, y)).toEqual(one)
      expect(one.slice(0, 2 * size)).toEqual(one.slice(-2 * size))
    } finally {
      configure({ threads })
    }
  })

  it('takes targets as arrays, as a tensor filled up with blanks or negative numbers, and with lengths', async () => {
    const m = passing(3)
    const x = tensor(
      Float32Array.from({ length: 18 }, (_, i) => Math.sin(i * 7)),
      [2, 3, 3],
    )
    const [expected] = await m.evaluate(x, [[1, 2], [2]])
    for (const y of [
      [Int32Array.of(1, 2), Int32Array.of(2)],
      tensor([1, 2, 2, 0], [2, 2]),
      tensor([1, 2, 0, 2, -1, 7], [2, 3]),
      tensor([1, 2, 2, 1], [2, 2], { lengths: [2, 1] }),
    ]) {
      if ('shape' in y && y.data[5] === 7) await expectCoded(() => m.evaluate(x, y), 'ERR_DATA', /row 1 goes on with 7/)
      else expect(await m.evaluate(x, y)).toEqual([expected])
    }
  })

  it('weighs rows', async () => {
    const each = cases[0] as Case
    const m = passing(each.shape[2])
    const weights = [1, 0, 2, 0.5]
    const weighted = each.losses.map((loss, row) => loss * (weights[row] as number))
    const [value] = await m.evaluate(logitsOf(each), each.targets, { sampleWeight: weights })
    expect(value).toBeCloseTo(mean(weighted), 4)
    const by = passing(each.shape[2], { reduction: 'meanWithSampleWeight' })
    const [share] = await by.evaluate(logitsOf(each), each.targets, { sampleWeight: weights })
    expect(share).toBeCloseTo(mean(weighted) / mean(weights), 4)
    await expectCoded(
      () =>
        m.evaluate(logitsOf(each), each.targets, {
          sampleWeight: [
            [1, 2],
            [1, 2],
            [1, 2],
            [1, 2],
          ] as never,
        }),
      ['ERR_SHAPE', 'ERR_DATA'],
    )
  })

  it('skips steps that a mask leaves out', async () => {
    const m = passing(3)
    const values = Float32Array.from({ length: 15 }, (_, i) => Math.cos(i * 5))
    const [expected = Number.NaN] = await m.evaluate(
      tensor(Float32Array.of(...values.slice(0, 3), ...values.slice(9, 15)), [1, 3, 3]),
      [[1, 2]],
    )
    const holes = tensor(values, [1, 5, 3], { mask: [true, false, false, true, true] })
    const [value] = await m.evaluate(holes, [[1, 2]])
    expect(value).toBeCloseTo(expected, 6)
    const { inputs } = await m.gradients(holes, [[1, 2]])
    expect(Array.from(inputs[0]?.data.slice(3, 9) as Float32Array)).toEqual([0, 0, 0, 0, 0, 0])
  })

  it('refuses targets that no alignment writes, naming the row and what would be right', async () => {
    const m = passing(3)
    const x = tensor(new Float32Array(2 * 3 * 3), [2, 3, 3], { lengths: [3, 2] })
    await expectCoded(() => m.evaluate(x, [[1], [2, 2]]), 'ERR_DATA', /row 1.*2 symbols.*3 steps.*has 2.*zeroInfinity/)
    await expectCoded(
      () => m.fit(x, [[1, 1, 1], [2]], { epochs: 1, batchSize: 1, verbose: 0 } as never),
      'ERR_DATA',
      /row 0.*5 steps/,
    )
    await expectCoded(() => m.evaluate(x, [[1], [3]]), 'ERR_DATA', /row 1 has 3 at position 0.*0 to 2.*blank, 0/)
    await expectCoded(() => m.evaluate(x, [[1], [0, 1]]), 'ERR_DATA', /row 1 has 0 at position 0/)
    await expectCoded(() => m.evaluate(x, [[1], [1.5]]), 'ERR_DATA', /row 1, position 0 is 1.5/)
    await expectCoded(() => m.evaluate(x, [[1]]), 'ERR_SHAPE', /rows/)
    await expectCoded(() => m.evaluate(x, tensor([1, 2], [2, 1], { mask: [true, false] })), 'ERR_DATA', /mask/)
  })

  it('refuses options, metrics, class weights and outputs that make no sense with it', async () => {
    expectCoded(() => losses.ctc({ blank: -1 }), 'ERR_OPTION', /blank/)
    expectCoded(() => losses.ctc({ fromLogits: true } as never), 'ERR_OPTION', /fromLogits/)
    const m = sequential([layers.dense({ units: 3, inputShape: [null, 2] })])
    await expectCoded(
      () => m.compile({ optimizer: 'sgd', loss: losses.ctc({ blank: 3 }) }),
      'ERR_OPTION',
      /blank is 3.*0 to 2/,
    )
    expectCoded(
      () => m.compile({ optimizer: 'sgd', loss: 'ctc', metrics: ['accuracy'] }),
      'ERR_UNSUPPORTED',
      /ctcDecode/,
    )
    const flat = sequential([layers.dense({ units: 3, inputShape: [2] })])
    await expectCoded(() => flat.compile({ optimizer: 'sgd', loss: 'ctc' }), 'ERR_SHAPE', /\[batch, time, symbols\]/)
    m.compile({ optimizer: 'sgd', loss: 'ctc' })
    await expectCoded(() => m.fit([[[1, 2]]], [[1]], { classWeight: { 1: 2 } }), 'ERR_OPTION', /classWeight/)
    const mse = sequential([layers.dense({ units: 3, inputShape: [null, 2] })])
    expectCoded(
      () => mse.compile({ optimizer: 'sgd', loss: 'mse', metrics: ['ctc' as never] }),
      ['ERR_OPTION', 'ERR_UNSUPPORTED'],
    )
  })

  it('trains a model of ragged rows to write their targets, also after saving', async () => {
    const m = sequential(
      [layers.gru({ units: 24, returnSequences: true, inputShape: [null, 4] }), layers.dense({ units: 4 })],
      { seed: 3 },
    )
    m.compile({ optimizer: { kind: 'adam', learningRate: 0.02 } as never, loss: losses.ctc() })
    const targets = Array.from({ length: 48 }, (_, row) =>
      Array.from({ length: 1 + (row % 4) }, (_, at) => 1 + ((row * 5 + at * at * 3 + at) % 3)),
    )
    // Each symbol is seen for two or three steps, then nothing for one.
    const x = targets.map((target, row) =>
      target.flatMap((symbol, at) => [
        ...Array.from({ length: 2 + ((row + at) % 2) }, () => [0, 1, 2, 3].map((i) => Number(i === symbol))),
        [1, 0, 0, 0],
      ]),
    )
    const { history } = await m.fit(x, targets, { epochs: 60, batchSize: 16 })
    expect(history.loss?.at(-1)).toBeLessThan(0.1)
    const again = await loadModel(await m.toBytes())
    expect((await again.evaluate(x, targets))[0]).toBeLessThan(0.1)
    const found = text.ctcDecode(await again.predict(x))
    expect(found.map(({ labels }) => labels)).toEqual(targets)
  })
})
