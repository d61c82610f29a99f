import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AbortError, tasks } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'

const digits = ['one', 'two', 'three', 'four', 'five', 'six']
const zahlen = ['eins', 'zwei', 'drei', 'vier', 'fünf', 'sechs']

/** Numbers in English, and in German from the last to the first: the decoder must look at each word's place. */
function rows(count: number): tasks.TranslationRow[] {
  let state = 7
  const next = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  return Array.from({ length: count }, () => {
    const chosen = Array.from({ length: 1 + next(5) }, () => next(6))
    return {
      source: `${chosen.map((n) => digits[n]).join(' ')}.`,
      target: `${chosen
        .toReversed()
        .map((n) => zahlen[n])
        .join(' ')} !`,
    }
  })
}

const small = { units: 32, embedding: 16, dropout: 0, seed: 1 }
const training = { epochs: 10, batchSize: 32, learningRate: 0.01, validationSplit: 0.1 }

describe('Translator', () => {
  let folder: string
  const translator = new tasks.Translator(small)
  const epochs: tasks.TranslatorEpoch[] = []
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
    await translator.train(rows(1500), { ...training, onEpoch: (epoch) => void epochs.push(epoch) })
  }, 60_000)
  afterAll(() => rmSync(folder, { recursive: true }))

  it('learns, and reports how it goes', async () => {
    expect(epochs).toHaveLength(10)
    expect(epochs.at(-1)).toMatchObject({
      epoch: 10,
      epochs: 10,
      loss: expect.any(Number),
      valLoss: expect.any(Number),
    })
    const result = await translator.evaluate(rows(1500).slice(0, 200))
    expect(result.exactMatch).toBeGreaterThan(0.9)
    expect(result.bleu.score).toBeGreaterThan(90)
    expect(result.errorRate).toBeLessThan(0.1)
    expect(result.perplexity).toBeCloseTo(Math.exp(result.loss), 10)
  })

  it('translates with alignments that find each word, and with alternatives', async () => {
    const [first, second] = (await translator.translate(['one two three.', 'six.'], {
      alignments: true,
      nBest: 3,
    })) as [tasks.Translation, tasks.Translation]
    expect(first).toMatchObject({ text: 'drei zwei eins !', tokens: ['drei', 'zwei', 'eins', '!'], finished: true })
    expect(second.text).toBe('sechs !')
    const { source, target, weights } = first.alignment as tasks.Alignment
    expect([source, target]).toEqual([['one', 'two', 'three', '.'], first.tokens])
    for (const row of weights) expect(row.reduce((sum, weight) => sum + weight)).toBeCloseTo(1, 4)
    expect(second.alignment?.weights.map((row) => row.length)).toEqual([2, 2])
    const alternatives = first.alternatives as tasks.Translation[]
    expect(alternatives).toHaveLength(2)
    expect(alternatives[0]?.score).toBeLessThan(first.score)
    expect(alternatives[0]?.text).not.toBe(first.text)
  })

  it('scores no lower with a beam than greedily', async () => {
    const texts = rows(60).map(({ source }) => source)
    const [greedy, beam] = await Promise.all([
      translator.translate(texts, { beamWidth: 1 }),
      translator.translate(texts, { beamWidth: 5 }),
    ])
    for (const [row, { score }] of beam.entries()) {
      expect(score).toBeGreaterThanOrEqual((greedy[row]?.score as number) - 1e-9)
    }
  })

  it('is saved and loaded', async () => {
    const path = join(folder, 'model')
    await translator.save(path)
    const again = await tasks.Translator.load(path)
    const texts = ['four four one.', 'unheard of']
    expect(await again.translate(texts)).toEqual(await translator.translate(texts))
    const description = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'))
    writeFileSync(join(path, 'model.json'), JSON.stringify({ ...description, metadata: {} }))
    await expectCoded(() => tasks.Translator.load(path), 'ERR_FORMAT', /no translator/)
  })

  it('goes on from where it was', async () => {
    const history = await translator.train(rows(300), { epochs: 1, learningRate: 0.001 })
    expect(history.history.loss?.[0]).toBeLessThan(0.5)
  })

  it('goes on from its backup after an abort as if nothing had been', async () => {
    const settings = { epochs: 4, batchSize: 32, backupDir: join(folder, 'backup') }
    const whole = new tasks.Translator(small)
    await whole.train(rows(300), settings)
    const controller = new AbortController()
    const stopped = new tasks.Translator(small).train(rows(300), {
      ...{ ...settings, signal: controller.signal },
      onEpoch: ({ epoch }) => {
        if (epoch === 2) controller.abort()
      },
    })
    await expect(stopped).rejects.toBeInstanceOf(AbortError)
    const resumed = new tasks.Translator(small)
    const seen: number[] = []
    await resumed.train(rows(300), { ...settings, onEpoch: ({ epoch }) => void seen.push(epoch) })
    expect(seen).toEqual([3, 4])
    expect(resumed.model.getWeights()).toEqual(whole.model.getWeights())
  })

  it('stops when asked, and says what is wrong', async () => {
    const fresh = new tasks.Translator(small)
    await expectCoded(() => fresh.translate(['one']), 'ERR_STATE')
    await expectCoded(() => fresh.train([]), 'ERR_DATA', /no rows/)
    await expectCoded(() => fresh.train([{ source: 'a' } as never]), 'ERR_DATA', /row 0/)
    await expectCoded(
      () =>
        fresh.train([
          { source: 'a', target: ['b'] },
          { source: 'a', target: 'b' },
        ]),
      'ERR_DATA',
      /row 1/,
    )
    await expectCoded(() => fresh.train(rows(4), { scheduledSampling: 2 }), 'ERR_OPTION', /scheduledSampling/)
    await expectCoded(
      () => fresh.train(rows(4), { scheduledSampling: 0.1, backupDir: join(folder, 'backup') }),
      'ERR_OPTION',
      /backupDir/,
    )
    await expectCoded(() => new tasks.Translator({ attention: 'none' as never }), 'ERR_OPTION', /attention/)
    await expectCoded(() => translator.translate(['a', 3 as never]), 'ERR_DATA', /text 1/)
    await expectCoded(() => translator.translate(['a'], { nBest: 5 }), 'ERR_OPTION', /nBest/)
    const controller = new AbortController()
    const stopped = fresh.train(rows(400), {
      ...{ epochs: 50, signal: controller.signal },
      onEpoch: () => controller.abort(),
    })
    await expect(stopped).rejects.toBeInstanceOf(AbortError)
    expect(fresh.ready).toBe(true)
  })
})

