import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { convertAll, convertOne, runSliced, runSync, type Slot } from '../../src/data/index.js'
import { tensor } from '../../src/data/tensor.js'

const slot = (shape: Slot['shape'], more: Partial<Slot> = {}): Slot => ({
  ...{ where: "input 'x'", name: 'x', dtype: 'float32' as const, shape, looseLast: false },
  ...more,
})
const tokens = slot([null, null], { dtype: 'int32' })
const features = slot([null, null, 2])
const convert = (where: Slot, value: unknown) => runSync(convertOne(where, value))
const coded = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) })

const float = fc.float({ noNaN: true, noDefaultInfinity: true })

describe('nested arrays', () => {
  it('of equal rows become dense, in row-major order', () => {
    const rows = fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })).chain(([time, size]) =>
      fc.tuple(
        fc.constant([time, size] as const),
        fc.array(
          fc.array(fc.array(float, { minLength: size, maxLength: size }), { minLength: time, maxLength: time }),
          {
            minLength: 1,
            maxLength: 6,
          },
        ),
      ),
    )
    fc.assert(
      fc.property(rows, ([[time, size], value]) => {
        const converted = convert(slot([null, null, size]), value)
        expect(converted).toEqual({ data: Float32Array.from(value.flat(2)), shape: [value.length, time, size] })
      }),
    )
  })

  it('of different rows become ragged, and give the same however they are sliced', async () => {
    const rows = fc.array(fc.array(fc.integer({ min: 0, max: 99 }), { minLength: 1, maxLength: 9 }), {
      minLength: 1,
      maxLength: 9,
    })
    await fc.assert(
      fc.asyncProperty(rows, async (value) => {
        const converted = convert(tokens, value)
        expect(converted.data).toEqual(Int32Array.from(value.flat()))
        expect(converted.shape).toEqual([value.length, Math.max(...value.map((row) => row.length))])
        const lengths = value.map((row) => row.length)
        const ragged = new Set(lengths).size > 1
        expect(converted.ragged ?? false).toBe(ragged)
        if (ragged) expect([...(converted.lengths ?? [])]).toEqual(lengths)
        expect(await runSliced(convertOne(tokens, value))).toEqual(converted)
        expect(
          convert(
            tokens,
            value.map((row) => Int32Array.from(row)),
          ),
        ).toEqual(converted)
      }),
    )
  })

  it.each([
    [
      slot([null, 4]),
      [
        [1, 2, 3, 4],
        [1, 2, 3],
      ],
      'ERR_SHAPE',
      /row 1 has 3 positions, row 0 has 4/,
    ],
    [features, [[[1, 2]], [[1, 2], [3]]], 'ERR_SHAPE', /row 1, step 1 has 1 values, expected 2/],
    [features, [[[1, Number.NaN]]], 'ERR_DATA', /row 0, step 0, value 1 is NaN/],
    [features, [[[1, null]]], 'ERR_DATA', /null/],
    [features, [[['1', 2]]], 'ERR_DATA', /'1'/],
    [features, [[[[1], 2]]], 'ERR_SHAPE', /not a number/],
    [features, [[1, 2]], 'ERR_SHAPE', /row 0, step 0 is 1, not an array/],
    [
      tokens,
      [
        [1, 2],
        [3, 4.5],
      ],
      'ERR_DATA',
      /row 1, position 1 is 4\.5/,
    ],
    [tokens, [[2 ** 40]], 'ERR_DATA', /int32/],
    [tokens, [[1], []], 'ERR_DATA', /row 1 is empty/],
    [tokens, [], 'ERR_DATA', /no rows/],
    [tokens, 'text', 'ERR_DATA', /text/],
    [tokens, null, 'ERR_DATA', /null/],
    // biome-ignore lint/suspicious/noSparseArray: holes are what is tested
    [tokens, [[1, , 2]], 'ERR_DATA', /undefined/],
  ])('are refused, naming the place: %#', (where, value, code, message) => {
    expect(() => convert(where, value)).toThrow(coded(code, message))
  })

  it('give way to the event loop', async () => {
    const value = Array.from({ length: 2000 }, () => Array.from({ length: 500 }, (_, i) => i))
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    await runSliced(convertOne(tokens, value))
    clearInterval(timer)
    expect(turns).toBeGreaterThan(0)
  })

  it('stop when the signal is aborted', async () => {
    await expect(runSliced(convertOne(tokens, [[1]]), AbortSignal.abort())).rejects.toMatchObject({
      name: 'AbortError',
    })
  })
})

