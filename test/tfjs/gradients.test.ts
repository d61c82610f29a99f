import * as tf from 'seqloom/tfjs'
import { afterEach, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

// What TensorFlow.js computes, too, is in test/fixtures/tfjs-ops/gradients.mjs.

afterEach(() => tf.disposeVariables())

const sample = (shape: number[], shift = 0) => {
  const size = shape.reduce((product, dim) => product * dim, 1)
  return tf.tensor(
    Array.from({ length: size }, (_, i) => Math.sin(i * 3 + 1) * 1.4 + shift),
    shape,
  )
}

/** Compares the gradients of a function with differences of its values. */
function agree(f: (...xs: tf.Tensor[]) => tf.Tensor, ...xs: tf.Tensor[]) {
  const weigh = (y: tf.Tensor) => y.mul(sample(y.shape, 0.4)).sum()
  const found = tf.grads((...all) => weigh(f(...all)))(xs)
  const step = 2 ** -9
  xs.forEach((x, which) => {
    const slopes = [...x.dataSync()].map((_, at) => {
      const [above, below] = [step, -step].map((change) => {
        const values = Float32Array.from(x.dataSync(), (value, i) => (i === at ? value + change : value))
        const changed = xs.map((each, i) => (i === which ? tf.tensor(values, x.shape) : each))
        return weigh(f(...changed)).dataSync()[0] as number
      }) as [number, number]
      return (above - below) / (2 * step)
    })
    const own = found[which]?.dataSync() as Float32Array
    slopes.forEach((slope, at) => {
      expect(Math.abs((own[at] as number) - slope), `${which}: ${at}`).toBeLessThan(2e-3)
    })
  })
}

describe('gradients that TensorFlow.js has not, or gets wrong', () => {
  it('are those of differences', () => {
    const [x, y] = [sample([2, 3]), sample([3], 2)]
    agree((a, b) => tf.divNoNan(a as tf.Tensor, b as tf.Tensor), x, y)
    agree((a, b) => tf.minimum(a as tf.Tensor, b as tf.Tensor), x, y)
    agree((a, b) => tf.where(tf.greater(a as tf.Tensor, 0), (a as tf.Tensor).square(), b as tf.Tensor), x, y)
    agree((a) => tf.stridedSlice(a as tf.Tensor, [0, 2], [2, 0], [1, -1]), x)
    agree((a) => tf.mirrorPad(a as tf.Tensor, [[1, 1], [0, 2]], 'reflect'), x) // biome-ignore format: pairs
    agree((a) => tf.gatherND(a as tf.Tensor, tf.tensor2d([[1, 2], [0, 0], [1, 2]], [3, 2], 'int32')), x) // biome-ignore format: pairs
    agree((a) => tf.grad((b) => b.tanh().mul(b.exp()))(a as tf.Tensor), x)
    agree((a) => tf.batchNorm(a as tf.Tensor, [0.1, 0, 0.2], [1, 2, 0.5], null, [1, 2, 3]), x)
    agree((a, b) => tf.matMul(a as tf.Tensor, b as tf.Tensor), sample([2, 2, 3]), sample([3, 2]))
  })

  it('of a tensor by itself is 1', () => {
    expect(
      tf
        .grad((x) => x)(tf.tensor1d([4, 5]))
        .arraySync(),
    ).toEqual([1, 1])
  })
})

describe('a gradient', () => {
  it('does not see what is done with numbers outside of tensors', async () => {
    await expectCoded(() => tf.grad((x) => tf.scalar(x.dataSync()[0] as number))(3), 'ERR_DATA', /encloses all/)
  })

  it('of a function without one says so, instead of leaving it out', async () => {
    const x = sample([2, 3])
    await expectCoded(() => tf.grad((a) => tf.einsum('ij->j', a).sum().add(a.sum()))(x), 'ERR_UNSUPPORTED', /einsum/)
    await expectCoded(() => tf.grad((a) => tf.topk(a).values.sum())(x), 'ERR_UNSUPPORTED', /topk/)
    // What has no slope at all is no obstacle.
    expect(tf.grad((a) => a.sum().mul(a.argMax(1).sum().add(1).toFloat()))(x).shape).toEqual([2, 3])
  })

  it('is that of the values at the time, whatever is disposed or assigned afterwards', () => {
    const w = tf.variable(tf.scalar(3))
    const { grads } = tf.variableGrads(() => {
      const square = w.square()
      const cost = square.mul(w).asScalar()
      square.dispose()
      w.assign(tf.scalar(100))
      return cost
    })
    expect(grads[w.name]?.dataSync()[0]).toBe(27)
  })

  it('leaves no tensors behind, also where the function throws', async () => {
    const w = tf.variable(sample([4]))
    const before = tf.memory().numTensors
    const { value, grads } = tf.variableGrads(() => tf.norm(w.square().add(w)).asScalar())
    expect(tf.memory().numTensors).toBe(before + 2)
    tf.dispose([value, grads])
    await expectCoded(
      () => tf.variableGrads(() => tf.losses.meanSquaredError(w.exp(), tf.tensor1d([1])).asScalar()),
      'ERR_SHAPE',
      /match/,
    )
    expect(tf.train.sgd(0.1).minimize(() => w.square().sum().asScalar())).toBe(null)
    expect(tf.memory().numTensors).toBe(before)
  })

  it('is taken at once: a promise is no tensor', async () => {
    const w = tf.variable(tf.scalar(1))
    await expectCoded(() => tf.variableGrads((async () => w.square()) as never), 'ERR_DATA', /must be a tensor/)
  })
})

describe('optimizers', () => {
  it('say which gradient does not fit', async () => {
    const w = tf.variable(tf.tensor1d([1, 2]), true, 'w')
    const optimizer = tf.train.adam(0.1)
    await expectCoded(() => optimizer.applyGradients({ v: tf.scalar(1) }), 'ERR_DATA', /no variable called 'v'/)
    await expectCoded(() => optimizer.applyGradients({ w: tf.scalar(1) }), 'ERR_SHAPE', /gradient of w.*\[2\]/)
    await expectCoded(
      () => optimizer.minimize(() => w.sum().asScalar(), false, [tf.scalar(1) as never]),
      'ERR_DATA',
      /tf\.variable/,
    )
    expect(w.arraySync()).toEqual([1, 2])
  })

  it('move variables alone that are trained, by the rate of the moment', () => {
    const [a, b] = [tf.variable(tf.scalar(1)), tf.variable(tf.scalar(1), false)]
    const optimizer = tf.train.sgd(0.1)
    optimizer.setLearningRate(0.5)
    optimizer.minimize(() => a.mul(b).asScalar())
    expect([a, b].map((each) => each.dataSync()[0])).toEqual([0.5, 1])
    expect(optimizer.iterations).toBe(1)
  })
})

describe('gradients through models', () => {
  const dense = (name?: string) => {
    const options = { units: 1, inputShape: [2], ...(name && { name }) }
    return tf.sequential({ layers: [tf.layers.dense(options)] })
  }

  it('tell layers of one name apart', () => {
    const [a, b] = [dense('same'), dense('same')]
    const x = tf.ones([1, 2])
    const f = () =>
      (a.predict(x) as tf.Tensor)
        .mul(2)
        .sum()
        .add((b.predict(x) as tf.Tensor).sum())
        .asScalar()
    const { grads } = tf.variableGrads(f)
    expect(Object.keys(grads).toSorted()).toEqual(['same/bias', 'same/bias_1', 'same/kernel', 'same/kernel_1'])
    expect(grads['same/bias']?.dataSync()[0]).toBe(2)
    expect(grads['same/bias_1']?.dataSync()[0]).toBe(1)
  })

  it('leave out what is frozen', () => {
    const model = tf.sequential({
      layers: [tf.layers.dense({ units: 2, inputShape: [2], trainable: false }), tf.layers.dense({ units: 1 })],
    })
    const { grads } = tf.variableGrads(() => (model.predict(tf.ones([1, 2])) as tf.Tensor).sum().asScalar())
    expect(Object.keys(grads)).toHaveLength(2)
  })

  it('are refused where they would be wrong', async () => {
    const model = dense()
    const twice = tf.grad((x) =>
      tf
        .grad((y) => (model.predict(y) as tf.Tensor).square().sum())(x)
        .sum(),
    )
    await expectCoded(() => twice(tf.ones([1, 2])), 'ERR_UNSUPPORTED', /second gradient/)
    const stateful = tf.sequential({
      layers: [tf.layers.gru({ units: 2, batchInputShape: [1, 3, 1], stateful: true })],
    })
    const f = () => (stateful.predict(tf.ones([1, 3, 1])) as tf.Tensor).sum().asScalar()
    await expectCoded(() => tf.variableGrads(f), 'ERR_UNSUPPORTED', /stateful/)
  })
})
