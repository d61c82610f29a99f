import {
  defineCell,
  defineLayer,
  input,
  layers,
  model,
  ops,
  type SymbolicTensor,
  type SymbolicValue,
  sequential,
  tensor,
} from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

type Model = Pick<ReturnType<typeof model>, 'generate' | 'beamSearch'>
type Options = Parameters<Model['generate']>[1]

/** Whatever was before, the next token has these probabilities. */
const wanted = [0.78, 0.1, 0.1, 0.02]
const vocabulary = wanted.length
const logits = wanted.map(Math.log)

const tokens = () => input({ shape: [null], dtype: 'int32', name: 'tokens' })
const embedded = (x: SymbolicTensor) => layers.embedding({ inputDim: vocabulary, outputDim: 3 }).apply(x)

/** A layer that gives `values` at every step. */
function always(values: number[], options: { activation?: 'softmax' | 'relu' | 'sigmoid'; name?: string } = {}) {
  const { length } = values
  return (x: SymbolicTensor) => {
    const layer = layers.dense({ units: length, kernelInitializer: 'zeros', biasInitializer: 'zeros', ...options })
    const made = layer.apply(x)
    biases.set(layer, values)
    return made
  }
}
const biases = new Map<unknown, number[]>()

function build(
  heads: (x: SymbolicTensor) => SymbolicTensor | SymbolicTensor[],
  set: (names: string) => number[] | undefined = () => undefined,
) {
  const x = tokens()
  const outputs = heads(embedded(x))
  const m = model({ inputs: x, outputs: Array.isArray(outputs) ? outputs : [outputs], seed: 1 })
  const given = m.namedWeights()
  const names = Object.keys(given)
  m.setWeights(
    Object.values(given).map(({ data, shape }, at) => {
      const [layer] = (names[at] as string).split('/')
      const known = names[at]?.endsWith('/bias') ? biases.get(m.getLayer(layer as string)) : undefined
      const own = known ?? set(names[at] as string)
      return { data: Float32Array.from(own ?? data), shape }
    }),
  )
  return m
}

async function shares(m: Model, options: Options = {}, draws = 4000): Promise<number[]> {
  const counts = new Array<number>(vocabulary).fill(0)
  for await (const token of m.generate([0], { maxTokens: draws, seed: 5, ...options })) {
    counts[token] = (counts[token] as number) + 1 / draws
  }
  return counts
}

function close(got: number[], want: readonly number[]) {
  expect(got).toHaveLength(want.length)
  for (const [at, share] of want.entries()) expect(Math.abs((got[at] as number) - share)).toBeLessThan(0.025)
}

/** Probabilities from a cell: softmax is part of the step. */
const softCell = () =>
  defineCell({
    name: 'soft',
    states: { p: vocabulary },
    weights: { kernel: ['features', vocabulary], bias: [vocabulary] },
    step: ({ x, p }, w) => ({ p: x.matmul(w.kernel).mul(0).add(p.mul(0)).add(w.bias).softmax() }),
  })

const softLayer = () =>
  defineLayer({
    name: 'softLayer',
    inputs: { x: ['time', 'features'] },
    weights: { bias: [vocabulary] },
    call: ({ x }, w) =>
      x
        .mul(0)
        .add(w.bias as SymbolicValue)
        .softmax(),
  })

const isBias = (name: string) => (name.endsWith('bias') ? logits : undefined)