describe('tensors', () => {
  it('pass as they are, or converted', () => {
    const data = Float32Array.of(1, 2, 3, 4)
    expect(convert(features, tensor(data, [1, 2, 2])).data).toBe(data)
    expect(convert(features, tensor([1, 2, 3, 4], [1, 2, 2])).data).toEqual(data)
    expect(convert(tokens, tensor(Uint8Array.of(1, 2), [1, 2])).data).toEqual(Int32Array.of(1, 2))
    const foreign = { shape: [1, 2, 2], dtype: 'float32', dataSync: () => data }
    expect(convert(features, foreign)).toEqual({ data, shape: [1, 2, 2] })
  })

  it('carry lengths or a mask', () => {
    const data = new Int32Array(6)
    expect(convert(tokens, tensor(data, [2, 3], { lengths: [3, 1] })).lengths).toEqual(Uint32Array.of(3, 1))
    const mask = [
      [true, false, true],
      [false, true, false],
    ]
    expect(convert(tokens, tensor(data, [2, 3], { mask })).mask).toEqual(Uint8Array.of(1, 0, 1, 0, 1, 0))
    const empty = [true, true, false, false, false, false]
    expect(convert(tokens, tensor(data, [2, 3], { mask: empty })).mask).toEqual(Uint8Array.of(1, 1, 0, 0, 0, 0))
  })

  it.each([
    [() => tensor(new Float32Array(4), [2, 3]), 'ERR_SHAPE', /6 elements.*4/],
    [() => tensor([1, '2'] as never, [2]), 'ERR_DATA', /'2'/],
    [() => tensor(new BigInt64Array(2) as never, [2]), 'ERR_DATA', /typed array.*Int32Array\.from\(data, Number\)/],
    [() => tensor(new Float32Array(6), [2, 3], { lengths: [3, 4] }), 'ERR_DATA', /row 1 is 4.*1 to 3/],
    [() => tensor(new Float32Array(6), [2, 3], { lengths: [0, 3] }), 'ERR_DATA', /row 0 is 0/],
    [() => tensor(new Float32Array(6), [2, 3], { lengths: [3] }), 'ERR_DATA', /2 lengths/],
    [() => tensor(new Float32Array(2), [2], { lengths: [1, 1] }), 'ERR_SHAPE', /time/],
    [
      () => tensor(new Float32Array(4), [2, 2], { mask: [false, false, false, false] }),
      'ERR_DATA',
      /no step of any row/,
    ],
    [() => tensor(new Float32Array(4), [2, 2], { mask: [true] }), 'ERR_SHAPE', /2 rows of 2 steps/],
    [() => convert(features, tensor(new Float32Array(6), [2, 3])), 'ERR_SHAPE', /\[null, null, 2\].*\[2, 3\]/],
    [() => convert(features, tensor(Float32Array.of(1, Number.NaN), [1, 1, 2])), 'ERR_DATA', /step 0, value 1 is NaN/],
    [() => convert(tokens, tensor(Float32Array.of(0.5), [1, 1])), 'ERR_DATA', /0\.5/],
    [() => convert(features, new Float32Array(2)), 'ERR_SHAPE', /tensor\(data, shape\)/],
    [() => convert(features, { shape: [1, 1, 2], dataSync: () => ['a'] }), 'ERR_DATA', /dataSync/],
  ])('are refused, naming the place: %#', (make, code, message) => {
    expect(make).toThrow(coded(code, message))
  })

  it('are refused once their buffer is detached', () => {
    const data = new Float32Array(4)
    const given = tensor(data, [1, 2, 2])
    structuredClone(data.buffer, { transfer: [data.buffer] })
    expect(() => convert(features, given)).toThrow(coded('ERR_DATA', /detached/))
    expect(() => tensor(data, [1, 2, 2])).toThrow(coded('ERR_DATA', /detached/))
  })

  it('are not searched for NaN where the native side does it, unless they are converted', () => {
    const searchedLater = { ...features, checkedNatively: true }
    const data = Float32Array.of(1, Number.NaN)
    expect(convert(searchedLater, tensor(data, [1, 1, 2])).data).toBe(data)
    const doubles = tensor(Float64Array.from(data), [1, 1, 2])
    expect(() => convert(searchedLater, doubles)).toThrow(coded('ERR_DATA', /step 0, value 1 is NaN/))
  })

  it('of other libraries that fail are refused, with the reason', () => {
    const cause = new Error('Tensor is disposed')
    const foreign = {
      shape: [1, 1, 2],
      dataSync: () => {
        throw cause
      },
    }
    expect(() => convert(features, foreign)).toThrow(
      expect.objectContaining({ code: 'ERR_DATA', cause, message: expect.stringMatching(/input 'x'.*is disposed/) }),
    )
  })

  it('may be over shared memory', () => {
    const data = new Float32Array(new SharedArrayBuffer(16))
    expect(convert(features, tensor(data, [1, 2, 2])).data).toBe(data)
  })
})

