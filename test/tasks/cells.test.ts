import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cells, defineCell, tasks } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { expectCoded } from '../helpers/errors.js'
import { madeUpRows } from '../helpers/reviews.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-cells-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A cell of one's own, with a state that is no vector. */
const own = () =>
  defineCell({
    name: 'own',
    states: { s: [2, 5] },
    weights: { kernel: ['features', 10], decay: [2, 5] },
    step: ({ x, s }, w) => {
      const next = s.mul(w.decay.sigmoid()).add(x.matmul(w.kernel).reshape([2, 5]))
      return { s: next, output: next.tanh().reshape([10]) }
    },
  })

const rows = madeUpRows(120)
const texts = ['a splendid film', 'a dull one']

describe('tasks with cells of one’s own', () => {
  it.each([
    ['a name', 'minGRU'],
    ['a ready-made cell', cells.lru({ units: 12 })],
    ['a cell of one’s own', own()],
  ] as const)('a TextClassifier with %s learns, is saved, and learns again', async (name, cell) => {
    const classifier = new tasks.TextClassifier({ cell, units: 8, embedding: 8, seed: 3, layers: 2 })
    await classifier.train(rows, {
      epochs: 6,
      batchSize: 8,
      learningRate: 0.02,
      validationSplit: 0,
    })
    expect((await classifier.evaluate(madeUpRows(60, 5))).accuracy).toBeGreaterThan(0.9)
    const path = join(folder, name)
    await classifier.save(path)
    const again = await tasks.TextClassifier.load(path)
    expect(await again.predict(texts)).toEqual(await classifier.predict(texts))
    // The loaded one has the same cell: it trains to the same weights.
    const training = { epochs: 1, batchSize: 8, validationSplit: 0 }
    await classifier.train(rows, training)
    await again.train(rows, training)
    expect(await again.predict(texts)).toEqual(await classifier.predict(texts))
    await again.save(path)
    expect(await (await tasks.TextClassifier.load(path)).predict(texts)).toEqual(await again.predict(texts))
  })

  it.each([
    ['name', 'sLSTM'],
    ['cell that asks for times', cells.cfc({ units: 6, backboneUnits: 8 })],
    ['cell', own()],
  ] as const)('a Forecaster with a %s forecasts, is saved and goes on step by step', async (name, cell) => {
    const series = Array.from({ length: 240 }, (_, t) => Math.sin(t / 4) + 0.1 * Math.cos(t * 1.3))
    const forecaster = new tasks.Forecaster({ cell, window: 24, units: 8, horizon: 2, seed: 1 })
    await forecaster.train(series, { epochs: 4 })
    const path = join(folder, `forecaster ${name}`)
    await forecaster.save(path)
    const again = await tasks.Forecaster.load(path)
    expect(again.forecast()).toEqual(forecaster.forecast())
    forecaster.update(0.5)
    again.update(0.5)
    expect(again.forecast()).toEqual(forecaster.forecast())
    await again.train(series, { epochs: 1 })
  })

  it.each([['mamba'], [own()]] as const)('a TextGenerator writes with a state that is carried', async (cell) => {
    const fox = 'the quick brown fox jumps over the lazy dog. '.repeat(30)
    const generator = new tasks.TextGenerator({ cell, units: 24, layers: 1, embedding: 12, tied: true, seed: 1 })
    const { history } = await generator.train(fox, { epochs: 12, batchSize: 8, time: 20, learningRate: 0.03 })
    expect(history.loss?.at(-1)).toBeLessThan(0.6 * (history.loss?.[0] as number))
    const path = join(folder, 'generator')
    await generator.save(path)
    const again = await tasks.TextGenerator.load(path)
    const write = async (from: typeof generator) => {
      let all = ''
      for await (const piece of from.generate('the quick', { maxTokens: 30, seed: 2 })) all += piece
      return all
    }
    expect(await write(again)).toBe(await write(generator))
  })

  it('a SequenceTagger reads in both directions', async () => {
    const made = Array.from({ length: 200 }, (_, row) => {
      const tokens = Array.from({ length: 2 + (row % 5) }, (_, i) => 'abcdef'[(row * 7 + i * i * 3) % 6] as string)
      return { tokens, tags: tokens.map((_, i) => (tokens[i + 1] === 'a' ? 'before' : 'not')) }
    })
    const tagger = new tasks.SequenceTagger({ cell: 'qrnn', units: 12, embedding: 8, seed: 2 })
    await tagger.train(made, { epochs: 12, batchSize: 16, learningRate: 0.02 })
    expect((await tagger.evaluate(made)).accuracy).toBeGreaterThan(0.95)
  })

  it.each([
    ['bahdanau', 'minLSTM'],
    ['luong', 'gatedDeltaNet'],
    ['luong', own()],
  ] as const)(
    'a Translator with %s attention',
    async (attention, cell) => {
      const pairs = Array.from({ length: 300 }, (_, row) => {
        const letters = Array.from({ length: 1 + (row % 4) }, (_, i) => 'abcd'[(row + i * i) % 4] as string)
        return { source: letters.join(' '), target: letters.map((letter) => letter.toUpperCase()).join(' ') }
      })
      const translator = new tasks.Translator({
        attention,
        cell,
        units: 24,
        embedding: 12,
        layers: 2,
        dropout: 0,
        seed: 1,
      })
      const { history } = await translator.train(pairs, { epochs: 6, batchSize: 16, learningRate: 0.01 })
      expect(history.loss?.at(-1)).toBeLessThan(0.5 * (history.loss?.[0] as number))
      const path = join(folder, `translator ${attention}`)
      await translator.save(path)
      const again = await tasks.Translator.load(path)
      expect(await again.translate(['a b c'])).toEqual(await translator.translate(['a b c']))
    },
    60_000,
  )

  it('refuse what is no such cell', async () => {
    const wrong = ['mgu', cells.bahdanau({ units: 3 }), { name: 'own', program: {} }, cells.lstm, null]
    for (const cell of wrong) {
      for (const make of [tasks.TextClassifier, tasks.Forecaster, tasks.TextGenerator, tasks.Translator]) {
        await expectCoded(
          () => new make({ cell } as never),
          'ERR_OPTION',
          /cell must be one of .*'minGRU'.*, or a cell/,
        )
      }
    }
  })
})
