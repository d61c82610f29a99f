import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  backend,
  configure,
  input,
  interop,
  layers,
  loadModel,
  losses,
  type Model,
  model,
  optimizers,
  type Tensor,
  tensor,
  text,
} from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { type Joint, randomNumbers, transducerLoss } from '../helpers/transducer.js'

const width = 4
/** How many random cases are compared; `SEQLOOM_CASES=2000` takes as many more seconds. */
const cases = Number(process.env.SEQLOOM_CASES ?? 40)

/** A model whose joint network reads its inputs. */
function joining(units: number, options: Parameters<typeof losses.transducer>[0] = {}): Model<Tensor> {
  const [f, g] = ['f', 'g'].map((name) => input({ shape: [null, width], name })) as [never, never]
  const m = model({ inputs: [f, g], outputs: layers.transducerJoint({ units, name: 'joint' }).apply([f, g]), seed: 5 })
  m.compile({ optimizer: 'sgd', loss: losses.transducer(options) })
  return m as Model<Tensor>
}

function jointOf(m: Model<Tensor>): Joint {
  const [kernel, bias] = m.getLayer('joint').getWeights() as [Tensor, Tensor]
  return { kernel: kernel.array() as number[][], bias: bias.array() as number[] }
}

/** Rows of the loss and its gradients, by differences of the plain implementation. */
interface Case {
  readonly frames: number[][][]
  readonly labels: number[][][]
  readonly targets: number[][]
}

function randomCase(next: () => number, units: number, blank: number, rows = 3): Case {
  const vectors = (count: number) =>
    Array.from({ length: count }, () => Array.from({ length: width }, () => Math.fround(4 * next() - 2)))
  const targets = Array.from({ length: rows }, () =>
    Array.from({ length: Math.floor(next() * 6) }, () => (blank + 1 + Math.floor(next() * (units - 1))) % units),
  )
  return {
    frames: targets.map(() => vectors(1 + Math.floor(next() * 7))),
    labels: targets.map((target) => vectors(target.length + 1)),
    targets,
  }
}

const lossOf = ({ frames, labels, targets }: Case, joint: Joint, blank: number): number[] =>
  targets.map((target, row) =>
    transducerLoss(frames[row] as number[][], labels[row] as number[][], target, joint, blank),
  )

const mean = (values: readonly number[]) => values.reduce((sum, x) => sum + x, 0) / values.length

