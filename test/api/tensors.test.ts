import { inspect } from 'node:util'
import { layers, sequential, type Tensor, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { caught } from '../helpers/errors.js'
import { tokenClassifier, wave } from '../helpers/models.js'

const numbers = tensor(Float32Array.of(0.5, 2, -1, 3, 3, 0.25), [2, 3])

describe('array', () => {
  it('nests by the shape', async () => {
    expect(numbers.array()).toEqual([
      [0.5, 2, -1],
      [3, 3, 0.25],
    ])
    expect(tensor(wave(24), [2, 3, 4]).array<number[][][]>()[1]?.[2]?.[3]).toBe(wave(24)[23])
    expect(tensor([7], []).array()).toBe(7)
    expect(tensor([], [0, 3]).array()).toEqual([])
    expect(tensor([], [2, 0]).array()).toEqual([[], []])
    const p = await tokenClassifier().predict([[1, 2], [3]])
    expect(p.array<number[][]>().map((row) => row.length)).toEqual([3, 3])
  })

  it('ends each row where lengths say, so that models take it again', async () => {
    const m = sequential([layers.gru({ units: 2, inputShape: [null, 2], returnSequences: true })], { seed: 1 })
    const y = await m.predict(tensor(wave(12), [2, 3, 2], { lengths: [3, 1] }))
    expect(y.lengths).toEqual(Uint32Array.of(3, 1))
    const ragged = y.array<number[][][]>()
    expect(ragged.map((row) => row.length)).toEqual([3, 1])
    expect(ragged[1]?.[0]).toEqual(Array.from(y.data.subarray(6, 8)))
    expect(m.predictSync(ragged)).toEqual(m.predictSync(y))
  })

  it('keeps all steps of a mask', () => {
    const masked = tensor([1, 2, 3, 4], [2, 2], {
      mask: [
        [true, false],
        [false, true],
      ],
    })
    expect(masked.array()).toEqual([
      [1, 2],
      [3, 4],
    ])
  })
})

describe('row', () => {
  it('is a part of the same memory with the other dimensions', () => {
    const t = tensor(Int32Array.of(1, 2, 3, 4, 5, 6), [2, 3])
    expect(t.row(1)).toEqual({ data: Int32Array.of(4, 5, 6), shape: [3] })
    expect(t.row(-2).array()).toEqual([1, 2, 3])
    t.row(0).data[0] = 9
    expect(t.data[0]).toBe(9)
    expect(t.row(0).row(2).item()).toBe(3)
  })

  it('ends where the row does', () => {
    const t = tensor(wave(12), [2, 3, 2], { lengths: [2, 3] })
    expect(t.row(0).shape).toEqual([2, 2])
    expect(t.row(1).shape).toEqual([3, 2])
    expect(t.row(1).data).toEqual(wave(12).slice(6))
  })

  it('of what is no row is ERR_OPTION, of a single number ERR_SHAPE', async () => {
    for (const index of [2, -3, 0.5, Number.NaN, '0' as never, undefined as never]) {
      expect(await caught(() => numbers.row(index))).toMatchObject({
        code: 'ERR_OPTION',
        message: expect.stringMatching(/0 to 1/),
      })
    }
    expect(await caught(() => tensor([], [0, 3]).row(0))).toMatchObject({
      code: 'ERR_OPTION',
      message: expect.stringMatching(/none/),
    })
    expect(await caught(() => tensor([1], []).row(0))).toMatchObject({ code: 'ERR_SHAPE' })
  })
})

describe('a tensor whose memory was transferred', () => {
  it('says so, and can still be printed', async () => {
    const gone = tensor(wave(6), [2, 3])
    structuredClone(gone.data, { transfer: [gone.data.buffer as ArrayBuffer] })
    for (const call of [() => gone.array(), () => gone.row(0), () => gone.argMax(), () => gone.item()]) {
      expect(await caught(call)).toMatchObject({ code: 'ERR_DATA', message: expect.stringMatching(/transferred/) })
    }
    expect(String(gone)).toBe('Tensor [2, 3]')
  })
})

describe('argMax', () => {
  it('finds the first largest of the last dimension, NaN before all', () => {
    expect(numbers.argMax()).toEqual(Int32Array.of(1, 0))
    expect(tensor([-3, -1, -2], [3]).argMax()).toEqual(Int32Array.of(1))
    expect(tensor([1, 5, 2, 9, 3, 4, 0, 7], [2, 2, 2]).argMax()).toEqual(Int32Array.of(1, 1, 1, 1))
    expect(tensor([1, Number.NaN, 3, Number.NaN], [1, 4]).argMax()).toEqual(Int32Array.of(1))
    expect(tensor([Number.NaN, 1], [2]).argMax()).toEqual(Int32Array.of(0))
    expect(tensor([], [0, 4]).argMax()).toEqual(new Int32Array(0))
  })

  it('gives the classes of a prediction', async () => {
    const p = await tokenClassifier().predict([[1, 2], [3], [4, 5]])
    const classes = p.array<number[][]>().map((row) => row.indexOf(Math.max(...row)))
    expect(Array.from(p.argMax())).toEqual(classes)
  })

  it('needs a last dimension', async () => {
    for (const t of [tensor([1], []), tensor([], [2, 0])]) {
      expect(await caught(() => t.argMax())).toMatchObject({ code: 'ERR_SHAPE' })
    }
  })
})

describe('item', () => {
  it('is the only element, whatever the shape', async () => {
    expect(tensor([4], [1, 1]).item()).toBe(4)
    expect(tensor([4], []).item()).toBe(4)
    expect(await caught(() => numbers.item())).toMatchObject({
      code: 'ERR_SHAPE',
      message: expect.stringMatching(/6 elements/),
    })
    expect(await caught(() => tensor([], [0]).item())).toMatchObject({
      code: 'ERR_SHAPE',
      message: expect.stringMatching(/0 elements/),
    })
  })
})

describe('tensors', () => {
  it('compare, copy and print as the data that they are', () => {
    expect(numbers).toEqual({ data: numbers.data, shape: [2, 3] })
    expect(Object.keys(numbers)).toEqual(['data', 'shape'])
    expect(structuredClone(numbers)).toEqual({ data: numbers.data, shape: [2, 3] })
    expect(JSON.parse(JSON.stringify(numbers)).shape).toEqual([2, 3])
    expect(Object.keys(tensor([1, 2], [1, 2], { lengths: [2] }))).toEqual(['data', 'shape', 'lengths'])
    expect(inspect(numbers)).toBe('Tensor [2, 3] 0.5, 2, -1, 3, 3, 0.25')
    expect(`${tensor(wave(1e6), [1000, 1000]).toString().length < 100}`).toBe('true')
    expect(inspect([tensor([1 / 3], [1, 1], { lengths: [1] })])).toBe('[ Tensor [1, 1] with lengths 0.33333 ]')
  })

  it('are what all calls give: predictions, weights, gradients, steps of a session', async () => {
    const m = tokenClassifier()
    const gradients = await m.gradients([[1, 2]], [1])
    const head: Tensor | undefined = gradients.weights['head/bias']
    expect(head?.array<number[]>()).toHaveLength(3)
    expect(
      m
        .predictSync([[1]])
        .row(0)
        .argMax(),
    ).toHaveLength(1)
    expect(m.getWeights()[0]?.row(9).shape).toEqual([4])
    expect(m.session().step([1]).argMax()).toHaveLength(1)
  })
})