const softmaxes: Record<string, () => Model> = {
  'a dense softmax': () => build(always(logits, { activation: 'softmax' })),
  'a dense softmax with a wider second output': () =>
    build((x) => [always(logits, { activation: 'softmax' })(x), layers.dense({ units: 9 }).apply(x)]),
  'a softmax before a dropout': () =>
    build((x) => layers.dropout({ rate: 0.5 }).apply(always(logits, { activation: 'softmax' })(x))),
  'an activation layer': () => build((x) => layers.activation({ activation: 'softmax' }).apply(always(logits)(x))),
  'a softmax within a cell': () =>
    build((x) => layers.rnn({ cell: softCell(), returnSequences: true }).apply(x) as SymbolicTensor, isBias),
  'a softmax within a layer of one’s own': () =>
    build(
      (x) => softLayer()().apply(always([0, 0, 0, 0])(x)) as SymbolicTensor,
      (name) => (name.startsWith('soft') ? logits : undefined),
    ),
  'the average of two distributions': () =>
    build((x) =>
      layers
        .average()
        .apply([
          always([1, 0.1, 0.1, 0.02].map(Math.log), { activation: 'softmax' })(x),
          always(logits, { activation: 'softmax' })(x),
        ]),
    ),
  'a mixture of two distributions': () => {
    const mix = defineLayer({
      name: 'mix',
      inputs: { a: ['time', 'size'], b: ['time', 'size'] },
      weights: { gate: [1] },
      call({ a, b }, w) {
        const gate = (w.gate as SymbolicValue).sigmoid()
        return a.mul(gate).add(b.mul(ops.sub(1, gate)))
      },
    })
    return build((x) => {
      const [a, b] = [always(logits, { activation: 'softmax' })(x), always(logits, { activation: 'softmax' })(x)]
      return mix({}).apply([a, b]) as SymbolicTensor
    })
  },
  'time-distributed softmax': () =>
    build((x) =>
      layers.timeDistributed({ layer: layers.activation({ activation: 'softmax' }) }).apply(always(logits)(x)),
    ),
  'linear logits': () => build(always(logits)),
  'log-probabilities': () => build((x) => layers.activation({ activation: 'logSoftmax' }).apply(always(logits)(x))),
}

describe('generate draws what the model says', () => {
  for (const [name, make] of Object.entries(softmaxes)) {
    it(`from ${name}`, async () => {
      const m = make()
      close(await shares(m), name.startsWith('the average') ? [0.799, 0.091, 0.091, 0.019] : wanted)
    })
  }

  it('from the output that is named, whatever the others are', async () => {
    const m = build((x) => [
      layers.dense({ units: 9, name: 'wide' }).apply(x),
      layers
        .lastStep()
        .apply(layers.lstm({ units: 2, returnSequences: true, goBackwards: true }).apply(x) as SymbolicTensor),
      always(logits, { activation: 'softmax', name: 'words' })(x),
    ])
    close(await shares(m, { output: 'words' }), wanted)
    close(await shares(m, { output: 2 }), wanted)
    await expectCoded(() => m.generate([0], { output: 'word' }), 'ERR_OPTION', /'word'.*wide, .*words/)
    await expectCoded(() => m.generate([0], { output: 3 }), 'ERR_OPTION', /3/)
    await expectCoded(() => m.generate([0], { output: -1 }), 'ERR_OPTION', /-1/)
  })

  it('as it is told where nothing is known, and asks otherwise', async () => {
    const relu = build(always([2, 1, 0, 0], { activation: 'relu' }))
    await expectCoded(() => shares(relu), 'ERR_OPTION', /from: 'probabilities'.*from: 'logits'/)
    const sum = Math.E ** 2 + Math.E + 2
    close(await shares(relu, { from: 'logits' }), [Math.E ** 2 / sum, Math.E / sum, 1 / sum, 1 / sum])
    await expectCoded(() => shares(relu, { from: 'probabilities' }), 'ERR_DATA', /no distribution/)
    const linear = build(always(wanted))
    close(await shares(linear, { from: 'probabilities' }), wanted)
    const soft = build(always(logits, { activation: 'softmax' }))
    close(await shares(soft, { from: 'probabilities' }), wanted)
    await expectCoded(() => shares(soft, { from: 'logits' }), 'ERR_OPTION', /known to be probabilities/)
    await expectCoded(() => shares(soft, { from: 'odds' as 'logits' }), 'ERR_OPTION', /'probabilities', 'logits'/)
  })

  it('never what is excluded', async () => {
    for (const head of [always(logits), always(logits, { activation: 'softmax' })]) {
      const m = build(head)
      close(await shares(m, { exclude: [0] }), [0, 0.1 / 0.22, 0.1 / 0.22, 0.02 / 0.22])
      close(await shares(m, { exclude: Int32Array.of(0, 1) }), [0, 0, 0.1 / 0.12, 0.02 / 0.12])
      close(await shares(m, { exclude: [0, 1, 2], temperature: 2, topK: 2, topP: 0.5 }), [0, 0, 0, 1])
      expect((await shares(m, { exclude: [0, 2], temperature: 0 }, 10))[1]).toBeCloseTo(1)
      await expectCoded(() => shares(m, { exclude: [0, 1, 2, 3, 3] }), 'ERR_OPTION', /all 4 tokens/)
      await expectCoded(() => shares(m, { exclude: [4] }), 'ERR_OPTION', /exclude has 4/)
      await expectCoded(() => shares(m, { exclude: [-1] }), 'ERR_OPTION', /exclude/)
      await expectCoded(() => shares(m, { exclude: [0.5] }), 'ERR_OPTION', /exclude/)
      // biome-ignore lint/suspicious/noSparseArray: what is tested
      await expectCoded(() => shares(m, { exclude: [0, , 2] as number[] }), 'ERR_OPTION', /exclude/)
    }
  })

  it('refuses outputs that are no distributions over tokens', async () => {
    const m = sequential([
      layers.embedding({ inputDim: 4, outputDim: 3 }),
      layers.reshape({ targetShape: [null, 3, 1] }),
      layers.dense({ units: 4, activation: 'softmax' }),
    ])
    await expectCoded(() => m.generate([0]), 'ERR_UNSUPPORTED', /\[batch, time, tokens\]/)
  })

  it('refuses tokens that are no numbers', async () => {
    const m = build(always(logits))
    for (const wrong of [0n, undefined, '1', Symbol('x'), 0.5]) {
      await expectCoded(() => m.generate([0, wrong] as number[]), 'ERR_DATA', /token 1 of the prompt/)
    }
  })
})

