import { cells, interop, layers, loadModel, type Sequential, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { relativeError } from '../helpers/compare.js'
import { expectCoded } from '../helpers/errors.js'
import { wave } from '../helpers/models.js'

const x = tensor(wave(4 * 6 * 3), [4, 6, 3])
const y = wave(4)
const sigmoid = (value: number) => 1 / (1 + Math.exp(-value))

const model = (options: object, seed = 1): Sequential => {
  const m = sequential([layers.lstm({ units: 5, inputShape: [null, 3], ...options }), layers.dense({ units: 1 })], {
    seed,
  })
  m.compile({ optimizer: 'sgd', loss: 'mse' })
  return m
}

describe('zoneout', () => {
  it('mixes old and new states by its rates in predictions', () => {
    const [units, features] = [2, 3]
    const rate = { h: 0.3, c: 0.6 }
    const m = sequential([layers.lstm({ units, zoneout: rate, inputShape: [null, features], returnSequences: true })], {
      seed: 2,
    })
    const [kernel, recurrent, bias] = m.getWeights().map(({ data }) => data) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ]
    const steps = 4
    const data = wave(steps * features)
    let [h, c] = [new Array(units).fill(0), new Array(units).fill(0)] as [number[], number[]]
    const expected: number[] = []
    for (let step = 0; step < steps; step++) {
      const gate = (at: number) => {
        let sum = bias[at] as number
        for (let i = 0; i < features; i++)
          sum += (data[step * features + i] as number) * (kernel[i * 4 * units + at] as number)
        for (let i = 0; i < units; i++) sum += (h[i] as number) * (recurrent[i * 4 * units + at] as number)
        return sum
      }
      const made = h.map((_, unit) => {
        const [i, f, g, o] = [0, 1, 2, 3].map((part) => gate(part * units + unit)) as [number, number, number, number]
        const cell = sigmoid(f) * (c[unit] as number) + sigmoid(i) * Math.tanh(g)
        // The output is made of the new cell state, not of the mixed one (Krueger et al., section 3.2).
        return { cell, output: sigmoid(o) * Math.tanh(cell) }
      })
      h = made.map(({ output }, unit) => rate.h * (h[unit] as number) + (1 - rate.h) * output)
      c = made.map(({ cell }, unit) => rate.c * (c[unit] as number) + (1 - rate.c) * cell)
      expected.push(...h)
    }
    expect(relativeError(m.predictSync(tensor(data, [1, steps, features])).data, expected)).toBeLessThan(1e-5)
  })

  it('keeps units as they were at random steps of training', async () => {
    // A cell that counts: each step adds 1, unless the unit is kept.
    const counting = (zoned: number, seed?: number) => {
      const m = sequential([
        layers.simpleRNN({
          units: 400,
          activation: 'linear',
          kernelInitializer: 'zeros',
          recurrentInitializer: 'identity',
          biasInitializer: 'ones',
          inputShape: [null, 1],
          zoneout: zoned,
          ...(seed !== undefined && { seed }),
        }),
      ])
      m.compile({ optimizer: 'sgd', loss: 'mse' })
      return m
    }
    const input = tensor(new Float32Array(20), [1, 20, 1])
    const zeros = tensor(new Float32Array(400), [1, 400])
    const m = counting(0.25)
    // The number of steps that are not kept is binomial: mean 15, variance 20 · 0.75 · 0.25.
    const [square] = await m.trainOnBatch(input, zeros)
    expect((square as number) / (15 ** 2 + 3.75)).toBeCloseTo(1, 1)
    expect(counting(0.25).predictSync(input).data[0]).toBeCloseTo(15, 3)
    const losses = await Promise.all(
      [counting(0.5, 3), counting(0.5, 3), counting(0.5, 4)].map((each) => each.trainOnBatch(input, zeros)),
    )
    expect(losses[0]).toEqual(losses[1])
    expect(losses[0]).not.toEqual(losses[2])
  })

  it('is the same in a layer and in a cell, is saved, and streams', async () => {
    const m = model({ zoneout: { c: 0.5 } })
    const cell = cells.zoneout({ cell: cells.lstm({ units: 5 }), rate: { c: 0.5 } })
    const traced = sequential([layers.rnn({ cell, inputShape: [null, 3] }), layers.dense({ units: 1 })], { seed: 1 })
    traced.setWeights(m.getWeights())
    expect(traced.predictSync(x).data).toEqual(m.predictSync(x).data)
    await m.fit(x, y, { epochs: 2 })
    const loaded = await loadModel(await m.toBytes())
    expect(loaded.predictSync(x).data).toEqual(m.predictSync(x).data)
    await Promise.all([loaded.trainOnBatch(x, y), m.trainOnBatch(x, y)])
    expect(loaded.getWeights()).toEqual(m.getWeights())
    const steps = sequential([layers.gru({ units: 2, zoneout: 0.2, returnSequences: true, inputShape: [null, 3] })])
    const session = steps.session({ batchSize: 1 })
    const streamed = Array.from({ length: 6 }, (_, step) => [
      ...session.step(x.data.slice(step * 3, step * 3 + 3)).data,
    ])
    const whole = steps.predictSync(tensor(x.data.slice(0, 18), [1, 6, 3])).data
    expect(relativeError(streamed.flat(), whole)).toBeLessThan(1e-5)
  })

  it('leaves masked steps alone, in both directions', () => {
    const m = sequential([
      layers.bidirectional({ layer: layers.gru({ units: 3, zoneout: 0.4 }), inputShape: [null, 3] }),
    ])
    const short = m.predictSync(tensor(x.data.slice(0, 9), [1, 3, 3])).data
    const padded = new Float32Array(18).fill(7)
    padded.set(x.data.slice(0, 9))
    expect(relativeError(m.predictSync(tensor(padded, [1, 6, 3], { lengths: [3] })).data, short)).toBeLessThan(1e-6)
  })

  it('is none at 0, and refuses what is no rate and no state', async () => {
    expect(model({ zoneout: 0 }).predictSync(x).data).toEqual(model({}).predictSync(x).data)
    await expectCoded(
      () => model({ zoneout: 1 }),
      'ERR_OPTION',
      /zoneout must be a finite number of at least 0 and below 1/,
    )
    await expectCoded(() => model({ zoneout: { z: 0.1 } }), 'ERR_OPTION', /no state 'z'; the states are h, c/)
    await expectCoded(
      () => cells.zoneout({ cell: cells.gru({ units: 2 }), rate: { c: 0.1 } }),
      'ERR_OPTION',
      /no state 'c'/,
    )
    const m = model({ zoneout: 0.1 })
    await expectCoded(() => interop.toKeras(m, 'never.keras'), 'ERR_UNSUPPORTED', /zoneout/)
    await expectCoded(() => interop.toPyTorch(m, 'never.pt'), 'ERR_UNSUPPORTED', /zoneout/)
  })
})

