import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tasks } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { madeUpRows } from '../helpers/reviews.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-traffic-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const rows = madeUpRows(120)
const texts = rows.slice(0, 8).map(({ text }) => text)
const small = { units: 8, embedding: 8, seed: 3 } as const
const quick = { epochs: 3, batchSize: 8, learningRate: 0.01, validationSplit: 0 } as const

describe('a classifier that answers while it is trained', () => {
  let path: string
  beforeAll(async () => {
    const first = new tasks.TextClassifier(small)
    await first.train(rows, quick)
    path = join(folder, 'first')
    await first.save(path)
  })

  it('gives 1,000 answers, those of before until the training has ended', async () => {
    const classifier = await tasks.TextClassifier.load(path)
    const before = await classifier.predict(texts)
    let [answered, training] = [0, true]
    const asking = Array.from({ length: 20 }, async () => {
      for (let request = 0; request < 50; request++) {
        const answer = await classifier.predict(texts)
        if (training) expect(answer).toEqual(before)
        answered++
        await new Promise((resolve) => setImmediate(resolve))
      }
    })
    const { model } = classifier
    const trained = classifier.train(rows, { ...quick, epochs: 20 }).then(() => {
      training = false
    })
    await Promise.all([...asking, trained])
    expect(answered).toBe(1000)
    expect(await classifier.predict(texts)).not.toEqual(before)
    expect(classifier.model).toBe(model)
  })

  it('may be trained beside every other call, and saves what answers', async () => {
    const classifier = await tasks.TextClassifier.load(path)
    const before = await classifier.predict(texts)
    const saved = join(folder, 'meanwhile')
    const calls: Promise<unknown>[] = [classifier.evaluate(rows), classifier.save(join(folder, 'beside'))]
    const trained = classifier.train(rows, {
      ...quick,
      onEpoch: async ({ epoch }) => {
        if (epoch !== 2) return
        expect(await classifier.predict(texts)).toEqual(before)
        await classifier.save(saved)
      },
    })
    await expect(classifier.train(rows, quick)).rejects.toEqual(
      coded('ERR_STATE', /^TextClassifier\.train: a training is running/),
    )
    await Promise.all([...calls, trained])
    expect(await (await tasks.TextClassifier.load(saved)).predict(texts)).toEqual(before)
  })

  it('is as it was after a training that failed, or was aborted before an epoch had ended', async () => {
    const classifier = await tasks.TextClassifier.load(path)
    const before = await classifier.predict(texts)
    await expect(classifier.train(rows, { ...quick, learningRate: 3e38 })).rejects.toEqual(coded('ERR_NUMERIC'))
    expect(await classifier.predict(texts)).toEqual(before)
    const onEpoch = ({ epoch }: { epoch: number }) => {
      if (epoch === 2) throw new RangeError('mine')
    }
    await expect(classifier.train(rows, { ...quick, onEpoch })).rejects.toThrow('mine')
    expect(await classifier.predict(texts)).toEqual(before)
    const controller = new AbortController()
    // So many steps that the first epoch is far from its end when the first of them is told.
    const aborted = classifier.train(madeUpRows(3000), {
      ...{ ...quick, batchSize: 1 },
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
    expect(await classifier.predict(texts)).toEqual(before)
    await classifier.train(rows, quick)
    expect(await classifier.predict(texts)).not.toEqual(before)
  })

  it('has the last finished epoch after an abort', async () => {
    const classifier = await tasks.TextClassifier.load(path)
    const controller = new AbortController()
    let then: unknown
    const aborted = classifier.train(rows, {
      ...{ ...quick, epochs: 100_000, signal: controller.signal },
      onEpoch: async ({ epoch }) => {
        if (epoch !== 2) return
        then = classifier.model.getWeights()
        controller.abort()
      },
    })
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
    expect(classifier.model.getWeights()).toEqual(then)
    expect(await classifier.predict(texts)).toHaveLength(8)
  })

  it('can be exchanged: dispose waits for what is in flight', async () => {
    for (let time = 0; time < 20; time++) {
      const classifier = await tasks.TextClassifier.load(path)
      const asked = Array.from({ length: 10 }, () => classifier.predict(texts))
      const evaluated = classifier.evaluate(rows)
      const disposed = classifier.dispose()
      await expect(classifier.predict(texts)).rejects.toEqual(
        coded('ERR_STATE', /^TextClassifier\.predict: this TextClassifier was disposed/),
      )
      for (const answer of await Promise.all(asked)) expect(answer).toHaveLength(8)
      expect((await evaluated).count).toBe(120)
      await disposed
      await classifier.dispose()
      expect(() => classifier.labels).toThrow(coded('ERR_STATE', /^TextClassifier\.labels/))
      expect(classifier.ready).toBe(false)
    }
  })

  it('can be disposed during its training, and at the end of a block', async () => {
    const classifier = await tasks.TextClassifier.load(path)
    const trained = classifier.train(rows, quick)
    const answer = classifier.predict(texts)
    classifier[Symbol.dispose]()
    expect((await trained).epoch).toHaveLength(3)
    expect(await answer).toHaveLength(8)
    await classifier.dispose()
    await expect(classifier.train(rows, quick)).rejects.toEqual(coded('ERR_STATE', /TextClassifier\.train: .*disposed/))
    await new tasks.TextClassifier().dispose()
  })
})

describe('the first training', () => {
  it('answers in its callbacks only, and says so under the name of the call', async () => {
    const classifier = new tasks.TextClassifier(small)
    const accuracies: number[] = []
    let refused: Promise<unknown> | undefined
    await classifier.train(rows, {
      ...quick,
      onEpoch: async () => {
        accuracies.push((await classifier.evaluate(rows)).accuracy)
      },
      onProgress: () => {
        refused ??= classifier.predict(texts).catch((error: unknown) => error)
      },
    })
    expect(accuracies).toHaveLength(3)
    const outcome = await refused
    if (outcome instanceof Error)
      expect(outcome).toEqual(coded('ERR_STATE', /^TextClassifier\.predict: the first training/))
  })

  it('leaves nothing when it ends before an epoch has', async () => {
    const classifier = new tasks.TextClassifier(small)
    const controller = new AbortController()
    // So many steps that the first epoch is far from its end when the first of them is told.
    const aborted = classifier.train(madeUpRows(3000), {
      ...{ ...quick, batchSize: 1 },
      signal: controller.signal,
      onProgress: () => controller.abort(),
    })
    await expect(aborted).rejects.toMatchObject({ name: 'AbortError' })
    expect(classifier.ready).toBe(false)
    await expect(classifier.predict(texts)).rejects.toEqual(coded('ERR_STATE', /no model yet/))
  })
})

it('a generator goes on writing while it is evaluated, trained and disposed', async () => {
  const fox = 'the quick brown fox jumps over the lazy dog. '.repeat(10)
  const generator = new tasks.TextGenerator({ units: 16, layers: 1, embedding: 8 })
  const training = { epochs: 2, batchSize: 4, time: 20 } as const
  await generator.train(fox, training)
  const write = async () => {
    let written = ''
    for await (const piece of generator.generate('the', { maxTokens: 300, seed: 1 })) written += piece
    return written
  }
  const alone = await write()
  const measured = [generator.evaluate(fox), generator.evaluate(fox)]
  const beside = [write(), write()]
  const trained = generator.train(fox, training)
  for (const text of await Promise.all(beside)) expect(text).toBe(alone)
  await Promise.all([...measured, trained])
  const last = generator.generate('the', { maxTokens: 200_000, seed: 1 })
  await last.next()
  await generator.dispose()
  expect((await last.next()).done).toBe(false)
  await last.return()
  await expect(write()).rejects.toEqual(coded('ERR_STATE', /^TextGenerator\.generate: .*disposed/))
})