describe('losses.transducer', () => {
  it('gives the losses and gradients of the equations', async () => {
    const next = randomNumbers(7)
    for (let index = 0; index < cases; index++) {
      const units = 2 + (index % 5)
      const blank = index % units
      const m = joining(units, { blank })
      m.setWeights(
        m.getWeights().map(({ shape, data }) => ({ shape, data: Float32Array.from(data, () => 3 * next() - 1.5) })),
      )
      const each = randomCase(next, units, blank)
      const joint = jointOf(m)
      const expected = mean(lossOf(each, joint, blank))
      const x = [each.frames, each.labels]
      const [value] = await m.evaluate(x, each.targets)
      expect(Math.abs((value as number) - expected)).toBeLessThan(1e-5 * Math.max(1, expected))
      const { inputs, weights } = await m.gradients(x, each.targets)
      // Of a number somewhere in each of what has a gradient.
      const step = 1e-5
      const difference = (change: (by: number) => { case: Case; joint: Joint }): number => {
        const [up, down] = [step, -step].map((by) => {
          const changed = change(by)
          return mean(lossOf(changed.case, changed.joint, blank))
        }) as [number, number]
        return (up - down) / (2 * step)
      }
      const row = index % 3
      const moved = (list: readonly number[][][], at: number, by: number) => {
        const copy = structuredClone(list) as number[][][]
        const vector = copy[row]?.[0] as number[]
        vector[at] = (vector[at] as number) + by
        return copy
      }
      const at = index % width
      const longest = (list: readonly unknown[][]) => Math.max(...list.map((one) => one.length))
      const start = (list: readonly unknown[][]) => row * longest(list) * width + at
      expect(inputs[0]?.data[start(each.frames)]).toBeCloseTo(
        difference((by) => ({ case: { ...each, frames: moved(each.frames, at, by) }, joint })),
        5,
      )
      expect(inputs[1]?.data[start(each.labels)]).toBeCloseTo(
        difference((by) => ({ case: { ...each, labels: moved(each.labels, at, by) }, joint })),
        5,
      )
      const kernel = joint.kernel as number[][]
      expect(weights['joint/kernel']?.data[at * units + blank]).toBeCloseTo(
        difference((by) => ({
          case: each,
          joint: {
            ...joint,
            kernel: kernel.map((list, k) => list.map((x, s) => (k === at && s === blank ? x + by : x))),
          },
        })),
        5,
      )
      expect(weights['joint/bias']?.data[0]).toBeCloseTo(
        difference((by) => ({
          case: each,
          joint: { ...joint, bias: joint.bias.map((x, s) => (s === 0 ? x + by : x)) },
        })),
        5,
      )
    }
  })

  it('stays exact where probabilities underflow', async () => {
    const m = joining(3)
    m.setWeights(
      m.getWeights().map(({ shape, data }) => ({ shape, data: data.map((_, i) => 40 * Math.sin(3 * i + 1)) })),
    )
    const frames = [Array.from({ length: 60 }, (_, t) => Array.from({ length: width }, (_, k) => Math.sin(t * 5 + k)))]
    const labels = [Array.from({ length: 21 }, (_, u) => Array.from({ length: width }, (_, k) => Math.cos(u * 3 + k)))]
    const targets = [Array.from({ length: 20 }, (_, u) => 1 + (u % 2))]
    const rounded = (list: number[][][]) => list.map((row) => row.map((one) => one.map(Math.fround)))
    const [value = 0] = await m.evaluate([frames, labels], targets)
    const expected = mean(lossOf({ frames: rounded(frames), labels: rounded(labels), targets }, jointOf(m), 0))
    expect(expected).toBeGreaterThan(300)
    expect(Math.abs(value / expected - 1)).toBeLessThan(1e-5)
    const { inputs } = await m.gradients([frames, labels], targets)
    expect(inputs.every((each) => each?.data.every(Number.isFinite))).toBe(true)
  })

  it('has the same bits for any number of threads, and for a row wherever it is', async () => {
    const next = randomNumbers(3)
    const each = randomCase(next, 6, 0, 40)
    const m = joining(6)
    const bits = async () => {
      const { inputs, weights } = await m.gradients([each.frames, each.labels], each.targets)
      return [...inputs, ...Object.values(weights)].map((each) => Array.from(each?.data ?? []))
    }
    const { threads } = backend()
    try {
      configure({ threads: 1 })
      const one = await bits()
      configure({ threads: 2 })
      expect(await bits()).toEqual(one)
    } finally {
      configure({ threads })
    }
    const twice = (list: readonly (readonly number[][])[], row: number) => [list[row], list[row ^ 1]] as number[][][]
    const of = async (row: number) => {
      const x = [twice(each.frames, row), twice(each.labels, row)]
      const { inputs } = await m.gradients(x, [each.targets[row], each.targets[row ^ 1]] as number[][])
      const size = (inputs[0] as Tensor).data.length / 2
      const at = row === 0 ? 0 : size
      return Array.from((inputs[0] as Tensor).data.subarray(at, at + size))
    }
    expect(await of(0)).toEqual(await of(1))
  })

  it('takes targets filled up with blanks or negative numbers, padded inputs, weights and reductions', async () => {
    const next = randomNumbers(11)
    const each: Case = { ...randomCase(next, 4, 0, 2), targets: [[1, 2], [3]] }
    const vectors = (count: number) => Array.from({ length: count }, () => Array.from({ length: width }, () => next()))
    const [frames, labels] = [
      [vectors(3), vectors(2)],
      [vectors(3), vectors(2)],
    ]
    const m = joining(4)
    const expected = lossOf({ ...each, frames, labels }, jointOf(m), 0)
    const padded = (list: number[][][], lengths: readonly number[]) => {
      const data = list.flatMap((row) => [...row, ...Array.from({ length: 3 - row.length }, () => [9, 9, 9, 9])]).flat()
      return tensor(Float32Array.from(data), [2, 3, width], { lengths })
    }
    const x = [padded(frames, [3, 2]), padded(labels, [3, 2])]
    for (const y of [[[1, 2], [3]], tensor([1, 2, 3, 0], [2, 2]), tensor([1, 2, 3, -1], [2, 2])]) {
      expect((await m.evaluate(x, y as never))[0]).toBeCloseTo(mean(expected), 5)
    }
    const [weighted] = await m.evaluate(x, [[1, 2], [3]], { sampleWeight: [2, 0.5] })
    expect(weighted).toBeCloseTo(((expected[0] as number) * 2 + (expected[1] as number) / 2) / 2, 5)
    const [sum] = await joining(4, { reduction: 'sum' }).evaluate(x, [[1, 2], [3]])
    expect(sum).toBeCloseTo(mean(expected) * 2, 4)
    const by = joining(4, { reduction: 'meanWithSampleWeight' })
    const [share] = await by.evaluate(x, [[1, 2], [3]], { sampleWeight: [2, 0.5] })
    expect(share).toBeCloseTo(((expected[0] as number) * 2 + (expected[1] as number) / 2) / 2.5, 5)
    // The logits themselves, which are 0 where there is nothing.
    const p = await m.predict(x)
    expect(p.shape).toEqual([2, 3, 3, 4])
    expect(Array.from(p.data.slice((9 + 2) * 4, (9 + 3) * 4))).toEqual([0, 0, 0, 0])
    expect(Array.from(p.lengths as Uint32Array)).toEqual([3, 2])
  })

  it('refuses what has no alignment, or does not fit, naming the row and what would be right', async () => {
    const m = joining(3)
    const x = (labels: number) => [
      tensor(new Float32Array(2 * 3 * width), [2, 3, width]),
      tensor(new Float32Array(2 * labels * width), [2, labels, width]),
    ]
    await expectCoded(
      () => m.evaluate(x(2), [[1], [2, 2]]),
      'ERR_DATA',
      /reads 2 symbols of row 1, whose target has 2 symbols.*one more/,
    )
    await expectCoded(() => m.evaluate(x(3), [[1], [3]]), 'ERR_DATA', /row 1 has 3 at position 0.*0 to 2.*blank, 0/)
    await expectCoded(() => m.evaluate(x(3), [[1], [0, 1]]), 'ERR_DATA', /row 1 has 0 at position 0/)
    const masked = [
      tensor(new Float32Array(2 * 2 * width), [2, 2, width], { mask: [true, true, false, false] }),
      x(2)[1] as never,
    ]
    await expectCoded(() => m.evaluate(masked, [[1], [2]]), 'ERR_DATA', /row 1 has no valid step.*zeroInfinity/)
    const zeroed = joining(3, { zeroInfinity: true })
    const [value] = await zeroed.evaluate(masked, [[1], [2]])
    expect(value).toBeGreaterThan(0)
    const { inputs } = await zeroed.gradients(masked, [[1], [2]])
    expect(inputs[1]?.data.slice(2 * width).every((d) => d === 0)).toBe(true)
    expectCoded(() => losses.transducer({ blank: -1 }), 'ERR_OPTION', /blank/)
    expectCoded(
      () => m.compile({ optimizer: 'sgd', loss: losses.transducer({ blank: 3 }) }),
      'ERR_OPTION',
      /blank is 3.*0 to 2/,
    )
    expectCoded(
      () => m.compile({ optimizer: 'sgd', loss: 'transducer', metrics: ['accuracy'] }),
      'ERR_UNSUPPORTED',
      /transducerDecode/,
    )
    const f = input({ shape: [null, 3] })
    const d = model({ inputs: f, outputs: layers.dense({ units: 4 }).apply(f) })
    expectCoded(() => d.compile({ optimizer: 'sgd', loss: 'transducer' }), 'ERR_OPTION', /layers.transducerJoint/)
    const g = input({ shape: [null, 4] })
    expectCoded(() => layers.transducerJoint({ units: 3 }).apply([f, g]), 'ERR_SHAPE', /same width/)
    expectCoded(() => layers.transducerJoint({ units: 3 }).apply(f as never), 'ERR_SHAPE', /encoder.*predictor/)
    expectCoded(() => m.session(), ['ERR_UNSUPPORTED', 'ERR_OPTION'])
    await expectCoded(
      () => interop.toOnnx(m, join(tmpdir(), 'joint.onnx')),
      'ERR_UNSUPPORTED',
      /joint.*encoder and the predictor/s,
    )
  })

  it('trains a model to write what it reads, also after saving, at once and in a stream', async () => {
    const symbols = 5
    const frames = input({ shape: [null, symbols], name: 'frames' })
    const labels = input({ shape: [null], dtype: 'int32', name: 'labels' })
    const encoded = layers.dense({ units: 24 }).apply(layers.gru({ units: 24, returnSequences: true }).apply(frames))
    const embedded = layers.embedding({ inputDim: symbols, outputDim: 8 }).apply(labels)
    const predicted = layers
      .dense({ units: 24 })
      .apply(layers.lstm({ units: 16, returnSequences: true }).apply(embedded))
    const m = model({
      inputs: [frames, labels],
      outputs: layers.transducerJoint({ units: symbols }).apply([encoded, predicted]),
      seed: 2,
    })
    m.compile({ optimizer: optimizers.adam({ learningRate: 0.02 }), loss: losses.transducer() })
    const targets = Array.from({ length: 48 }, (_, row) =>
      Array.from({ length: row % 5 }, (_, at) => 1 + ((row * 5 + at * at * 3 + at) % 4)),
    )
    // Symbols are seen for one or two steps, the last ones of some rows in a single one.
    const x = targets.map((target, row) => [
      ...target.flatMap((symbol, at) =>
        Array.from({ length: 1 + ((row + at) % 2) }, (_, i) =>
          [0, 1, 2, 3, 4].map((k) => Number(i === 0 && k === symbol)),
        ),
      ),
      [1, 0, 0, 0, 0],
    ])
    const { history } = await m.fit([x, targets.map((target) => [0, ...target])], targets, {
      epochs: 60,
      batchSize: 16,
    })
    expect(history.loss?.at(-1)).toBeLessThan(0.1)
    const again = await loadModel(await m.toBytes())
    const found = await text.transducerDecode(again, x)
    expect(found.map((each) => each.labels)).toEqual(targets)
    using stream = text.transducerStream(again)
    for (const row of [7, 9, 14]) {
      const steps = x[row] as number[][]
      const parts = [steps.slice(0, 1), steps.slice(1, 3), steps.slice(3)].filter((part) => part.length > 0)
      const written = parts.map((part) => stream.write(part))
      expect(written.flatMap((each) => each.labels)).toEqual(found[row]?.labels)
      expect(written.flatMap((each) => each.times)).toEqual(found[row]?.times)
      expect(written.at(-1)?.score).toBeCloseTo(found[row]?.score as number, 4)
      stream.reset()
    }
  })
})
