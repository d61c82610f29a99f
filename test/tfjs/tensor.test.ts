import { createContext, runInContext } from 'node:vm'
import fc from 'fast-check'
import { SeqloomError } from 'seqloom'
import * as tf from 'seqloom/tfjs'
import { describe, expect, it } from 'vitest'

const size = (shape: readonly number[]) => shape.reduce((product, dim) => product * dim, 1)

/** All places of a shape, in row-major order. */
function places(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (found, dim) => found.flatMap((place) => Array.from({ length: dim }, (_, i) => [...place, i])),
    [[]],
  )
}

/** The value at a place, where dimensions of size 1 are repeated and missing ones are at the beginning. */
function valueAt(values: ArrayLike<number>, shape: readonly number[], place: readonly number[]): number {
  const own = place.slice(place.length - shape.length)
  return values[shape.reduce((at, dim, axis) => at * dim + (dim === 1 ? 0 : (own[axis] as number)), 0)] as number
}

const numbers = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.round(Math.sin(i * 7 + 1) * 100))

/** Two shapes that broadcast, and the shape that they broadcast to. */
const broadcasting = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 3 })), { maxLength: 5 })
  .chain((dims) =>
    fc.tuple(fc.integer({ min: 0, max: dims.length }), fc.integer({ min: 0, max: dims.length })).map(([cutA, cutB]) => {
      const side = (bit: number, cut: number) => dims.map(([dim, repeated]) => (repeated === bit ? 1 : dim)).slice(cut)
      const [a, b] = [side(1, cutA), side(2, cutB)]
      const rank = Math.max(a.length, b.length)
      const dimAt = (shape: readonly number[], axis: number) => shape[axis - rank + shape.length] ?? 1
      const shape = Array.from({ length: rank }, (_, axis) => {
        const [left, right] = [dimAt(a, axis), dimAt(b, axis)]
        return left === 1 ? right : left
      })
      return { a, b, shape }
    }),
  )

