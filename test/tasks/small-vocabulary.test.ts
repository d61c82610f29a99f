import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { data, tasks } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { warnings } from '../helpers/warnings.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-vocabulary-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Texts of which a vocabulary of a few words lacks most. */
const text = (n: number) => `the ${n % 2 === 0 ? 'good' : 'bad'} film word${n} other${n} thing${n}`
const texts = Array.from({ length: 40 }, (_, n) => text(n))
const labelled = texts.map((each, n) => ({ text: each, label: n % 2 === 0 ? 'good' : 'bad' }))
const pairs = texts.map((source, n) => ({ source, target: `le ${n % 2 === 0 ? 'bon' : 'mauvais'} mot${n} chose${n}` }))
const captions = texts.map((caption, n) => ({ annotations: [[n], [n + 1]], caption }))
const sizes = { units: 6, embedding: 4, seed: 1 } as const
const training = { epochs: 1, batchSize: 8, validationSplit: 0 } as const
const foreign = Array.from({ length: 40 }, (_, n) => `neue${n} fremde${n} worte${n}`)

const unknownOf = async (call: () => unknown) =>
  (await warnings(call)).filter(({ code }) => code === 'WARN_UNKNOWN_TOKENS').map(({ message }) => message)

/** Tasks that lack most of their own rows' tokens. */
const kinds = {
  'a TextClassifier of few words': {
    make: () => new tasks.TextClassifier({ ...sizes, maxVocabulary: 5 }),
    rows: labelled,
    others: foreign.map((each) => ({ text: each, label: 'good' })),
  },
  'a TextClassifier of frequent words': {
    make: () => new tasks.TextClassifier({ ...sizes, minFrequency: 10 }),
    rows: labelled,
    others: foreign.map((each) => ({ text: each, label: 'good' })),
  },
  'a Translator of few words': {
    make: () => new tasks.Translator({ ...sizes, maxVocabulary: 6 }),
    rows: pairs,
    others: foreign.map((source, n) => ({ source, target: pairs[n]?.target as string })),
  },
  'a Translator that writes frequent words': {
    make: () => new tasks.Translator({ ...sizes, minFrequency: 10 }),
    rows: pairs,
    others: foreign.map((target, n) => ({ source: pairs[n]?.source as string, target })),
  },
  'a Captioner of few words': {
    make: () => new tasks.Captioner({ ...sizes, maxVocabulary: 5 }),
    rows: captions,
    others: foreign.map((caption, n) => ({ annotations: [[n], [n + 1]], caption })),
  },
  'a LanguageEncoder of few words': {
    make: () => new tasks.LanguageEncoder({ ...sizes, maxVocabulary: 6 }),
    rows: texts,
    others: foreign,
  },
} as const

interface Trained {
  train(rows: never, options?: object): Promise<unknown>
  save(folder: string): Promise<void>
}

describe('a vocabulary that lacks many of its own rows’ tokens', () => {
  it.each(Object.entries(kinds))(
    '%s trains again on the same rows',
    async (name, { make, rows, others }) => {
      const task = make() as Trained
      await task.train(rows as never, training)
      expect(await unknownOf(() => task.train(rows as never, training))).toEqual([])
      await task.train(rows as never, { ...training, maxUnknown: 0 })
      // Also another part of them, after loading, and as a stream.
      await task.train(rows.slice(10) as never, training)
      const path = join(folder, name)
      await task.save(path)
      const again = (await (task.constructor as unknown as { load(path: string): Promise<Trained> }).load(
        path,
      )) as Trained
      await again.train(rows as never, training)
      await again.train(data.from(rows as readonly unknown[]) as never, training)
      // What was never learned is refused as before, with the shares.
      await expect(again.train(others as never, training)).rejects.toEqual(
        coded(
          'ERR_DATA',
          /100 % of the tokens .*\(\d+ % in its first training\).*more than \d+ % are refused.*maxUnknown/,
        ),
      )
      await again.train(others as never, { ...training, maxUnknown: 1 })
    },
    60_000,
  )

  it('a TextGenerator of few words does, from a text, from lines and from tokens', async () => {
    const whole = texts.join('\n')
    const settings = { ...sizes, layers: 1, tokens: 'word', maxVocabulary: 6 } as const
    const steps = { ...training, batchSize: 2, time: 8 }
    const generator = new tasks.TextGenerator(settings)
    await generator.train(whole, steps)
    await generator.train(whole, steps)
    await expect(generator.train(foreign.join('\n'), steps)).rejects.toEqual(coded('ERR_DATA', /in its first training/))
    const file = join(folder, 'text.tokens')
    await data.writeTokens(data.from(texts), { tokenizer: generator.tokenizer, file })
    const tokens = await data.tokens(file)
    const other = new tasks.TextGenerator({ ...settings, tokenizer: generator.tokenizer })
    await other.train(tokens, steps)
    await other.train(tokens, steps)
    await other.train(data.from(texts), steps)
  })

  it('a TextClassifier with an encoder of another subject trains on its own rows again and again', async () => {
    const encoder = new tasks.LanguageEncoder({ ...sizes })
    await encoder.train([...foreign, ...foreign, ...texts.slice(0, 4)], { ...training, epochs: 2 })
    const classifier = new tasks.TextClassifier({ encoder, seed: 1 })
    await classifier.train(labelled, training)
    await classifier.train(labelled, training)
    const path = join(folder, 'with encoder')
    await classifier.save(path)
    await (await tasks.TextClassifier.load(path)).train(labelled, training)
  })

  it('of an earlier version, which noted no share, refuses as before', async () => {
    const { readFile, writeFile } = await import('node:fs/promises')
    const classifier = new tasks.TextClassifier({ ...sizes, maxVocabulary: 5 })
    await classifier.train(labelled, training)
    const path = join(folder, 'earlier')
    await classifier.save(path)
    const file = join(path, 'model.json')
    const saved = JSON.parse(await readFile(file, 'utf8'))
    const { unknown, ...metadata } = saved.metadata
    expect(unknown.all).toBeGreaterThan(0.5)
    await writeFile(file, JSON.stringify({ ...saved, metadata }))
    await expect((await tasks.TextClassifier.load(path)).train(labelled, training)).rejects.toEqual(
      coded('ERR_DATA', /are not in the model's vocabulary and would/),
    )
    await writeFile(file, JSON.stringify({ ...saved, metadata: { ...metadata, unknown: { all: 'many' } } }))
    await expect(tasks.TextClassifier.load(path)).rejects.toEqual(coded('ERR_FORMAT', /shares of unknown tokens/))
  })
})
