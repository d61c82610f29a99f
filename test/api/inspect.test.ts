import { cells, input, inspect, layers, model, optimizers, sequential, tensor } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

const tokens = [
  [1, 2, 3],
  [4, 5, 6, 7, 8],
]

function classifier(recurrent = layers.lstm({ units: 5 }), options: { maskZero?: boolean } = {}) {
  return sequential(
    [
      layers.embedding({ inputDim: 10, outputDim: 4, ...options, embeddingsInitializer: 'glorotUniform' }),
      layers.dropout({ rate: 0.5 }),
      recurrent,
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    { seed: 3 },
  )
}

const sigmoid = (value: number) => 1 / (1 + Math.exp(-value))

describe('inspect.states', () => {
  it('gives the gates and states of an LSTM as its equations have them', async () => {
    const m = sequential([layers.lstm({ units: 2, inputShape: [null, 3] })], { seed: 5 })
    const x = [
      [
        [0.1, -0.4, 0.9],
        [1, 0.3, -0.2],
      ],
    ]
    const [found] = await inspect.states(m, x)
    const [kernel, recurrent, bias] = m.getWeights().map(({ data }) => data) as [
      Float32Array,
      Float32Array,
      Float32Array,
    ]
    let [h, c] = [
      [0, 0],
      [0, 0],
    ]
    for (const [step, row] of (x[0] as number[][]).entries()) {
      const sums = Array.from(
        { length: 8 },
        (_, j) =>
          row.reduce((sum, value, i) => sum + value * (kernel[i * 8 + j] as number), bias[j] as number) +
          h.reduce((sum, value, i) => sum + value * (recurrent[i * 8 + j] as number), 0),
      )
      const gate = (index: number, f: (value: number) => number) => sums.slice(2 * index, 2 * index + 2).map(f)
      const [i, f, g, o] = [gate(0, sigmoid), gate(1, sigmoid), gate(2, Math.tanh), gate(3, sigmoid)] as [
        number[],
        number[],
        number[],
        number[],
      ]
      c = c.map((value, u) => (f[u] as number) * value + (i[u] as number) * (g[u] as number))
      h = c.map((value, u) => (o[u] as number) * Math.tanh(value))
      const expected = { h, c, input: i, forget: f, candidate: g, output: o }
      for (const [name, values] of Object.entries(expected)) {
        const all = found?.values[name]
        expect(all?.shape).toEqual([1, 2, 2])
        for (const [u, value] of values.entries()) expect(all?.data[2 * step + u]).toBeCloseTo(value, 5)
      }
    }
  })

  it.each([
    ['lstm', () => layers.lstm({ units: 5 })],
    ['gru', () => layers.gru({ units: 5 })],
    ['gru', () => layers.gru({ units: 5, resetAfter: false })],
    ['simple_rnn', () => layers.simpleRNN({ units: 5 })],
    ['lstm', () => layers.lstm({ units: 5, recurrentActivation: 'hardSigmoid', activation: 'relu' })],
    ['rnn', () => layers.rnn({ cell: cells.minGRU({ units: 5 }) })],
  ] as const)('shows every step of a %s that returns its last one', async (name, make) => {
    const m = classifier(make() as never)
    const last = model({ inputs: m.inputs, outputs: m.getLayer(name).output })
    const [found] = await inspect.states(m, tokens)
    expect(found?.layer).toBe(name)
    const h = found?.values.h
    expect(h?.shape).toEqual([2, 5, 5])
    expect(h?.lengths).toEqual(new Uint32Array([3, 5]))
    const { data } = (await last.predict(tokens)) as { data: Float32Array }
    for (let u = 0; u < 5; u++) {
      expect(h?.data[2 * 5 + u]).toBeCloseTo(data[u] as number, 5)
      expect(h?.data[(5 + 4) * 5 + u]).toBeCloseTo(data[5 + u] as number, 5)
    }
  })

  it('shows both directions in the order of the input', async () => {
    const m = classifier(layers.bidirectional({ layer: layers.gru({ units: 5, returnSequences: true }) }) as never)
    const both = model({ inputs: m.inputs, outputs: m.getLayer('bidirectional').output })
    const { data } = (await both.predict(tokens)) as { data: Float32Array }
    const found = await inspect.states(m, tokens)
    expect(found.map(({ layer }) => layer)).toEqual(['bidirectional/forward', 'bidirectional/backward'])
    for (const [row, length] of [3, 5].entries()) {
      for (let step = 0; step < length; step++) {
        for (let u = 0; u < 10; u++) {
          const own = found[u < 5 ? 0 : 1]?.values.h?.data[(row * 5 + step) * 5 + (u % 5)]
          expect(own).toBeCloseTo(data[(row * 5 + step) * 10 + u] as number, 5)
        }
      }
    }
  })

  it('leaves the model as it was, and draws', async () => {
    const m = classifier()
    const before = await m.predict(tokens)
    const [found] = await inspect.states(m, tokens, { layers: ['lstm'] })
    expect((await m.predict(tokens)).data).toEqual(before.data)
    const picture = found?.svg({ row: 1, names: ['forget'], tokens: ['a', 'b', 'c', 'd', '<e>'] })
    expect(picture?.match(/<rect /g)).toHaveLength(1 + 5 * 5)
    expect(picture).toContain('&lt;e&gt;')
    await expectCoded(() => found?.svg({ names: ['gate'] }), 'ERR_OPTION')
    await expectCoded(() => found?.svg({ row: 7 }), 'ERR_OPTION')
    await expectCoded(() => found?.svg({ tokens: ['a', 'b'] }), 'ERR_DATA')
  })

  it('refuses what it cannot look into', async () => {
    await expectCoded(() => inspect.states({} as never, tokens), 'ERR_OPTION')
    await expectCoded(() => inspect.states(classifier(), tokens, { layers: ['dense'] }), 'ERR_OPTION')
    await expectCoded(
      () => inspect.states(sequential([layers.dense({ units: 1, inputShape: [2] })]), [[1, 2]]),
      'ERR_OPTION',
    )
    await expectCoded(() => inspect.states(classifier(), [[1, 99]]), 'ERR_DATA')
  })
})

describe('inspect.saliency', () => {
  it('adds up to the difference that a row makes', async () => {
    const m = classifier()
    const found = await inspect.saliency(m, tokens, { steps: 200 })
    const { data } = await m.predict(tokens)
    for (const row of [0, 1]) {
      expect(found.scores[row]).toBeCloseTo(Math.max(...data.subarray(3 * row, 3 * row + 3)), 6)
      expect(Math.abs(found.missing[row] as number)).toBeLessThan(1e-4)
    }
    expect(found.values.shape).toEqual([2, 5])
    expect(found.values.lengths).toEqual(new Uint32Array([3, 5]))
    expect([...found.values.data.subarray(3, 5)]).toEqual([0, 0])
  })

  it('is the gradient times the input for a linear model, exactly', async () => {
    const m = sequential([layers.globalAveragePooling1d({ inputShape: [null, 2] }), layers.dense({ units: 2 })], {
      seed: 1,
    })
    const x = tensor(Float32Array.from([1, 2, 3, 4, 5, 6]), [1, 3, 2])
    const [kernel] = m.getWeights().map(({ data }) => data) as [Float32Array]
    const expected = [0, 1, 2].map(
      (t) => ((2 * t + 1) * (kernel[1] as number) + (2 * t + 2) * (kernel[3] as number)) / 3,
    )
    for (const method of ['gradientTimesInput', 'integratedGradients'] as const) {
      const { values } = await inspect.saliency(m, x, { class: 1, method, steps: 3 })
      for (const [t, value] of expected.entries()) expect(values.data[t]).toBeCloseTo(value, 5)
      expect((await inspect.saliency(m, x, 1)).values.data).toEqual(
        (await inspect.saliency(m, x, { class: 1 })).values.data,
      )
    }
  })

  it('finds the token that decides', async () => {
    const m = classifier(layers.gru({ units: 8 }) as never)
    m.compile({ optimizer: optimizers.adam({ learningRate: 0.02 }), loss: 'sparseCategoricalCrossentropy' })
    // Token 9 anywhere makes class 1, others class 0.
    const rows = Array.from({ length: 120 }, (_, i) =>
      Array.from({ length: 6 }, (_, t) => (i % 2 === 1 && t === (i >> 1) % 6 ? 9 : 1 + ((5 * (i >> 1) + 3 * t) % 8))),
    )
    await m.fit(
      rows,
      rows.map((row) => Number(row.includes(9))),
      { epochs: 60 },
    )
    const found = await inspect.saliency(m, [[3, 4, 9, 1, 2, 5]], { class: 1 })
    expect(found.values.argMax()[0]).toBe(2)
    expect(found.text({ tokens: ['a', 'b', 'NINE', 'c', 'd', 'e'], colours: false })).toContain('NINE(+1.00)')
    expect(found.text({ tokens: ['a', 'b', 'NINE', 'c', 'd', 'e'], colours: true })).toContain('\u001b[48;2;178;40;20m')
    expect(found.svg({ tokens: ['a', 'b', '<9>', 'c', 'd', 'e'] })).toContain('&lt;9&gt;')
    await expectCoded(() => found.text({ tokens: ['a'] }), 'ERR_DATA')
    expect(found.text({ colours: false })).toContain(' 2(+1.00) 3')
    expect(found.svg()).toContain('>2</text>')
    await expectCoded(() => found.text({ tokens: [], row: 3 }), 'ERR_OPTION')
  })

  it('refuses models that it cannot explain', async () => {
    for (const wrong of [{ class: 3 }, 3, -1, 0.5]) {
      await expectCoded(() => inspect.saliency(classifier(), tokens, wrong), 'ERR_OPTION', /class must be/)
    }
    const twice = input({ shape: [null], dtype: 'int32' })
    const a = layers.embedding({ inputDim: 9, outputDim: 2 }).apply(twice)
    const b = layers.embedding({ inputDim: 9, outputDim: 2 }).apply(twice)
    const sum = layers.dense({ units: 2 }).apply(layers.lastStep().apply(layers.add().apply([a, b])))
    await expectCoded(() => inspect.saliency(model({ inputs: twice, outputs: sum }), tokens), 'ERR_UNSUPPORTED')
    const steps = sequential([layers.lstm({ units: 2, inputShape: [null, 1], returnSequences: true })])
    await expectCoded(() => inspect.saliency(steps, [[[1], [2]]]), 'ERR_UNSUPPORTED')
  })
})

describe('inspect.gradientFlow', () => {
  it('is the norm of the states’ gradients by their distance from the end of each row', async () => {
    const m = classifier()
    m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' })
    const flow = await inspect.gradientFlow(m, tokens, [0, 2])
    const { states } = await m.gradients(tokens, [0, 2], { states: true })
    const h = states['lstm/h']
    const norm = (row: number, step: number) => {
      const own = Array.from(h?.data.subarray((row * 5 + step) * 5, (row * 5 + step + 1) * 5) ?? [])
      return own.reduce((sum, value) => sum + value * value, 0)
    }
    expect(flow.norms['lstm/h']).toHaveLength(5)
    expect(flow.norms['lstm/h']?.[0]).toBeCloseTo(Math.sqrt((norm(0, 2) + norm(1, 4)) / 2), 6)
    expect(flow.norms['lstm/h']?.[4]).toBeCloseTo(Math.sqrt(norm(1, 0)), 6)
    expect(flow.svg()).toContain('lstm/h')
    await expectCoded(() => inspect.gradientFlow(classifier(), tokens, [0, 2]), 'ERR_STATE')
  })
})