describe('a tensor', () => {
  it('broadcasts any shapes that fit', () => {
    fc.assert(
      fc.property(broadcasting, ({ a, b, shape }) => {
        const [left, right] = [numbers(size(a)), numbers(size(b))]
        const sum = tf.sub(tf.tensor(left, a), tf.tensor(right, b))
        expect(sum.shape).toEqual(shape)
        expect([...sum.dataSync()]).toEqual(
          places(shape).map((place) => valueAt(left, a, place) - valueAt(right, b, place)),
        )
        const chosen = tf.where(tf.greater(tf.tensor(left, a), 0), tf.tensor(right, b), tf.zeros([1]))
        expect([...chosen.dataSync()]).toEqual(
          places(chosen.shape).map((place) => (valueAt(left, a, place) > 0 ? valueAt(right, b, place) : 0)),
        )
      }),
    )
  })

  it('slices, reverses, transposes, reduces and pads at any place', () => {
    const shapes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 })
    const seeds = fc.array(fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), {
      minLength: 12,
      maxLength: 12,
    })
    fc.assert(
      fc.property(shapes, seeds, (shape, random) => {
        const values = numbers(size(shape))
        const x = tf.tensor(values, shape)
        const draw = (i: number, below: number) => Math.floor((random[i] as number) * below)
        const begin = shape.map((dim, axis) => draw(axis, dim))
        const length = shape.map((dim, axis) => draw(axis + 4, dim - (begin[axis] as number) + 1))
        const part = x.slice(begin, length)
        expect(part.shape).toEqual(length)
        expect([...part.dataSync()]).toEqual(
          places(length).map((place) =>
            valueAt(
              values,
              shape.map((dim) => dim + 0),
              place.map((at, axis) => at + (begin[axis] as number)),
            ),
          ),
        )
        const axis = draw(8, shape.length)
        const reversed = places(shape).map((place) =>
          valueAt(
            values,
            shape,
            place.map((at, each) => (each === axis ? (shape[each] as number) - 1 - at : at)),
          ),
        )
        expect([...x.reverse(axis).dataSync()]).toEqual(reversed)
        const perm = shape.map((_, each) => (each + axis) % shape.length)
        const turned = x.transpose(perm)
        expect([...turned.dataSync()]).toEqual(
          places(turned.shape).map((place) => {
            const back = shape.map((_, each) => place[perm.indexOf(each)] as number)
            return valueAt(values, shape, back)
          }),
        )
        const axes = shape.map((_, each) => each).filter((each) => draw(each + 4, 2) === 1)
        const sums = x.sum(axes, true)
        expect([...sums.dataSync()]).toEqual(
          places(sums.shape).map((place) =>
            places(shape)
              .filter((other) => other.every((at, each) => axes.includes(each) || at === place[each]))
              .reduce((sum, other) => sum + valueAt(values, shape, other), 0),
          ),
        )
        const padded = x.pad(
          shape.map((_, each): [number, number] => [begin[each] as number, draw(9, 3)]),
          7,
        )
        expect(padded.slice(begin, shape).arraySync()).toEqual(x.arraySync())
        expect(padded.sum().arraySync()).toBe(
          x
            .sum()
            .add((padded.size - x.size) * 7)
            .arraySync(),
        )
      }),
    )
  })

  it('multiplies batches of matrices with dimensions that repeat', () => {
    const [a, b] = [numbers(12), numbers(24)]
    const product = tf.matMul(tf.tensor(a, [2, 1, 2, 3]), tf.tensor(b, [4, 3, 2]))
    expect(product.shape).toEqual([2, 4, 2, 2])
    expect([...product.dataSync()]).toEqual(
      places([2, 4, 2, 2]).map(([i, j, row, column]) =>
        [0, 1, 2].reduce(
          (sum, k) =>
            sum +
            (a[((i as number) * 2 + (row as number)) * 3 + k] as number) *
              (b[((j as number) * 3 + k) * 2 + (column as number)] as number),
          0,
        ),
      ),
    )
  })

  it('of ten million elements is computed with', () => {
    const x = tf.range(0, 10_000_000)
    const half = x.mul(0.5).add(1).reshape([1000, 10_000])
    expect(half.max().dataSync()[0]).toBe(5_000_000.5)
    expect(half.sum(1).shape).toEqual([1000])
    expect(half.slice([999, 9_999], [1, 1]).arraySync()).toEqual([[5_000_000.5]])
    expect(tf.concat([half, half], 1).shape).toEqual([1000, 20_000])
    expect(half.toString()).toContain('[1      , 1.5      , 2      , ..., 4999.5   , 5000   , 5000.5   ],')
  })

  it('refuses nested arrays that are uneven, and tensors in arrays', () => {
    expect(() => tf.tensor([[1, 2], [3]])).toThrow('Element arr[1] should have 2 elements, but has 1 elements')
    expect(() => tf.tensor([[1, 2], 3])).toThrow('Element arr[1] is a primitive')
    expect(() => tf.tensor([tf.scalar(1), tf.scalar(2)] as unknown as number[])).toThrow('stack()')
    expect(() => tf.tensor([1], [1], 'complex64')).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED' }))
  })

  it('refuses arguments of which nothing can be made', () => {
    const wrong: (() => unknown)[] = [
      () => tf.sum([1, 2], {} as never),
      () => tf.slice([1, 2], {} as never),
      () => tf.split([1, 2], undefined as never),
      () => tf.tile([1, 2], undefined as never),
      () => tf.transpose([[1]], 'x' as never),
      () => tf.einsum(undefined as never),
      () => tf.variable(3 as never),
      () => tf.oneHot([0], 2.5),
      () => tf.topk([1, 2], 1.5),
      () => tf.multinomial([0.5, 0.5], undefined as never),
      () => tf.truncatedNormal([2], 0, Number.NaN),
      () => tf.truncatedNormal([2], 0, -1),
      () => tf.range(0, Number.NaN),
      () => tf.zeros([1e6, 1e6]),
      () => tf.fill([1e6, 1e6], 'x'),
      () => tf.tensor([1n] as never),
    ]
    for (const run of wrong) expect(run, String(run)).toThrow(SeqloomError)
  })

  it('gives its values later, too', async () => {
    const x = tf.tensor([
      [1, 2],
      [3, 4],
    ])
    let turns = 0
    const values = x.data().then((data) => [turns, ...data])
    turns++
    expect(await values).toEqual([1, 1, 2, 3, 4])
    expect(await x.array()).toEqual([
      [1, 2],
      [3, 4],
    ])
    expect((await x.buffer()).get(1, 0)).toBe(3)
    expect((await x.bytes()).length).toBe(16)
    x.dispose()
    await expect(x.data()).rejects.toThrow('Tensor is disposed.')
    expect(() => x.add(1)).toThrow(SeqloomError)
  })

  it('is what other functions of the package take', async () => {
    const { sequential, layers } = await import('seqloom')
    const m = sequential([layers.dense({ units: 1, inputShape: [2] })], { seed: 1 })
    m.compile({ optimizer: 'sgd', loss: 'mse' })
    const history = await m.fit(
      tf.tensor([
        [1, 2],
        [3, 4],
      ]),
      tf.tensor([[1], [2]]),
      { epochs: 1 },
    )
    expect(history.history.loss).toHaveLength(1)
  })
})

