import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tasks } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { madeUpRows } from '../helpers/reviews.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-rows-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const once = { epochs: 1 } as const
const grey = (value: number) => ({ data: new Uint8Array(4).fill(value), width: 2, height: 2 })

it('labels apart from their texts, as other libraries take them, are told how rows are given', async () => {
  const message =
    /^TextClassifier\.train: the rows are objects \{ text, label \} in one array; the second argument is for options/
  const apart = new tasks.TextClassifier().train(['a', 'b'] as never, ['x', 'y'] as never)
  await expect(apart).rejects.toEqual(coded('ERR_OPTION', message))
})

describe('a bad row is named by its place among the rows that were given', () => {
  const at = 17
  const withBad = <Row>(rows: readonly Row[], bad: Row): Row[] => [...rows.slice(0, at), bad, ...rows.slice(at)]

  it('in a classifier and a tagger that go on', async () => {
    const rows = madeUpRows(60)
    const classifier = new tasks.TextClassifier({ units: 4, embedding: 4 })
    await classifier.train(rows, once)
    const unknown = withBad(rows, { text: 'a', label: 'new' })
    const message = /^TextClassifier\.train: row 17: 'new' is not one of/
    await expect(classifier.train(unknown, { ...once, validationSplit: 0.3 })).rejects.toEqual(
      coded('ERR_DATA', message),
    )
    await expect(classifier.train(rows, { validationData: unknown })).rejects.toEqual(
      coded('ERR_DATA', /^TextClassifier\.train: validationData: row 17: 'new'/),
    )
    await expect(classifier.evaluate(unknown)).rejects.toEqual(coded('ERR_DATA', /^TextClassifier\.evaluate: row 17/))

    const tagged = Array.from({ length: 40 }, (_, i) => ({ tokens: ['a', `b${i}`], tags: ['x', 'y'] }))
    const tagger = new tasks.SequenceTagger({ units: 4, embedding: 4 })
    await tagger.train(tagged, once)
    const bad = withBad(tagged, { tokens: ['a'], tags: ['z'] })
    await expect(tagger.train(bad, { validationSplit: 0.3 })).rejects.toEqual(
      coded('ERR_DATA', /^SequenceTagger\.train: row 17: 'z'/),
    )
  })

  it('in a question answerer', async () => {
    const rows = Array.from({ length: 40 }, (_, i) => ({
      story: `ada likes red${i}.`,
      question: 'Who?',
      answer: 'ada',
    }))
    const answerer = new tasks.QuestionAnswerer({ units: 4, embedding: 4 })
    await answerer.train(rows, once)
    for (const validationSplit of [0, 0.3, 0.9]) {
      const bad = withBad(rows, { story: 'ben sings.', question: 'Who?', answer: 'nobody' })
      await expect(answerer.train(bad, { ...once, validationSplit })).rejects.toEqual(
        coded('ERR_DATA', /^QuestionAnswerer\.train: row 17: the answer 'nobody'/),
      )
    }
  })

  it('in a translator and a captioner', async () => {
    const pairs = Array.from({ length: 40 }, (_, i) => ({ source: `a${i}`, target: 'b' as string | string[] }))
    for (const validationSplit of [0, 0.3, 0.9]) {
      const translator = new tasks.Translator({ units: 4, embedding: 4 })
      await expect(
        translator.train(withBad(pairs, { source: 'a', target: ['b'] }), { validationSplit }),
      ).rejects.toEqual(coded('ERR_DATA', /^Translator\.train: the target of row 17 must be a text/))
      const images = Array.from({ length: 40 }, (_, i) => ({ image: grey(i), caption: ['b'] as unknown[] }))
      const captioner = new tasks.Captioner({ patchSize: 2, units: 4, embedding: 4, annotationSize: 4 })
      await expect(
        captioner.train(withBad(images, { image: grey(99), caption: [3] }) as never, { validationSplit }),
      ).rejects.toEqual(coded('ERR_DATA', /^Captioner\.train: the caption of row 17 must be an array of tokens/))
    }
  })

  it('and a text that is too short is told by the option', async () => {
    const generator = new tasks.TextGenerator({ units: 4, layers: 1 })
    await expect(generator.train('too short', { batchSize: 8, time: 20 })).rejects.toEqual(
      coded('ERR_DATA', /^TextGenerator\.train: a batchSize of 8 and a time of 20 need 161 tokens/),
    )
    await expect(generator.train('a text of some length', { validationSplit: 0.04 })).rejects.toEqual(
      coded('ERR_DATA', /^TextGenerator\.train: validationSplit 0\.04 leaves 1 to measure on/),
    )
    await generator.train('ordinary text. '.repeat(112), once)
    await expect(generator.evaluate('o')).rejects.toEqual(coded('ERR_DATA', /^TextGenerator\.evaluate: .*2 tokens/))
  })
})