describe('beamSearch', () => {
  const search = (m: ReturnType<typeof model>, options: object = {}) =>
    m.beamSearch({
      constants: { start: tensor([0, 0, 0], [1, 3]) },
      start: 0,
      end: 3,
      maxLength: 2,
      nBest: 4,
      beamWidth: 4,
      ...options,
    })
  /** As {@link build}, with a constant, for which sequences are written. */
  function decoder(head: (x: SymbolicTensor) => SymbolicTensor, wide = false) {
    const [x, start] = [tokens(), input({ shape: [3], name: 'start' })]
    const read = layers.gru({ units: 3, returnSequences: true }).apply(embedded(x), { initialState: start })
    const words = head(read as SymbolicTensor)
    const outputs = wide ? [layers.dense({ units: 9, name: 'wide' }).apply(read as SymbolicTensor), words] : [words]
    const m = model({ inputs: [x, start], outputs, seed: 1 })
    const names = Object.keys(m.namedWeights())
    m.setWeights(
      m.getWeights().map(({ data, shape }, at) => {
        const own = names[at]?.endsWith('/bias')
          ? biases.get(m.getLayer(names[at]?.split('/')[0] as string))
          : undefined
        return { data: Float32Array.from(own ?? data), shape }
      }),
    )
    return m
  }

  it('reads probabilities and logits alike', async () => {
    const best = Math.log(0.78 * 0.78)
    for (const m of [
      decoder(always(logits)),
      decoder(always(logits, { activation: 'softmax' })),
      decoder((x) => layers.dropout({ rate: 0.5 }).apply(always(logits, { activation: 'softmax' })(x))),
    ]) {
      const [found] = await search(m)
      expect(Array.from(found?.[0]?.tokens as Int32Array)).toEqual([0, 0])
      expect(found?.[0]?.logProbability).toBeCloseTo(best, 4)
      // The end counts: a sequence of maxLength tokens has not come to its end.
      expect(found?.every(({ tokens: { length }, finished }) => (finished ? length < 2 : length === 2))).toBe(true)
    }
    const wide = decoder(always(logits, { name: 'words' }), true)
    expect((await search(wide, { output: 'words' }))[0]?.[0]?.logProbability).toBeCloseTo(best, 4)
    await expectCoded(() => search(wide, { output: 'other' }), 'ERR_OPTION', /wide, words/)
  })

  it('is told what nothing is known of', async () => {
    const relu = decoder(always([2, 1, 0, 0], { activation: 'relu' }))
    await expectCoded(() => search(relu), 'ERR_DATA', /from: 'logits'/)
    const [found] = await search(relu, { from: 'logits' })
    expect(found?.[0]?.logProbability).toBeCloseTo(2 * Math.log(Math.E ** 2 / (Math.E ** 2 + Math.E + 2)), 4)
    await expectCoded(() => search(relu, { exclude: [4] }), 'ERR_OPTION', /exclude: 4/)
  })
})
