import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callbacks, data, layers, lrFinder, search, sequential, tasks, type text } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-thrown-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

class Mine extends Error {}
const mine = new Mine('it is gone')
const fails = (): never => {
  throw mine
}

/** A source that fails after some elements. */
const failing = <T>(elements: readonly T[]) =>
  data.from(async function* () {
    yield* elements
    fails()
  })

const model = () => {
  const m = sequential([layers.dense({ units: 1, inputShape: [1] })])
  m.compile({ loss: 'meanSquaredError', optimizer: 'sgd' })
  return m
}
const row = { x: [1], y: [1] }
const labelled = Array.from({ length: 40 }, (_, i) => ({ text: `word${i}`, label: i % 2 ? 'odd' : 'even' }))
const small = { units: 2, embedding: 2, bidirectional: false } as const
let classifier: tasks.TextClassifier
let tokenizer: text.Tokenizer
const train = (rows: unknown, options = {}) => new tasks.TextClassifier(small).train(rows as never, options)

beforeAll(async () => {
  classifier = new tasks.TextClassifier(small)
  await classifier.train(labelled, { epochs: 1 })
  tokenizer = classifier.tokenizer
})

describe("what the user's code throws while it works reaches the user as it is", () => {
  const cases: Record<string, () => Promise<unknown>> = {
    'fit, of a source': () => model().fit(failing([row]), { epochs: 1 }),
    'fit, of map': () => model().fit(data.from([row]).map(fails), { epochs: 1 }),
    'fit, of filter that waits': () =>
      model().fit(
        data.from([row]).filter(async () => fails()),
        { epochs: 1 },
      ),
    'fit, of the length of a row': () =>
      model().fit(data.from([row]).batch(1, { bucketByLength: fails }) as never, { epochs: 1 }),
    'fit, of a callback': () => model().fit([[1]], [[1]], { callbacks: { onEpochEnd: fails } }),
    'fit, of progress': () => model().fit([[1]], [[1]], { callbacks: callbacks.progress(fails) }),
    evaluate: () => model().evaluate(failing([row])),
    predict: () => model().predict(failing([[1]]) as never),
    lrFinder: () => lrFinder(model(), failing([row]), { steps: 3 }),
    'data.write': () => data.write(failing([{ a: 1 }]), join(folder, 'a.csv')),
    'data.writeTokens': () => data.writeTokens(failing(['a']), { tokenizer, file: join(folder, 'a.tokens') }),
    'data.writeTokens, of onProgress': () =>
      data.writeTokens(['a'], { tokenizer, file: join(folder, 'a.tokens'), onProgress: fails }),
    'a function that opens a source': () => model().fit(data.from(fails as never), { epochs: 1 }),
    'a task, of a source': () => train(failing(labelled)),
    'a task, of a plain generator': () =>
      train(
        (function* () {
          yield* labelled
          fails()
        })(),
      ),
    'a task, of map': () => train(data.from(labelled).map(fails)),
    'a task, of rows to validate on': () => train(labelled, { validationData: failing(labelled) }),
    'a task, of a callback': () => train(labelled, { epochs: 1, callbacks: { onEpochEnd: fails } }),
    'a task that measures': () => classifier.evaluate(failing(labelled)),
    'a task that answers': async () => {
      for await (const _ of classifier.predict(failing(['a'])));
    },
    'a generator': () => new tasks.TextGenerator({ units: 2 }).train(failing(['some text'])),
    'a forecaster': () => new tasks.Forecaster({ units: 2 }).train(failing([1, 2, 3])),
    'a translator': () => new tasks.Translator({ units: 2 }).train(failing([{ source: 'a', target: 'b' }])),
    'a language encoder': () => new tasks.LanguageEncoder({ units: 2 }).train(failing(['a b c'])),
    'a search, of onTrial': () =>
      search.random({
        ...{ space: { a: search.choice([1]) }, model, x: [[1], [2], [3], [4]], y: [[1], [2], [3], [4]] },
        ...{ fit: { epochs: 1, validationSplit: 0.5 }, onTrial: fails },
      }),
  }
  it.each(Object.entries(cases))('%s', async (_, call) => {
    const found = await call().then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(found).toBe(mine)
  })
})

describe('values that throw when they are read, and functions that are part of options, are told with a code', () => {
  const unreadable = {
    get x(): never {
      throw new Mine('it is gone')
    },
    y: [1],
  }
  it.each<[string, string, () => Promise<unknown>]>([
    ['a row', 'ERR_DATA', () => model().fit(data.from([unreadable]), { epochs: 1 })],
    ['a row of a table', 'ERR_DATA', () => data.write([unreadable], join(folder, 'b.csv'))],
    [
      'a row of a task',
      'ERR_DATA',
      () => train([...labelled, Object.defineProperty({ label: 'a' }, 'text', { get: () => unreadable.x })]),
    ],
  ])('%s', async (_, code, call) => {
    await expect(call()).rejects.toEqual(coded(code, /it is gone/))
    await expect(call()).rejects.toMatchObject({ cause: expect.any(Mine) })
  })
})
