// What `call` of a layer of one's own computes of symbols is what it computes of tensors.
import * as tf from 'seqloom/tfjs'
import { describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { warnings } from '../helpers/warnings.js'

type Call = (x: tf.Tensor, weight: tf.Tensor, training: boolean) => tf.Tensor | tf.Tensor[]

/** A layer whose `call` is a function of its input and of a weight. */
class Written extends tf.layers.Layer {
  static override className = 'WrittenForTest'
  readonly f: Call
  readonly given: readonly number[]
  weight: tf.LayerVariable | undefined

  constructor(f: Call, given: readonly number[] = [3, 2]) {
    super({})
    this.f = f
    this.given = given
  }

  override build(shape: tf.Shape | tf.Shape[]): void {
    this.weight = this.addWeight('w', [...this.given], 'float32', tf.initializers.zeros())
    super.build(shape)
  }

  override call(inputs: tf.Tensor | tf.Tensor[], kwargs: { training?: boolean }): tf.Tensor | tf.Tensor[] {
    const [x] = inputs as tf.Tensor[]
    return this.f(x as tf.Tensor, (this.weight as tf.LayerVariable).read(), kwargs.training as boolean)
  }
}

const numbers = (shape: number[], phase: number) =>
  tf.tensor(
    Array.from({ length: shape.reduce((product, size) => product * size, 1) }, (_, i) => Math.sin(i * 3 + phase)),
    shape,
  )

/** The model of a layer, with a weight of numbers. */
function modelOf(layer: Written, shape: (number | null)[]): tf.LayersModel {
  const input = tf.input({ shape })
  const model = tf.model({ inputs: input, outputs: layer.apply(input) as tf.SymbolicTensor })
  layer.setWeights([numbers([...layer.given], 2)])
  return model
}

const ones = (x: tf.Tensor, ...sizes: number[]) => tf.ones([x.shape[0] as number, ...sizes])

describe('layers that move the rows of a batch', () => {
  const calls: [string, Call, number[]?][] = [
    ['transpose and back', (x, w) => x.transpose([1, 0, 2]).matMul(w).transpose([1, 0, 2])],
    ['rows last', (x) => x.transpose([2, 1, 0]).mul(2).transpose()],
    ['unstack of steps', (x) => tf.stack(tf.unstack(x.transpose([1, 0, 2])).reverse(), 1)],
    ['stack before the rows', (x) => tf.stack([x, x.square(), x.neg()]).sum(0)],
    ['stack, then the largest', (x) => tf.stack([x, x.neg()]).max(0)],
    ['stack, then softmax over it', (x) => tf.softmax(tf.stack([x, x.neg()]).transpose([1, 2, 3, 0])).sum(3)],
    ['mean over what is before the rows', (x) => tf.stack([x, x.exp()]).mean(0, true).squeeze([0])],
    ['argMax over it', (x) => tf.stack([x, x.neg()]).argMax(0).toFloat()],
    [
      'concat before the rows',
      (x) =>
        tf
          .concat([x.expandDims(0), x.neg().expandDims(0)], 0)
          .slice([1], [1])
          .squeeze([0]),
    ],
    ['gather before the rows', (x) => tf.stack([x, x.neg()]).gather([1, 0, 1]).sum(0)],
    ['split before the rows', (x) => (tf.split(tf.stack([x, x.exp()]), 2)[1] as tf.Tensor).squeeze([0])],
    [
      'reverse and pad there',
      (x) =>
        tf
          .stack([x, x.neg()])
          .reverse(0)
          .pad([
            [1, 0],
            [0, 0],
            [0, 0],
            [0, 0],
          ])
          .max(0),
    ],
    ['sums up to each step', (x) => x.transpose([1, 0, 2]).cumsum(0).transpose([1, 0, 2])],
    ['tile there', (x) => x.expandDims(0).tile([3, 1, 1, 1]).mean(0)],
    ['values with rows at two places', (x) => tf.stack([x, x.neg()]).add(x).sum(0)],
    ['a weight beside them', (x, w) => tf.stack([x, x.neg()]).mul(w).sum(0), [4, 3]],
    ['a weight for what is before the rows', (x, w) => tf.stack([x, x.neg()]).mul(w).sum(0), [2, 1, 1, 1]],
    [
      'numbers for what is before the rows',
      (x) =>
        tf
          .stack([x, x.neg()])
          .mul(numbers([2, 1, 1, 3], 5))
          .sum(0),
    ],
    ['a weight times columns', (x, w) => w.matMul(x.mean(1).transpose()).transpose(), [2, 3]],
    ['a weight times rows, transposed', (x, w) => w.matMul(x.mean(1), false, true).transpose(), [2, 3]],
    ['where', (x) => tf.where(tf.stack([x, x.neg()]).greater(0), x, tf.zerosLike(x)).sum(0)],
    [
      'zeros and ones of rows',
      (x) =>
        tf
          .zeros([x.shape[0] as number, 4, 3])
          .add(x)
          .mul(ones(x, 1, 1)),
    ],
    [
      'rows of numbers that stand elsewhere',
      (x) =>
        tf
          .fill([4, x.shape[0] as number, 1], 3)
          .mul(x.transpose([1, 0, 2]))
          .transpose([1, 0, 2]),
    ],
    ['a weight that is given dimensions', (x, w) => w.expandDims(0).expandDims(0).mul(x).squeeze().add(w), [3]],
    ['a weight in another shape', (x, w) => x.add(w.reshape([1, 1, 3])), [3]],
    [
      'a weight for each row',
      (x, w) =>
        w
          .expandDims(0)
          .mul(ones(x, 1, 1))
          .mul(x)
          .sum(1),
      [4, 3],
    ],
  ]

  it.each(calls)('compute what tensors do: %s', (_, f, given) => {
    const layer = new Written(f, given)
    const model = modelOf(layer, [4, 3])
    const x = numbers([5, 4, 3], 1)
    const expected = f(x, numbers([...layer.given], 2), false) as tf.Tensor
    const found = model.predict(x) as tf.Tensor
    expect(found.shape).toEqual(expected.shape)
    expect(tf.max(tf.abs(tf.sub(found, expected))).dataSync()[0]).toBeLessThan(1e-5)
  })

  const refused: [string, Call, RegExp, number[]?][] = [
    ['a result with rows elsewhere', (x) => x.transpose([1, 0, 2]), /what call\(\) of layer/],
    ['the largest over rows', (x) => x.transpose([1, 0, 2]).max(1), /over all rows/],
    ['rows that meet steps', (x) => x.transpose([1, 0, 2]).add(x), /meet/],
    ['rows that meet a weight', (x, w) => tf.stack([x, x]).add(w), /meet/, [2, 5, 4, 3]],
    ['products over rows', (x) => x.transpose([1, 2, 0]).matMul(x.transpose([1, 0, 2])), /mixes rows/],
    ['tile of the rows', (x) => x.transpose([1, 0, 2]).tile([1, 2, 1]), /tile of the rows/],
    ['another shape', (x) => x.transpose([1, 0, 2]).reshape([4, -1]), /reshape/],
  ]

  it.each(refused)('say what would mix rows: %s', (_, f, message, given) => {
    expect(() => modelOf(new Written(f, given), [4, 3])).toThrow(
      expect.objectContaining({ code: 'ERR_UNSUPPORTED', message: expect.stringMatching(message) }),
    )
  })

  it('take sequences of any length, with a shape that names two of its sizes', () => {
    class Masked extends tf.layers.Layer {
      static override className = 'MaskedForTest'
      override computeOutputShape(shapes: tf.Shape | tf.Shape[]): tf.Shape {
        return shapes[0] as tf.Shape
      }
      override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
        const [x, mask] = inputs as [tf.Tensor, tf.Tensor]
        const scores = tf.matMul(x, x, false, true)
        const allowed = tf.reshape(mask, [mask.shape[0] as number, mask.shape[1] as number, mask.shape[2] as number])
        const hidden = tf.where(tf.equal(allowed, 0), tf.mul(tf.onesLike(scores), -1e9), scores)
        return tf.matMul(tf.softmax(hidden), x)
      }
    }
    const inputs = [tf.input({ shape: [null, 3] }), tf.input({ shape: [null, null] })]
    const model = tf.model({ inputs, outputs: new Masked({}).apply(inputs) as tf.SymbolicTensor })
    const x = numbers([2, 4, 3], 1)
    const mask = tf.linalg.bandPart(tf.ones([2, 4, 4]), -1, 0)
    const scores = tf.where(tf.equal(mask, 0), tf.fill([2, 4, 4], -1e9), tf.matMul(x, x, false, true))
    const expected = tf.matMul(tf.softmax(scores), x)
    const found = model.predict([x, mask]) as tf.Tensor
    expect(tf.max(tf.abs(tf.sub(found, expected))).dataSync()[0]).toBeLessThan(1e-5)
  })
})

