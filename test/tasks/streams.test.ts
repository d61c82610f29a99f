import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { data, tasks, text } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-task-streams-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
function file(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

/** The files of trainings that are there only for the time being. */
const left = () => readdirSync(tmpdir()).filter((name) => /^seqloom-.*\.(rows|tokens)$/.test(name))

const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
const small = { units: 4, embedding: 4, dropout: 0 }
const once = { epochs: 1, batchSize: 64 }

/** Fills a row until so many rows do not fit into the memory that is set aside for them. */
const ballast = (rows: number) => 'lorem ipsum '.repeat(Math.ceil((40 << 20) / rows / 12))

/** What a task tells of itself after training. */
const weightsOf = (task: { readonly model: unknown }) =>
  (task.model as { getWeights(): { data: Float32Array }[] }).getWeights().map((weight) => [...weight.data])

const labelled = numbers(90).map((i) => ({
  text: `${i % 3 ? 'fine' : 'poor'} thing ${i}`,
  label: i % 3 ? 'good' : 'bad',
}))
const csvOf = (rows: readonly object[]) =>
  [Object.keys(rows[0] as object).join(), ...rows.map((row) => Object.values(row).join())].join('\n')

describe('few rows that come one after another train the same model as an array', () => {
  const trained = async (rows: AsyncIterable<unknown> | Iterable<unknown> | readonly unknown[]) => {
    const classifier = new tasks.TextClassifier(small)
    await classifier.train(rows as never, { ...once, batchSize: 16 })
    return weightsOf(classifier)
  }
  const sources = {
    'a CSV file': () => data.csv(file('rows.csv', csvOf(labelled))),
    'a CSV file with a mark, other line ends and quotes': () =>
      data.csv(
        file(
          'marked.csv',
          `\ufefftext,label\r\n${labelled.map((row) => `"${row.text}",${row.label}`).join('\r\n')}\r\n`,
        ),
      ),
    gzip: () => data.csv(file('rows.csv.gz', gzipSync(csvOf(labelled)))),
    'JSON lines': () => data.jsonLines(file('rows.jsonl', labelled.map((row) => JSON.stringify(row)).join('\n'))),
    'an async generator': async function* () {
      yield* labelled
    },
    'a set': () => new Set(labelled),
    'a stream of Node.js': () => Readable.from(labelled),
    'a web stream': () => Readable.toWeb(Readable.from(labelled)) as unknown as AsyncIterable<unknown>,
  }
  it.each(Object.entries(sources))('%s', async (_, source) => {
    expect(await trained(source() as never)).toEqual(await trained(labelled))
  })

  it('every task', async () => {
    const tagged = labelled.map((row) => ({
      tokens: row.text.split(' '),
      tags: row.text.split(' ').map((w) => w[0] as string),
    }))
    const pairs = labelled.map((row) => ({ source: row.text, target: row.label }))
    const said = numbers(40).map((i) => ({
      frames: numbers(8).map((t) => [Math.sin(i + t), i % 2]),
      text: i % 2 ? 'a' : 'b',
    }))
    const seen = numbers(40).map((i) => ({
      image: { data: numbers(16).map(() => i % 2), width: 4, height: 4 },
      caption: i % 2 ? 'on' : 'off',
    }))
    const asked = numbers(60).map((i) => ({
      story: `Ann went to the ${i % 2 ? 'shop' : 'park'}.`,
      question: 'Where is Ann?',
      answer: i % 2 ? 'shop' : 'park',
    }))
    const series = numbers(60).map((i) => Math.sin(i / 3))
    const cases: [
      string,
      () => { train(rows: never, options: object): Promise<unknown>; evaluate(rows: never): Promise<unknown> },
      readonly unknown[],
    ][] = [
      ['tagger', () => new tasks.SequenceTagger(small), tagged],
      ['translator', () => new tasks.Translator(small), pairs],
      ['transcriber', () => new tasks.Transcriber({ units: 4 }), said],
      ['captioner', () => new tasks.Captioner({ units: 4, embedding: 4, patchSize: 2 }), seen],
      ['answerer', () => new tasks.QuestionAnswerer(small), asked],
      ['forecaster', () => new tasks.Forecaster({ units: 4, window: 8 }), series],
    ]
    for (const [name, make, rows] of cases) {
      const [whole, streamed] = [make(), make()]
      await whole.train(rows as never, { epochs: 1 })
      await streamed.train(data.from(rows) as never, { epochs: 1 })
      expect(await streamed.evaluate(data.from(rows) as never), name).toEqual(await whole.evaluate(rows as never))
    }
    const lines = labelled.map((row) => row.text)
    const [whole, streamed] = [new tasks.TextGenerator(small), new tasks.TextGenerator(small)]
    await whole.train(lines.join('\n'), { epochs: 1 })
    await streamed.train(data.text(file('lines.txt', lines.join('\n'))), { epochs: 1 })
    expect(await streamed.evaluate(data.from(lines))).toEqual(await whole.evaluate(lines.join('\n')))
  }, 60_000)
})

describe('more rows than are kept in memory', () => {
  it('a classifier learns from them, again and again and from a stream, to the same bits', async () => {
    const rows = 3000
    const filling = ballast(rows).replaceAll(' ', '')
    const source = function* () {
      for (let i = 0; i < rows; i++) {
        yield { text: `${i % 3 ? 'fine' : 'poor'} thing ${i} ${filling}`, label: i % 3 ? 'good' : 'bad' }
      }
    }
    const trained = async (from: Iterable<unknown> | AsyncIterable<unknown>) => {
      const classifier = new tasks.TextClassifier({ ...small, maxLength: 4 })
      const epochs: unknown[] = []
      await classifier.train(from as never, {
        ...{ epochs: 2, batchSize: 64, classWeight: 'balanced', learningRate: 0.01 },
        onEpoch: ({ seconds: _, ...epoch }) => void epochs.push(epoch),
      })
      return { classifier, weights: weightsOf(classifier), epochs }
    }
    const before = left()
    const { classifier, weights, epochs } = await trained(data.from(source))
    expect(epochs).toHaveLength(2)
    expect(epochs[1]).toMatchObject({ accuracy: 1, valAccuracy: 1 })
    expect(classifier.labels).toEqual(['bad', 'good'])
    // A generator can be gone through only once.
    const streamed = await trained(source())
    expect(streamed.epochs).toEqual(epochs)
    expect(streamed.weights).toEqual(weights)
    expect(left()).toEqual(before)
    expect(await classifier.evaluate(data.from(source))).toMatchObject({ accuracy: 1, count: rows })
    const answers: string[] = []
    for await (const { label } of classifier.predict(data.from(['fine thing', 'poor thing', 'fine thing']))) {
      answers.push(label)
    }
    expect(answers).toEqual(['good', 'bad', 'good'])
  }, 300_000)

  it('every task that goes through them', async () => {
    const rows = 400
    const filling = ballast(rows)
    const numbersOf = (i: number) => Float32Array.from({ length: 24_000 }, (_, at) => Math.sin(i + at))
    const cases: Record<string, () => Promise<unknown>> = {
      async tagger() {
        const task = new tasks.SequenceTagger(small)
        const own = () =>
          numbers(rows).map((i) => ({
            tokens: ['a', 'b', `${i % 9}${filling}`],
            tags: ['x', 'y', 'z'],
          }))
        await task.train(data.from(own), once)
        expect(task.tags).toEqual(['x', 'y', 'z'])
      },
      async translator() {
        const task = new tasks.Translator({ ...small, maxLength: 3 })
        const source = data.from(() =>
          numbers(rows).map((i) => ({ source: `a ${i % 2} ${filling}`, target: i % 2 ? 'one' : 'two' })),
        )
        await task.train(source, { epochs: 1 })
        for await (const { text } of task.translate(data.from(['a 1', 'a 0']))) expect(typeof text).toBe('string')
        await expect(task.train(source, { epochs: 1, scheduledSampling: 0.5 })).rejects.toEqual(
          coded('ERR_OPTION', /scheduledSampling.*memory/),
        )
      },
      async transcriber() {
        const task = new tasks.Transcriber({ units: 4, layers: 1 })
        const source = data.from(() =>
          numbers(rows).map((i) => ({ frames: { data: numbersOf(i), shape: [12, 2000] }, text: i % 2 ? 'a' : 'b' })),
        )
        await task.train(source, { epochs: 1 })
        for await (const { text } of task.transcribe(source.take(2).map(({ frames }) => frames)))
          expect(typeof text).toBe('string')
      },
      async captioner() {
        const task = new tasks.Captioner({ units: 4, embedding: 4, patchSize: 40 })
        const source = data.from(() =>
          numbers(rows).map((i) => ({
            image: { data: numbersOf(i), width: 100, height: 80 },
            caption: i % 2 ? 'on' : 'off',
          })),
        )
        await task.train(source as never, { epochs: 1 })
        for await (const { text } of task.caption(source.take(2).map(({ image }) => image)))
          expect(typeof text).toBe('string')
      },
      async answerer() {
        const task = new tasks.QuestionAnswerer({ ...small })
        const long = 'x'.repeat(filling.length)
        const source = data.from(() =>
          numbers(rows).map((i) => ({
            story: `${long}. Bob went to the ${i % 2 ? 'shop' : 'school'}.`,
            question: 'Where is Bob?',
            answer: i % 2 ? 'shop' : i % 4 ? 'school' : 'no',
          })),
        )
        await task.train(source, { epochs: 1, batchSize: 64, classWeight: 'balanced' })
        for await (const { answer } of task.predict(source.take(2))) expect(typeof answer).toBe('string')
      },
    }
    for (const [name, run] of Object.entries(cases)) await expect(run(), name).resolves.toBeUndefined()
  }, 300_000)

  it('a generator reads them from a file of tokens', async () => {
    const line = 'the quick brown fox jumps over the lazy dog. '.repeat(20)
    const before = left()
    const generator = new tasks.TextGenerator({ ...small, tokens: 'word' })
    const source = data.from(function* () {
      for (let i = 0; i < 40_000; i++) yield line
    })
    const stop = new AbortController()
    await expect(
      generator.train(source, {
        epochs: 1,
        signal: stop.signal,
        onProgress: ({ done }) => done > 100_000 && stop.abort(),
      }),
    ).rejects.toThrow(/abort/)
    expect(left()).toEqual(before)
  }, 120_000)

  it('tokens that are in a file already', async () => {
    const lines = numbers(300).map((i) => `line ${i % 7} of the text`)
    const tokenizer = await text.wordTokenizer(lines)
    const path = join(folder, 'own.tokens')
    const tokens = await data.writeTokens(data.from(lines), { tokenizer, file: path })
    const generator = new tasks.TextGenerator({ ...small, tokenizer })
    const { history } = await generator.train(tokens, { epochs: 2, batchSize: 8, time: 10 })
    expect(history.val_loss).toHaveLength(2)
    expect(await generator.evaluate(tokens)).toMatchObject({ count: expect.any(Number) })
    await expect(new tasks.TextGenerator(small).train(tokens)).rejects.toEqual(coded('ERR_OPTION', /tokenizer/))
    const foreign = new tasks.TextGenerator({ ...small, tokenizer: await text.charTokenizer(lines) })
    await expect(foreign.train(tokens)).rejects.toEqual(coded('ERR_DATA', /another tokenizer/))
  })
})

it('rows of a source without places are named by their numbers among all', async () => {
  const tagger = new tasks.SequenceTagger(small)
  const sequence = { tokens: ['Anna', 'saw'], tags: ['NAME', 'VERB'] }
  await tagger.train([sequence, sequence], { ...once, validationSplit: 0 })
  const source = async function* () {
    for (const i of numbers(400)) yield i === 300 ? { tokens: [], tags: [] } : sequence
  }
  const refused = coded('ERR_DATA', /: row 300: tokens must be an array/)
  const answers = async () => {
    for await (const tagged of tagger.predict(source())) expect(tagged).toHaveLength(2)
  }
  await expect(answers()).rejects.toEqual(refused)
  await expect(tagger.evaluate(source())).rejects.toEqual(refused)
})

describe('rows of files that are refused are named', () => {
  const train = (source: AsyncIterable<unknown>) => new tasks.TextClassifier(small).train(source as never, once)
  const refused: [string, () => AsyncIterable<unknown>, RegExp, string?][] = [
    [
      'an empty label',
      () => data.csv(file('late.csv', 'text,label\na,x\n"b\nc",y\nd,\n')),
      /late\.csv: line 5: has an empty label/,
    ],
    [
      'in the second of two files',
      () => data.csv([file('a.csv', 'text,label\na,x\nb,y'), file('b.csv', 'text,label\na,x\nb,')]),
      /b\.csv: line 3: has an empty label/,
    ],
    [
      'a missing column',
      () => data.csv(file('other.csv', 'text,tag\na,x')),
      /other\.csv: line 2: must be \{ text: string, label: string \}, not \{ text: 'a', tag: 'x' \}/,
    ],
    [
      'another type',
      () => data.jsonLines(file('wrong.jsonl', '{"text":"a","label":"x"}\n\n{"text":5,"label":"y"}')),
      /wrong\.jsonl: line 3: must be/,
    ],
    ['no rows', () => data.csv(file('header.csv', 'text,label\n')), /there are no rows in .*header\.csv/],
    ['nothing', () => data.csv(file('empty.csv', '')), /empty\.csv is empty/],
    ['one label', () => data.csv(file('one.csv', 'text,label\na,x\nb,x')), /at least two different labels/],
  ]
  it.each(refused)('%s', async (_, source, message) => {
    await expect(train(source())).rejects.toEqual(coded('ERR_DATA', message))
  })

  it('a label that was not learned, when validating, measuring and training further', async () => {
    const classifier = new tasks.TextClassifier(small)
    await classifier.train(data.from(labelled), { ...once, validationData: data.from(labelled.slice(0, 30)) })
    const other = data.csv(file('unseen.csv', 'text,label\nfine,good\nfine,great'))
    await expect(classifier.evaluate(other as never)).rejects.toEqual(
      coded('ERR_DATA', /unseen\.csv: line 3: .*'great' is not one of/),
    )
    await expect(classifier.train(other as never, once)).rejects.toEqual(
      coded('ERR_DATA', /unseen\.csv: line 3: .*'great'/),
    )
    await expect(
      classifier
        .predict(data.from([1, 2]) as data.Dataset<never>)
        [Symbol.asyncIterator]()
        .next(),
    ).rejects.toEqual(coded('ERR_DATA', /text 0 must be a string/))
    await expect(classifier.train(data.from(labelled).repeat() as never, once)).rejects.toEqual(
      coded('ERR_OPTION', /never end/),
    )
  })

  it('far behind, among more than fit into memory', async () => {
    const filling = ballast(3000)
    const rows = numbers(3000).map((i) => `${filling},${i % 2 ? 'x' : i === 2998 ? '' : 'y'}`)
    const source = data.csv(file('long.csv', `text,label\n${rows.join('\n')}`))
    await expect(train(source)).rejects.toEqual(coded('ERR_DATA', /long\.csv: line 3000: has an empty label/))
  })
})