describe('tidy and memory', () => {
  it('count as programs expect', () => {
    const before = tf.memory().numTensors
    const x = tf.ones([2, 2])
    const y = tf.tidy(() => {
      const shifted = x.sub(x.mean())
      return shifted.div(shifted.square().mean().sqrt().add(1e-7))
    })
    expect(tf.memory().numTensors).toBe(before + 2)
    tf.dispose({ x, y })
    expect(tf.memory().numTensors).toBe(before)
  })

  it('free what was made though the function throws, and leave what is kept', () => {
    const before = tf.memory().numTensors
    const found: tf.Tensor[] = []
    expect(() =>
      tf.tidy(() => {
        found.push(tf.keep(tf.scalar(1)))
        tf.scalar(2)
        throw new Error('inside')
      }),
    ).toThrow('inside')
    expect(tf.memory().numTensors).toBe(before + 1)
    tf.dispose(found)
  })

  it('let several disposals pass', () => {
    const x = tf.scalar(1)
    x.dispose()
    x.dispose()
    expect(x.isDisposed).toBe(true)
  })
})

describe('what is about backends', () => {
  it('is accepted, and changes nothing', async () => {
    expect(await tf.setBackend('cpu')).toBe(true)
    expect(tf.getBackend()).toBe('cpu')
    await tf.ready()
    tf.enableProdMode()
    expect(tf.env().getBool('PROD')).toBe(true)
    expect(tf.backend().epsilon()).toBe(1e-7)
    const { wallMs } = await tf.time(() => tf.ones([10]).sum())
    expect(wallMs).toBeGreaterThanOrEqual(0)
    const profile = await tf.profile(() => tf.ones([10]))
    expect(profile).toMatchObject({ newTensors: 1, newBytes: 40 })
    await tf.nextFrame()
    expect(tf.version.tfjs).toBe('4.22.0')
  })
})

describe('what is not supported', () => {
  const refused: [string, () => unknown][] = [
    ['fromPixels', () => tf.browser.fromPixels?.({})],
    ['image', () => tf.image.resizeBilinear?.(1)],
    ['fft', () => tf.spectral.fft?.(1)],
    ['conv2dTranspose', () => tf.conv2dTranspose(1)],
    ['loadGraphModel', () => tf.loadGraphModel('x')],
    ['complex', () => tf.complex(1, 2)],
  ]
  for (const [name, run] of refused) {
    it(`is said, and what to use instead: ${name}`, () => {
      expect(run).toThrow(expect.objectContaining({ code: 'ERR_UNSUPPORTED', message: expect.stringContaining(';') }))
    })
  }
})

describe('arrays of another realm, as tests have them,', () => {
  const context = createContext({})
  it.each([
    ['new Float32Array([1.5, -2])', 'float32', [1.5, -2]],
    ['new Int32Array([3, -4])', 'int32', [3, -4]],
    ['new Uint8Array([5, 6])', 'int32', [5, 6]],
    ['new Float64Array([0.5, 7])', 'float32', [0.5, 7]],
    ['[new Float32Array([1]), new Float32Array([2])]', 'float32', [1, 2]],
    ['[[true], [false]]', 'bool', [1, 0]],
  ] as const)('%s are tensors of the same dtype', (source, dtype, values) => {
    const given = runInContext(source, context) as number[]
    const made = tf.tensor(given)
    expect(made.dtype).toBe(dtype)
    expect([...made.dataSync()]).toEqual(values)
    expect([...tf.add(given, 0).dataSync()]).toEqual(values)
    expect(made.dataSync()).toBeInstanceOf(
      dtype === 'float32' ? Float32Array : dtype === 'int32' ? Int32Array : Uint8Array,
    )
  })
})