describe('windows in layers', () => {
  const calls: [string, Call, number[], number[]][] = [
    ['conv1d', (x, w) => tf.conv1d(x, w, 2, 'same'), [7, 2], [3, 2, 4]],
    ['conv1d of any length', (x, w) => tf.conv1d(x, w, 1, 'valid'), [7, 2], [3, 2, 4]],
    ['conv2d', (x, w) => tf.conv2d(x, w, 1, 'same'), [5, 6, 2], [3, 2, 2, 3]],
    ['depthwiseConv2d', (x, w) => tf.depthwiseConv2d(x, w, 1, 'valid'), [5, 6, 2], [3, 2, 2, 2]],
    ['maxPool', (x) => tf.maxPool(x, 2, 2, 'same'), [5, 6, 2], [1]],
    ['avgPool', (x) => tf.avgPool(x, [3, 2], 1, 'same'), [5, 6, 2], [1]],
    ['pool', (x) => tf.pool(x, 2, 'max', 'valid', 2), [5, 6, 2], [1]],
  ]

  it.each(calls)('compute what tensors do: %s', (name, f, shape, given) => {
    const layer = new Written(f, given)
    const model = modelOf(layer, name.includes('any') ? [null, ...shape.slice(1)] : shape)
    const x = numbers([3, ...shape], 1)
    const expected = f(x, numbers(given, 2), false) as tf.Tensor
    const found = model.predict(x) as tf.Tensor
    expect(found.shape).toEqual(expected.shape)
    expect(tf.max(tf.abs(tf.sub(found, expected))).dataSync()[0]).toBeLessThan(1e-5)
  })

  it.each([
    ['strides', () => tf.conv2d(tf.ones([1, 4, 4, 1]), tf.ones([2, 2, 1, 1]), 0, 'valid'), 'ERR_OPTION'],
    ['padding', () => tf.maxPool(tf.ones([1, 4, 4, 1]), 2, 1, 'full' as never), 'ERR_OPTION'],
    ['windows that do not fit', () => tf.avgPool(tf.ones([1, 2, 2, 1]), 3, 1, 'valid'), 'ERR_SHAPE'],
    ['data format', () => tf.conv1d(tf.ones([1, 4, 1]), tf.ones([2, 1, 1]), 1, 'valid', 'NWX' as never), 'ERR_OPTION'],
    ['rounding', () => tf.maxPool(tf.ones([1, 4, 4, 1]), 2, 2, 1, 'ceil'), 'ERR_UNSUPPORTED'],
    ['filter', () => tf.conv2d(tf.ones([1, 4, 4, 1]), 3, 1, 'valid'), 'ERR_SHAPE'],
    ['numbers', () => tf.conv2d('x' as never, [[[[1]]]], 1, 'valid'), 'ERR_DATA'],
  ])('refuse bad %s', (_, run, code) => {
    expect(run).toThrow(coded(code, /./))
  })
})