describe('variational dropout', () => {
  it('drops the same units at every step', async () => {
    // The state is what was kept of it, over and over: 1 / (1 - rate) to the number of steps, or 0.
    const m = sequential([
      layers.simpleRNN({
        units: 50,
        activation: 'linear',
        kernelInitializer: 'zeros',
        recurrentInitializer: 'identity',
        biasInitializer: 'zeros',
        recurrentDropout: 0.5,
        inputShape: [null, 1],
        returnState: false,
      }),
    ])
    expect(m.predictSync(tensor([0, 0], [1, 2, 1])).data).toEqual(new Float32Array(50))
    const biased = sequential([
      layers.simpleRNN({
        units: 1000,
        activation: 'linear',
        kernelInitializer: 'zeros',
        recurrentInitializer: 'identity',
        biasInitializer: 'ones',
        recurrentDropout: 0.5,
        inputShape: [null, 1],
        seed: 1,
      }),
    ])
    biased.compile({ optimizer: 'sgd', loss: 'mse' })
    // With the same units at every step, a state is 1 or 1 + 2 + 4 after three: with others, it could be 3, too.
    const [square] = await biased.trainOnBatch(tensor([0, 0, 0], [1, 3, 1]), tensor(new Float32Array(1000), [1, 1000]))
    expect((square as number) / ((1 + 49) / 2)).toBeCloseTo(1, 1)
  })
})

