import { layers, metrics, sequential, tensor, text } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

const tokens = 5

/** A model that says its input: one-hot tokens, as probabilities. */
function echo(metric: unknown, loss = 'sparseCategoricalCrossentropy') {
  const m = sequential([layers.masking({ inputShape: [null, tokens] }), layers.activation({ activation: 'linear' })])
  m.compile({ optimizer: 'sgd', loss: loss as never, metrics: [metric as never] })
  return m
}

const oneHot = (rows: readonly (readonly number[])[]) =>
  rows.map((row) => row.map((token) => Array.from({ length: tokens }, (_, at) => (at === token ? 0.96 : 0.01))))

const predicted = [
  [1, 2, 3, 1],
  [2, 2, 4],
  [3, 1, 2, 4, 1, 0],
]
const expected = [
  [1, 3, 3, 1],
  [2, 2, 4],
  [3, 1, 2, 1, 1, 4],
]

const value = async (metric: unknown, batchSize = 32, one = expected as unknown, loss?: string) =>
  (await echo(metric, loss).evaluate(oneHot(predicted), one as never, { batchSize }))[1] as number

/** The same sequences as texts: of words, or of characters. */
const texts = (separator: string) =>
  [predicted, expected].map((rows) => rows.map((row) => row.map((token) => 'abcde'[token]).join(separator)))

describe('metrics of sequences of tokens', () => {
  it('are those of texts of these words, or characters, whatever the batches', async () => {
    const [a, b] = texts(' ') as [string[], string[]]
    const [c, d] = texts('') as [string[], string[]]
    for (const batchSize of [1, 2, 32]) {
      expect(await value('editDistance', batchSize)).toBeCloseTo(text.wordErrorRate(a, b), 6)
      expect(await value(metrics.bleu(), batchSize)).toBeCloseTo(text.bleu(a, b).score, 4)
      expect(await value('chrF', batchSize)).toBeCloseTo(text.chrF(c, d), 4)
      expect(await value(metrics.chrF({ maxOrder: 3, beta: 1 }), batchSize)).toBeCloseTo(
        text.chrF(c, d, { charOrder: 3, beta: 1 }),
        4,
      )
    }
    expect(await value(metrics.editDistance({ normalize: false }))).toBeCloseTo((1 + 0 + 2) / 3, 6)
  })

  it('have the name by which they are asked for', async () => {
    const m = echo('tokenErrorRate')
    expect(m.metricsNames).toEqual(['loss', 'tokenErrorRate'])
    expect(echo(metrics.tokenErrorRate()).metricsNames).toEqual(['loss', 'tokenErrorRate'])
    expect(echo(metrics.bleu({ name: 'b' })).metricsNames).toEqual(['loss', 'b'])
    const scores = await m.evaluate(oneHot(predicted), expected, { returnDict: true })
    expect(scores.tokenErrorRate).toBeCloseTo(3 / 13, 6)
  })

  it('take one-hot targets', async () => {
    const targets = oneHot(expected).map((row) => row.map((step) => step.map(Math.round)))
    expect(await value('editDistance', 32, targets, 'categoricalCrossentropy')).toBeCloseTo(3 / 13, 6)
  })

  it('end where a token says so, and leave tokens out', async () => {
    // [1, 2, 3], [2, 2, 4], [3, 1, 2, 4, 1] and [1, 3, 3], [2, 2, 4], [3, 1, 2, 1, 1] without the fifth token: at 4 all end.
    const ended = [predicted, expected].map((rows) => rows.map((row) => row.slice(0, [...row, 4].indexOf(4))))
    const words = ended.map((rows) => rows.map((row) => row.join(' '))) as [string[], string[]]
    expect(await value(metrics.editDistance({ endToken: 4 }))).toBeCloseTo(text.wordErrorRate(...words), 6)
    const left = [predicted, expected].map((rows) => rows.map((row) => row.filter((token) => token > 1).join(' ')))
    const chosen = metrics.bleu({ ignoreTokens: [0, 1], maxOrder: 4 })
    expect(await value(chosen)).toBeCloseTo(text.bleu(left[0] as string[], left[1] as string[]).score, 4)
  })

  it('leave out what is masked, and steps without weight', async () => {
    const x = tensor(Float32Array.from(oneHot([[1, 2, 3, 4]]).flat(2)), [1, 4, tokens])
    const y = tensor(Int32Array.of(1, 2, 4, 4), [1, 4])
    const m = sequential([layers.masking({ inputShape: [null, tokens] })])
    m.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy', weightedMetrics: ['editDistance'] })
    expect((await m.evaluate(x, y))[1]).toBeCloseTo(0.25, 6)
    expect((await m.evaluate(x, y, { sampleWeight: [[1, 1, 0, 1]] }))[1]).toBe(0)
    const rows = [oneHot([[1, 2, 3, 4]])[0], oneHot([[1]])[0]]
    const labels = [[1, 2, 4, 4], [2]]
    expect((await m.evaluate(rows as never, labels))[1]).toBeCloseTo(2 / 5, 6)
    expect((await m.evaluate(rows as never, labels, { sampleWeight: [1, 3] }))[1]).toBeCloseTo(4 / 7, 6)
    expect((await m.evaluate(rows as never, labels, { sampleWeight: [0, 1] }))[1]).toBe(1)
  })

  it('follow a training, are saved with the model, and count as larger is better', async () => {
    const m = sequential(
      [layers.embedding({ inputDim: 5, outputDim: 8 }), layers.dense({ units: tokens, activation: 'softmax' })],
      { seed: 2 },
    )
    m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['bleu', 'editDistance'] })
    const { history } = await m.fit(expected, expected, { epochs: 150, verbose: 0 })
    expect(history.bleu?.at(-1)).toBeCloseTo(100, 4)
    expect(history.editDistance?.at(-1)).toBe(0)
    expect(history.editDistance?.[0]).toBeGreaterThan(0)
  })

  it('say what they do not fit', async () => {
    const flat = sequential([layers.dense({ units: 3, inputShape: [2] })])
    const compile = (metric: unknown) => () =>
      flat.compile({ optimizer: 'sgd', loss: 'sparseCategoricalCrossentropy', metrics: [metric as never] })
    await expectCoded(compile('bleu'), 'ERR_OPTION', /'bleu' is of tokens, \[batch, time, tokens\]/)
    await expectCoded(() => metrics.bleu({ maxOrder: 0 }), 'ERR_OPTION', /maxOrder/)
    await expectCoded(() => metrics.editDistance({ endToken: -1 }), 'ERR_OPTION', /endToken/)
    await expectCoded(() => metrics.chrF({ ignoreTokens: [0.5] }), 'ERR_OPTION', /ignoreTokens/)
    await expectCoded(() => metrics.chrF({ beta: 0 }), 'ERR_OPTION', /beta/)
  })
})
