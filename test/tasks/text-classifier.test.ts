import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { data, loadModel, tasks, text } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { madeUpRows } from '../helpers/reviews.js'
import { warnings } from '../helpers/warnings.js'

const small = { units: 8, embedding: 8, seed: 3 } as const
const quick = { epochs: 6, batchSize: 8, learningRate: 0.01 } as const
const rows = madeUpRows(240)
const fresh = madeUpRows(90, 77)

/** The names of a folder's files, without the hashes in them. */
const plainNames = (path: string) => readdirSync(path).map((name) => name.replace(/-[0-9a-f]{16}/, ''))

describe('a trained TextClassifier', () => {
  const classifier = new tasks.TextClassifier(small)
  let history: Awaited<ReturnType<typeof classifier.train>>
  let folder: string

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'seqloom-task-'))
    history = await classifier.train(rows, quick)
  })
  afterAll(() => rmSync(folder, { recursive: true }))

  it('has learned, and says so', async () => {
    expect(Object.keys(history.history).sort()).toEqual(['accuracy', 'loss', 'val_accuracy', 'val_loss'])
    expect(history.history.val_accuracy).toHaveLength(6)
    expect(Math.max(...(history.history.val_accuracy as number[]))).toBeGreaterThan(0.95)
    expect(classifier.labels).toEqual(['bad', 'good', 'odd'])
  })

  it('predicts labels with probabilities', async () => {
    const [first, empty] = await classifier.predict(['a splendid film', ''])
    expect(first?.label).toBe('good')
    expect(first?.probability).toBe(first?.probabilities.good)
    expect(Object.values(empty?.probabilities ?? {}).reduce((sum, p) => sum + p)).toBeCloseTo(1, 5)
  })

  it('explains labels by the words of a text', async () => {
    const [found, other] = await classifier.explain(['a splendid film', 'zyx'], { steps: 20 })
    expect(found).toMatchObject({ label: 'good', tokens: ['a', 'splendid', 'film'] })
    expect(found?.values.indexOf(Math.max(...(found?.values ?? [])))).toBe(1)
    expect(found?.text({ colours: false })).toContain('splendid(+1.00)')
    expect(found?.svg()).toContain('>splendid</text>')
    // An unknown word stands as in the text.
    expect(other).toMatchObject({ tokens: ['zyx'], values: { length: 1 } })
    const [mixed, empty] = await classifier.explain(['A Splendid Zyx!', ''], { steps: 2 })
    expect(mixed?.tokens.slice(0, 3)).toEqual(['a', 'splendid', 'Zyx'])
    expect(mixed?.text({ colours: false })).toContain('Zyx')
    expect(empty?.tokens).toHaveLength(1)
    const [bad] = await classifier.explain(['a splendid film'], { label: 'bad', method: 'gradientTimesInput' })
    expect(bad?.label).toBe('bad')
    await expect(classifier.explain(['film'], { label: 'none' })).rejects.toThrow(coded('ERR_OPTION', /labels/))
    await expect(classifier.explain([])).rejects.toThrow(coded('ERR_DATA'))
    await expect(new tasks.TextClassifier().explain(['film'])).rejects.toThrow(coded('ERR_STATE'))
  })

  it('saves the optimizer’s state only where it belongs to the weights', async () => {
    const path = join(folder, 'states')
    await classifier.save(path)
    expect(plainNames(path)).not.toContain('training-state.safetensors')
    const model = await loadModel(path)
    expect(model.learningRate).toBeCloseTo(quick.learningRate, 7)
    await model.trainOnBatch([[1, 2]], [0])

    const last = new tasks.TextClassifier(small)
    await last.train(rows.slice(0, 30), { ...quick, epochs: 1, restoreBest: false })
    await last.save(path)
    expect(plainNames(path)).toContain('training-state.safetensors')
  })

  it('evaluates with a confusion table', async () => {
    const result = await classifier.evaluate(fresh)
    expect(result).toMatchObject({ count: 90, labels: ['bad', 'good', 'odd'] })
    expect(result.confusion.map((row) => row.reduce((sum, n) => sum + n))).toEqual([30, 30, 30])
    const right = result.confusion.reduce((sum, row, index) => sum + (row[index] as number), 0)
    expect(result.accuracy).toBe(right / 90)
    expect(result.accuracy).toBeGreaterThan(0.95)
    expect(result.loss).toBeLessThan(0.3)
  })

  it('comes back from a folder as it was', async () => {
    const path = join(folder, 'model')
    await classifier.save(path)
    expect(readdirSync(path)).toContain('model.json')
    const again = await tasks.TextClassifier.load(path)
    const texts = fresh.map((row) => row.text)
    expect(await again.predict(texts)).toEqual(await classifier.predict(texts))
    expect(again.tokenizer.maxLength).toBe(300)
  })

  it('goes on training with its labels and words', async () => {
    const path = join(folder, 'more')
    await classifier.save(path)
    const again = await tasks.TextClassifier.load(path)
    const vocabulary = again.tokenizer.vocabularySize
    await again.train([...rows, { text: 'something entirely new', label: 'odd' }], { ...quick, epochs: 1 })
    expect(again.tokenizer.vocabularySize).toBe(vocabulary)
    await expect(again.train([{ text: 'a', label: 'new' }, ...rows], quick)).rejects.toEqual(
      coded('ERR_DATA', /row \d+: 'new'/),
    )
  })

  it('refuses folders that are not its own', async () => {
    await expect(tasks.TextClassifier.load(join(folder, 'none'))).rejects.toEqual(coded('ERR_IO', /none/))
    const path = join(folder, 'altered')
    await classifier.save(path)
    for (const name of readdirSync(path).filter((file) => file !== 'model.json')) {
      await classifier.save(path)
      writeFileSync(join(path, name), 'altered')
      await expect(tasks.TextClassifier.load(path), name).rejects.toEqual(coded('ERR_FORMAT'))
    }
  })
})