describe.each([
  ['Bahdanau, two layers of GRU', { attention: 'bahdanau', cell: 'gru', layers: 2 }],
  ['two layers of LSTM, dropout', { layers: 2, dropout: 0.1 }],
] as const)('%s', (_, options) => {
  it('learns tokens given as arrays, with its own guesses among what it reads', async () => {
    const tokens = rows(800).map(({ source, target }) => ({
      source: [...(source as string).replaceAll(/[ .]/g, '')],
      target: (target as string).split(' '),
    }))
    const translator = new tasks.Translator({ ...small, ...options })
    const { history } = await translator.train(tokens, { ...training, epochs: 8, scheduledSampling: 0.2 })
    expect(history.loss).toHaveLength(8)
    expect(history.val_loss?.at(-1)).toBeLessThan(0.6 * (history.val_loss?.[0] as number))
    const [{ text }] = (await translator.translate([[...'twofive']])) as [tasks.Translation]
    expect(text).toMatch(/^[a-zü ]+ !$/)
  }, 60_000)
})

it('a callback may change the learning rate', async () => {
  const translator = new tasks.Translator(small)
  const rates: number[] = []
  await translator.train(rows(100), {
    ...{ epochs: 3, learningRate: 0.001 },
    callbacks: {
      onEpochEnd: (_epoch, _logs, { model }) => {
        rates.push(model.learningRate)
        model.learningRate /= 2
      },
    },
  })
  expect(rates).toEqual([0.001, 0.0005, 0.00025].map((rate) => expect.closeTo(rate, 8)))
})