describe('rare answers', () => {
  it('are learned whatever the seed: the only "no" is never held out', async () => {
    const rows = Array.from({ length: 60 }, (_, i) => ({
      story: `ada likes red${i}.`,
      question: 'Does ada like red?',
      answer: i === 11 ? 'no' : 'yes',
    }))
    for (let seed = 0; seed < 12; seed++) {
      const answerer = new tasks.QuestionAnswerer({ units: 2, embedding: 2, seed })
      await answerer.train(rows, { ...once, validationSplit: 0.4 })
    }
  })
})

describe('settings', () => {
  it('come back with every task: the split of a loaded one follows its own seed', async () => {
    const rows = madeUpRows(80)
    const history = async (classifier: tasks.TextClassifier) =>
      (await classifier.train(rows, { epochs: 2, validationSplit: 0.3 })).history
    const made = new tasks.TextClassifier({
      units: 4,
      embedding: 4,
      dropout: 0.1,
      maxLength: 7,
      minFrequency: 2,
      seed: 9,
    })
    await made.train(rows, once)
    const path = join(folder, 'classifier')
    await made.save(path)
    const [one, other] = [await tasks.TextClassifier.load(path), await tasks.TextClassifier.load(path)]
    const expected = await history(made)
    expect(await history(one)).toEqual(expected)
    await other.save(path)
    const { metadata, ...rest } = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'))
    expect(metadata.settings).toEqual({
      ...{ cell: 'lstm', bidirectional: true, layers: 1, units: 4, embedding: 4, dropout: 0.1 },
      ...{ tokens: 'word', minFrequency: 2, maxLength: 7, seed: 9 },
    })
    // A folder of before: seed 0.
    writeFileSync(join(path, 'model.json'), JSON.stringify(rest))
    expect(await history(await tasks.TextClassifier.load(path))).not.toEqual(expected)
    writeFileSync(join(path, 'model.json'), JSON.stringify({ ...rest, metadata: { settings: { units: 'many' } } }))
    await expect(tasks.TextClassifier.load(path)).rejects.toEqual(coded('ERR_FORMAT', /its settings: .*units/))
  })

  it.each([
    ['SequenceTagger', { units: 3, seed: 5 }, [{ tokens: ['a', 'b'], tags: ['x', 'y'] }]],
    ['QuestionAnswerer', { units: 3, hops: 2, seed: 5 }, [{ story: 'a b', question: 'c', answer: 'a' }]],
    ['Translator', { units: 3, lowercase: true, seed: 5 }, [{ source: 'a', target: 'b' }]],
    ['Captioner', { patchSize: 2, units: 3, seed: 5 }, [{ image: grey(3), caption: 'b' }]],
    ['TextGenerator', { units: 3, layers: 1, tokens: 'word', seed: 5 }, 'a b c d e f'],
  ] as const)('%s', async (name, options, data) => {
    const task = new tasks[name](options as never)
    await task.train(data as never, once)
    const path = join(folder, name)
    await task.save(path)
    await (await tasks[name].load(path)).save(path)
    const { metadata } = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'))
    expect(metadata.settings).toMatchObject(options)
    await task.dispose()
    await expect(task.save(path)).rejects.toEqual(coded('ERR_STATE', new RegExp(`^${name}\\.save: .*disposed`)))
  })
})