describe('training', () => {
  it('gives the same weights for the same seed', async () => {
    const train = async () => {
      const classifier = new tasks.TextClassifier({ ...small, dropout: 0.2, cell: 'gru', layers: 2 })
      await classifier.train(rows, { ...quick, epochs: 1 })
      return classifier.predict(['a splendid film'])
    }
    expect(await train()).toEqual(await train())
  })

  it('reports batches and epochs, and keeps the best epoch', async () => {
    const classifier = new tasks.TextClassifier(small)
    const epochs: { epoch: number; valAccuracy?: number; best: number }[] = []
    let last = { done: 0, total: 0 }
    await classifier.train(rows, {
      ...quick,
      validationData: fresh,
      onEpoch: (epoch) => void epochs.push(epoch),
      onProgress: (progress) => {
        last = progress
      },
    })
    expect(epochs.map(({ epoch }) => epoch)).toEqual([1, 2, 3, 4, 5, 6])
    expect(last).toMatchObject({ done: 240, total: 240, epoch: 6, epochs: 6 })
    const best = Math.max(...epochs.map((epoch) => epoch.valAccuracy as number))
    expect((await classifier.evaluate(fresh)).accuracy).toBeCloseTo(best, 6)
    expect(epochs[(epochs.at(-1)?.best ?? 0) - 1]?.valAccuracy).toBe(best)
  })

  it('takes a tokenizer, and reads no words of the validation rows', async () => {
    const tokenizer = await text.charTokenizer(rows.map((row) => row.text))
    const characters = new tasks.TextClassifier({ ...small, tokenizer, maxLength: 20 })
    await characters.train(rows, { ...quick, epochs: 1 })
    expect(characters.tokenizer.encodeSync(['x'.repeat(50)])[0]).toHaveLength(20)
    const words = new tasks.TextClassifier(small)
    await words.train(rows, { ...quick, epochs: 1, validationData: [{ text: 'unheard-of', label: 'odd' }] })
    expect(words.tokenizer.tokenToId('unheard')).toBeUndefined()
    expect(words.tokenizer.tokenToId('splendid')).toBeDefined()
  })

  it('stops on a signal with the best weights so far', async () => {
    const classifier = new tasks.TextClassifier(small)
    const controller = new AbortController()
    const training = classifier.train(madeUpRows(2000), {
      ...quick,
      epochs: 1000,
      signal: controller.signal,
      onEpoch: ({ epoch }) => {
        if (epoch === 2) setTimeout(() => controller.abort(), 20)
      },
    })
    await expect(training).rejects.toMatchObject({ name: 'AbortError' })
    expect((await classifier.evaluate(fresh)).accuracy).toBeGreaterThan(0.9)
    const aborted = new tasks.TextClassifier(small)
    await expect(aborted.train(rows, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
    expect(aborted.ready).toBe(false)
  })

  it('goes on from its backup after an abort as if nothing had been', async () => {
    const whole = new tasks.TextClassifier(small)
    await whole.train(rows, quick)
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-task-'))
    try {
      const backupDir = join(folder, 'backup')
      const controller = new AbortController()
      const onEpoch = ({ epoch }: { epoch: number }) => {
        if (epoch === 2) controller.abort()
      }
      const stopped = new tasks.TextClassifier(small).train(rows, {
        ...{ ...quick, backupDir, onEpoch, signal: controller.signal },
      })
      await expect(stopped).rejects.toMatchObject({ name: 'AbortError' })
      const epochs: number[] = []
      const resumed = new tasks.TextClassifier(small)
      await resumed.train(rows, { ...quick, backupDir, onEpoch: ({ epoch }) => void epochs.push(epoch) })
      expect(epochs).toEqual([3, 4, 5, 6])
      expect(resumed.model.getWeights()).toEqual(whole.model.getWeights())
      expect(existsSync(backupDir)).toBe(false)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('rejects with what a callback throws', async () => {
    const onEpoch = () => {
      throw new RangeError('mine')
    }
    await expect(new tasks.TextClassifier(small).train(rows, { ...quick, onEpoch })).rejects.toThrow('mine')
  })
})

describe('bad input', () => {
  const train = (bad: unknown, options = {}) => new tasks.TextClassifier(small).train(bad as never, options)

  it('is refused with a code and the place', async () => {
    await expect(train('rows')).rejects.toEqual(coded('ERR_DATA', /array of/))
    await expect(train([])).rejects.toEqual(coded('ERR_DATA', /no rows/))
    await expect(train([{ text: 'a', label: 'x' }, { text: 'b' }])).rejects.toEqual(coded('ERR_DATA', /row 1/))
    await expect(train([...rows, { text: 'b', label: '' }])).rejects.toEqual(coded('ERR_DATA', /row 240 .*empty label/))
    await expect(train([{ text: 'a', label: 'x' }])).rejects.toEqual(coded('ERR_DATA', /two different labels/))
    await expect(train(rows, { epochs: 0 })).rejects.toEqual(coded('ERR_OPTION', /epochs/))
    await expect(train(rows, { validationSplit: 1 })).rejects.toEqual(coded('ERR_OPTION', /validationSplit/))
    await expect(train(rows, { epoch: 3 })).rejects.toEqual(coded('ERR_OPTION', /'epoch'/))
    expect(() => new tasks.TextClassifier({ cell: 'transformer' } as never)).toThrow(coded('ERR_OPTION', /cell/))
    expect(() => new tasks.TextClassifier({ units: 1.5 })).toThrow(coded('ERR_OPTION', /units/))
  })

  it('is refused before there is a model', async () => {
    const classifier = new tasks.TextClassifier()
    await expect(classifier.predict(['a'])).rejects.toEqual(coded('ERR_STATE'))
    await expect(classifier.evaluate(rows)).rejects.toEqual(coded('ERR_STATE'))
    await expect(classifier.save('nowhere')).rejects.toEqual(coded('ERR_STATE'))
    expect(existsSync('nowhere')).toBe(false)
    expect(() => classifier.labels).toThrow(coded('ERR_STATE'))
  })
})

describe('rows that are probably a mistake', () => {
  const some = rows.slice(0, 60)
  const swapped = some.map(({ text, label }) => ({ text: label, label: text }))

  it.each([
    ['in memory', () => swapped],
    ['in a stream', () => data.from(swapped)],
  ])('texts and labels that are exchanged, %s', async (_, given) => {
    await expect(new tasks.TextClassifier(small).train(given() as never, quick)).rejects.toEqual(
      coded('ERR_DATA', /60 rows have \d+ different labels and only 3 different texts, such as '\w+'; .*exchanged/),
    )
  })

  it('labels that only rows to validate on have', async () => {
    const validationData = [...fresh.slice(0, 10), { text: 'new', label: 'unheard' }]
    const told = await warnings(() => new tasks.TextClassifier(small).train(some, { epochs: 1, validationData }))
    expect(told.map(({ code, message }) => [code, message])).toContainEqual([
      'WARN_UNTAUGHT_LABELS',
      expect.stringMatching(/^TextClassifier\.train: validationData have labels .*: 'unheard'; they become classes/),
    ])
    const tagger = new tasks.SequenceTagger({ units: 4, embedding: 4 })
    const tagged = ['a', 'b', 'c', 'd'].map((token) => ({ tokens: [token, 'x'], tags: ['A', 'B'] }))
    const held = [{ tokens: ['a'], tags: ['C'] }]
    const toldToo = await warnings(() => tagger.train(tagged, { epochs: 1, validationData: held }))
    expect(toldToo.map(({ message }) => message)).toContainEqual(expect.stringMatching(/'C'/))
    const none = await warnings(() => new tasks.TextClassifier(small).train(some, { epochs: 1, validationData: fresh }))
    expect(none.filter(({ code }) => code === 'WARN_UNTAUGHT_LABELS')).toEqual([])
  })

  it('are not taken for one where texts repeat with few labels', async () => {
    const repeated = [...some, ...some].map(({ label }, at) => ({ text: `t${at % 5}`, label }))
    await new tasks.TextClassifier(small).train(repeated, { epochs: 1 })
  })
})

it('hands on the texts of a stream with their labels', async () => {
  const classifier = new tasks.TextClassifier(small)
  await classifier.train(rows.slice(0, 60), { epochs: 1 })
  const texts = fresh.slice(0, 5).map(({ text }) => text)
  const found: unknown[] = []
  for await (const row of classifier.predict(data.from(texts))) found.push(row)
  const expected = await classifier.predict(texts)
  expect(found).toEqual(expected.map((prediction, at) => ({ text: texts[at], ...prediction })))
})