describe('layers.stackedRNNCells with connections', () => {
  const stack = (connections: 'none' | 'residual' | 'highway', units = [4, 4, 4]) =>
    layers.stackedRNNCells({ cells: units.map((each) => cells.gru({ units: each })) as never, connections })
  const run = (cell: ReturnType<typeof stack>) =>
    sequential([layers.rnn({ cell, returnSequences: true, inputShape: [null, 3] })], { seed: 3 })

  it('adds what each cell but the first reads', () => {
    const m = run(stack('residual'))
    const weights = m.getWeights()
    const layer = (at: number, inputShape: number) => {
      const one = sequential([layers.gru({ units: 4, returnSequences: true, inputShape: [null, inputShape] })])
      one.setWeights(weights.slice(at * 3, at * 3 + 3))
      return (data: Float32Array) => one.predictSync(tensor(data, [4, 6, inputShape])).data
    }
    const first = layer(0, 3)(x.data as Float32Array)
    const second = layer(1, 4)(first).map((value, at) => value + (first[at] as number))
    const third = layer(2, 4)(second).map((value, at) => value + (second[at] as number))
    expect(relativeError(m.predictSync(x).data, third)).toBeLessThan(1e-5)
  })

  it('mixes both by a gate, whose bias begins with -1', () => {
    const m = run(stack('highway', [4, 4]))
    const named = m.namedWeights()
    const names = Object.keys(named).map((name) => name.slice(name.indexOf('/') + 1))
    expect(names.filter((name) => name.includes('gate'))).toEqual(['gru_1/gate_kernel', 'gru_1/gate_bias'])
    const [kernel, bias] = Object.entries(named)
      .filter(([name]) => name.includes('gate_'))
      .map(([, { data }]) => data)
    expect([...(bias ?? [])]).toEqual([-1, -1, -1, -1])
    const first = sequential([layers.gru({ units: 4, returnSequences: true, inputShape: [null, 3] })])
    first.setWeights(m.getWeights().slice(0, 3))
    const second = sequential([layers.gru({ units: 4, returnSequences: true, inputShape: [null, 4] })])
    second.setWeights(m.getWeights().slice(3, 6))
    const read = first.predictSync(x).data
    const made = second.predictSync(tensor(read, [4, 6, 4])).data
    const expected = Array.from(read, (value, at) => {
      const row = at - (at % 4)
      let sum = -1
      for (let i = 0; i < 4; i++) sum += (read[row + i] as number) * (kernel?.[i * 4 + (at % 4)] as number)
      return sigmoid(sum) * (made[at] as number) + (1 - sigmoid(sum)) * value
    })
    expect(relativeError(m.predictSync(x).data, expected)).toBeLessThan(1e-5)
  })

  it('are saved and trained, and refused where sizes differ', async () => {
    for (const connections of ['residual', 'highway'] as const) {
      const m = run(stack(connections))
      m.compile({ optimizer: 'adam', loss: 'mse' })
      const target = tensor(wave(4 * 6 * 4), [4, 6, 4])
      const { history } = await m.fit(x, target, { epochs: 30 })
      expect(history.loss?.at(-1)).toBeLessThan(history.loss?.[0] as number)
      expect((await loadModel(await m.toBytes())).predictSync(x).data).toEqual(m.predictSync(x).data)
      await expectCoded(() => interop.toKeras(m as never, 'never.keras'), 'ERR_UNSUPPORTED', /stacked/)
    }
    await expectCoded(
      () => stack('residual', [4, 5]),
      'ERR_SHAPE',
      /with residual connections, cell 'gru' must give what it reads, \[batch, 4\], not \[batch, 5\]/,
    )
    await expectCoded(() => stack('skip' as never), 'ERR_OPTION', /connections must be one of/)
  })
})