describe('what call does in training', () => {
  const losses = async (f: Call) => {
    let found: number[] = []
    const told = await warnings(async () => {
      const model = modelOf(new Written(f), [100])
      model.compile({ optimizer: tf.train.sgd(0), loss: 'meanSquaredError' })
      const [x, y] = [tf.ones([4, 100]), tf.zeros([4, 100])]
      const trained = (await model.trainOnBatch(x, y)) as number
      found = [trained, (model.evaluate(x, y) as tf.Scalar).dataSync()[0] as number]
    })
    return { found, codes: told.map(({ code }) => code) }
  }

  it.each<[string, Call]>([
    ['tf.dropout', (x, w) => tf.dropout(x, 0.5).add(w.sum().mul(0))],
    ['tf.dropout if training is true', (x, w, training) => (training ? tf.dropout(x, 0.5) : x).add(w.sum().mul(0))],
  ])('drops by %s, and predictions do not', async (_, f) => {
    const { found, codes } = await losses(f)
    // Half of the elements are 2, the others 0.
    expect(found[0]).toBeGreaterThan(1.5)
    expect(found[1]).toBeCloseTo(1, 5)
    expect(codes).toEqual([])
  })

  it('is left out with a warning if it is anything else', async () => {
    const { found, codes } = await losses((x, w, training) => (training ? x.mul(3) : x).add(w.sum().mul(0)))
    expect(found[0]).toBeCloseTo(1, 5)
    expect(found[1]).toBeCloseTo(1, 5)
    expect(codes).toEqual(['WARN_TRAINING'])
  })
})

it('a layer whose computeOutputShape is one shape has one output, whatever else call returns', () => {
  class First extends Written {
    static override className = 'FirstForTest'
    override computeOutputShape(shape: tf.Shape | tf.Shape[]): tf.Shape | tf.Shape[] {
      return shape
    }
  }
  const made = new First((x) => [x, x.neg()]).apply(tf.input({ shape: [2] }))
  expect(Array.isArray(made)).toBe(false)
  expect((new Written((x) => [x, x.neg()]).apply(tf.input({ shape: [2] })) as tf.SymbolicTensor[]).length).toBe(2)
})