describe('targets', () => {
  const classes = slot([null], { dtype: 'int32', looseLast: true })
  const values = slot([null, 1], { looseLast: true })

  it('may have a last dimension of 1 or not', () => {
    for (const given of [[1, 2], [[1], [2]], Int32Array.of(1, 2), tensor([1, 2], [2, 1])]) {
      expect(convert(classes, given)).toEqual({ data: Int32Array.of(1, 2), shape: [2] })
      expect(convert(values, given)).toEqual({ data: Float32Array.of(1, 2), shape: [2, 1] })
    }
    const steps = slot([null, null], { dtype: 'int32', looseLast: true })
    expect(convert(steps, [[[1], [2]], [[3]]])).toMatchObject({ shape: [2, 2], ragged: true })
  })
})

describe('inputs', () => {
  const series = slot([null, null, 1], { looseLast: true })

  it('may lack a last dimension of 1, as a series of single numbers does', () => {
    const data = Float32Array.of(1, 2, 3, 4)
    const given = [
      [
        [1, 2],
        [3, 4],
      ],
      [Float32Array.of(1, 2), [3, 4]],
      tensor(data, [2, 2]),
    ]
    for (const each of given) expect(convert(series, each)).toEqual({ data, shape: [2, 2, 1] })
    expect(convert(slot([null, 1], { looseLast: true }), [1, 2])).toEqual({
      data: Float32Array.of(1, 2),
      shape: [2, 1],
    })
    expect(convert(series, [[1, 2, 3], [4]])).toMatchObject({ shape: [2, 3, 1], lengths: Uint32Array.of(3, 1) })
    expect(convert(series, tensor([1, 2, 3, 4], [2, 2], { lengths: [2, 1] }))).toMatchObject({ shape: [2, 2, 1] })
    const words = slot([null, null], { dtype: 'int32', looseLast: true })
    expect(convert(words, [[[1], [2]]])).toEqual({ data: Int32Array.of(1, 2), shape: [1, 2] })
  })

  it('are told apart by their rank alone, whatever the first row is like', () => {
    for (const given of [[[4], [1, 2, 3]], [[1, 2, 3], [4]], [[4], [1]], tensor([4, 1], [2, 1])]) {
      expect(convert(series, given).shape.at(-1)).toBe(1)
    }
    expect(convert(series, [[4], [1]])).toEqual({ data: Float32Array.of(4, 1), shape: [2, 1, 1] })
  })

  it('may be booleans', () => {
    expect(convert(slot([null, 2]), [[true, false]])).toEqual({ data: Float32Array.of(1, 0), shape: [1, 2] })
    expect(convert(slot([null], { dtype: 'int32' }), [false, true]).data).toEqual(Int32Array.of(0, 1))
  })
})

describe('several inputs', () => {
  const slots = [tokens, slot([null, 2], { name: 'z', where: "input 'z'" })]
  const all = (given: unknown) => runSync(convertAll(slots, given, 'input'))

  it('come in order or by name', () => {
    const [x, z] = [[[1]], [[1, 2]]]
    expect(all([x, z])).toEqual(all({ z, x }))
    expect(runSync(convertAll([tokens], { x }, 'input'))).toEqual(runSync(convertAll([tokens], x, 'input')))
    expect(runSync(convertAll([tokens], [tensor([1], [1, 1])], 'input'))).toHaveLength(1)
  })

  it.each([
    [{ x: [[1]] }, 'ERR_DATA', /input 'z' is missing/],
    [{ x: [[1]], z: [[1, 2]], w: 1 }, 'ERR_DATA', /no input 'w'/],
    [[[[1]]], 'ERR_DATA', /2 inputs/],
    [
      [
        [[1]],
        [
          [1, 2],
          [3, 4],
        ],
      ],
      'ERR_SHAPE',
      /1 rows.*2/,
    ],
  ])('are refused: %j', (given, code, message) => {
    expect(() => all(given)).toThrow(coded(code, message))
  })
})
