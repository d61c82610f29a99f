import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tasks, text } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { warnings } from '../helpers/warnings.js'

const names = ['anna', 'fred', 'mary', 'john', 'lisa', 'paul', 'emma', 'karl']
const verbs = [
  ['sees', 'voit'],
  ['hears', 'entend'],
  ['helps', 'aide'],
] as const

describe('Translator', () => {
  let folder: string
  const translator = new tasks.Translator({ units: 48, embedding: 24, dropout: 0, seed: 1 })
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'seqloom-unknown-'))
    const rows = names.flatMap((a) =>
      names.flatMap((b) =>
        verbs.map(([verb, verbe]) => ({ source: `${a} ${verb} ${b}.`, target: `${a} ${verbe} ${b} !` })),
      ),
    )
    await translator.train(rows, { epochs: 25, batchSize: 16, learningRate: 0.01, validationSplit: 0 })
  }, 120_000)
  afterAll(() => rmSync(folder, { recursive: true }))

  it('copies an unknown word of the source, as it is written there', async () => {
    await translator.save(folder)
    for (const each of [translator, await tasks.Translator.load(folder)]) {
      const translations = await each.translate(['Zoe sees anna.', 'anna hears fred.'], { nBest: 2 })
      expect(translations.map((translation) => translation.text.includes('Zoe'))).toEqual([true, false])
      expect(translations[0]?.tokens).toContain('Zoe')
      expect(translations[0]).not.toHaveProperty('alignment')
      expect(translations[1]?.text).toBe('anna entend fred !')
    }
    const [aligned] = await translator.translate(['mary helps Zoe.'], { alignments: true })
    expect(aligned?.alignment?.target).toEqual(aligned?.tokens)
  })

  it.each([
    ['Zoe sees Otto.', 'Zoe voit Otto !'],
    ['Zoe sees Zoe.', 'Zoe voit Zoe !'],
    ['José sees María.', 'José voit María !'],
    ['anna sees 東京.', 'anna voit 東京 !'],
    ['anna sees 👩🏽‍🚀.', 'anna voit 👩🏽‍🚀 !'],
    // What is invisible is of no word: neither a soft hyphen, nor a mark of direction.
    ['Zo\u00ade sees an\u00adna.', 'Zoe voit anna !'],
    ['fr\u2060ed sees \u200fZoe\u200f.', 'fred voit Zoe !'],
    ['Zoe\u00a0sees\u200banna .', 'Zoe voit anna !'],
  ])('copies %s', async (source, target) => {
    expect((await translator.translate([source]))[0]?.text).toBe(target)
  })

  it('translates nothing to nothing', async () => {
    const [empty, some, ...blank] = await translator.translate(['', 'anna sees fred.', ' \n', '\u00ad\u200b', '\ufeff'])
    expect(empty).toEqual({ text: '', tokens: [], logProbability: 0, score: 0, finished: true })
    expect(blank).toEqual([empty, empty, empty])
    expect(some?.text).toBe('anna voit fred !')
    expect(await translator.translate([''], { nBest: 2, alignments: true })).toEqual([
      { ...empty, alignment: { source: [], target: [], weights: [] }, alternatives: [] },
    ])
  })
})

describe('what is written', () => {
  const unknownOf = async (call: () => unknown) =>
    (await warnings(call)).filter(({ code }) => code === 'WARN_UNKNOWN_TOKENS').map(({ message }) => message)

  it.each(['texts', 'lists'])(
    'by a translator that is measured on unknown %s is told of, with the share',
    async (kind) => {
      const cut = (text: string) => (kind === 'texts' ? text : text.split(' '))
      const row = (source: string, target: string) => ({ source: cut(source), target: cut(target) })
      const known = names.map((name) => row(`${name} sees`, `${name} voit`))
      const train = (validation: typeof known) => async () => {
        const translator = new tasks.Translator({ units: 8, embedding: 4, seed: 1 })
        await translator.train(known, { epochs: 1, validationData: validation })
      }
      expect(await unknownOf(train([row('zoe yells', 'zoe voit'), row('anna runs now', 'anna voit')]))).toEqual([
        expect.stringMatching(
          /^Translator\.train: 80 % of the tokens of the sources of the validation part are unknown/,
        ),
      ])
      expect(await unknownOf(train([row('anna sees', 'anna crie fort')]))).toEqual([
        expect.stringMatching(
          /^Translator\.train: 67 % of the tokens of the targets of the validation part are unknown/,
        ),
      ])
      expect(await unknownOf(train([row('anna runs', 'anna voit')]))).toEqual([])
    },
  )

  it('by a captioner likewise', async () => {
    const annotations = (n: number) => [[n], [n + 1]]
    const known = names.map((name, n) => ({ annotations: annotations(n), caption: `${name} sees` }))
    const captioner = new tasks.Captioner({ units: 8, embedding: 4, seed: 1 })
    const held = [{ annotations: annotations(0), caption: 'zoe yells at anna' }]
    expect(await unknownOf(() => captioner.train(known, { epochs: 1, validationData: held }))).toEqual([
      expect.stringMatching(/^Captioner\.train: 75 % of the tokens of the captions of the validation part are unknown/),
    ])
  })
})

describe('TextClassifier', () => {
  const rows = [...Array(40).keys()].map((n) => ({
    text: n % 2 === 0 ? `alpha${n} 👍` : `beta${n} 👎`,
    label: n % 2 === 0 ? 'good' : 'bad',
  }))
  const small = { units: 4, embedding: 4, bidirectional: false } as const

  it('tells emoji apart', async () => {
    const classifier = new tasks.TextClassifier(small)
    await classifier.train(
      [...rows, ...rows].map(({ text, label }) => ({ text: text.replace(/ /, ''), label })),
      { epochs: 1, validationSplit: 0 },
    )
    expect(classifier.tokenizer.tokenToId('👍')).toBeGreaterThan(1)
    expect(classifier.tokenizer.tokenToId('alpha0👍')).toBeUndefined()
  })

  it.each(['character', 'subword'] as const)('takes %ss', async (tokens) => {
    const classifier = new tasks.TextClassifier({ ...small, tokens })
    await classifier.train(rows, { epochs: 1, validationSplit: 0 })
    const [ids] = classifier.tokenizer.encodeSync(['gamma'])
    expect(ids?.length).toBeGreaterThan(1)
    expect(await classifier.predict(['', 'gamma 👍'])).toHaveLength(2)
  })

  it('says that most of the validation texts is unknown', async () => {
    const unknown = rows.map(({ label }, n) => ({ text: `new${n} other${n}`, label }))
    const classifier = new tasks.TextClassifier(small)
    const told = await warnings(() => classifier.train(rows, { epochs: 1, validationData: unknown }))
    expect(told.map(({ code }) => code)).toContain('WARN_UNKNOWN_TOKENS')
    expect(told.find(({ code }) => code === 'WARN_UNKNOWN_TOKENS')?.message).toMatch(/100 % of the tokens .* unknown/)
    await expect(classifier.train(unknown, { epochs: 1, validationSplit: 0 })).rejects.toEqual(
      coded('ERR_DATA', /100 % of the tokens are not in the model's vocabulary.*maxUnknown/),
    )
    await classifier.train(unknown, { epochs: 1, validationSplit: 0, maxUnknown: 1 })
  })
})

describe('Translator and Captioner', () => {
  const further = { epochs: 1, validationSplit: 0 }

  it('refuse to learn one unknown token instead of texts', async () => {
    const translator = new tasks.Translator({ units: 4, embedding: 4 })
    await translator.train([{ source: 'one two', target: 'un deux' }], further)
    const sources = [{ source: 'three four', target: 'un deux' }]
    await expect(translator.train(sources, further)).rejects.toEqual(
      coded('ERR_DATA', /^Translator\.train: 100 % of the tokens of the sources are not in .*maxUnknown/),
    )
    const targets = [{ source: 'one two', target: 'trois quatre' }]
    await expect(translator.train(targets, further)).rejects.toEqual(
      coded('ERR_DATA', /^Translator\.train: 100 % of the tokens of the targets are not in .*maxUnknown/),
    )
    await translator.train(targets, { ...further, maxUnknown: 1 })
    const captioner = new tasks.Captioner({ units: 4, embedding: 4 })
    await captioner.train([{ annotations: [[1, 2]], caption: 'a cat' }], further)
    const others = [{ annotations: [[1, 2]], caption: 'some dogs' }]
    await expect(captioner.train(others, further)).rejects.toEqual(
      coded('ERR_DATA', /^Captioner\.train: 100 % of the tokens of the captions are not in .*maxUnknown/),
    )
    await captioner.train(others, { ...further, maxUnknown: 1 })
  })

  it('know listed tokens however their letters are composed', async () => {
    const translator = new tasks.Translator({ units: 4, embedding: 4 })
    await translator.train([{ source: ['é', 'a'], target: ['b'] }], further)
    await translator.train([{ source: ['e\u0301', 'a'], target: ['b'] }], { ...further, maxUnknown: 0 })
  })
})

describe('TextGenerator', () => {
  it('refuses to learn one unknown token instead of a text', async () => {
    const generator = new tasks.TextGenerator({ units: 8, embedding: 4, layers: 1 })
    const training = { epochs: 1, batchSize: 2, time: 10, validationSplit: 0 }
    await generator.train('the cat sat on the mat. '.repeat(20), training)
    await expect(generator.train('ЖЩЪЫЭЮЯ '.repeat(40), training)).rejects.toEqual(
      coded('ERR_DATA', /^TextGenerator\.train: 88 % of the tokens are not in the model's vocabulary/),
    )
  })
})

describe('encoding', () => {
  it('can be aborted, and leaves the event loop free', async () => {
    const tokenizer = await text.charTokenizer(['ab '])
    const long = 'ab '.repeat(4_000_000)
    const controller = new AbortController()
    setTimeout(() => controller.abort(), 20)
    const start = performance.now()
    await expect(tokenizer.encode([long, long], { signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(performance.now() - start).toBeLessThan(2000)
    const many = Array.from({ length: 50_000 }, (_, n) => `ab ${n}`)
    const ids = await tokenizer.encode(many)
    expect(ids).toHaveLength(50_000)
    expect(ids[49_999]).toEqual(tokenizer.encodeSync(['ab 49999'])[0])
    const marked = `${'a'.repeat(2 ** 18 - 1)}👍b`
    expect((await tokenizer.encode([marked]))[0]?.subarray(-2)).toEqual(tokenizer.encodeSync(['👍b'])[0])
  })

  it('of a tokenizer that is trained can be aborted', async () => {
    const controller = new AbortController()
    const texts = Array.from({ length: 20_000 }, (_, n) => `word${n} other${n * 7} text${n * 13}`)
    setTimeout(() => controller.abort(), 10)
    await expect(text.subwordTokenizer(texts, { signal: controller.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })

  it('takes reserved tokens that users write for text', async () => {
    const tokenizer = await text.subwordTokenizer(['some [PAD] text'])
    expect(tokenizer.decode(tokenizer.encodeSync(['a [PAD] and [UNK]'])[0] as Int32Array)).toBe('a [PAD] and [UNK]')
  })
})

it('maxUnknown is an option of those that count unknown tokens only', async () => {
  const tagger = new tasks.SequenceTagger({ units: 4 })
  const wrong = { maxUnknown: 0.5 } as object
  await expect(tagger.train([{ tokens: ['a'], tags: ['x'] }], wrong)).rejects.toEqual(
    coded('ERR_OPTION', /^SequenceTagger\.train: .*maxUnknown/),
  )
  const answerer = new tasks.QuestionAnswerer({ units: 4 })
  await expect(answerer.train([{ story: 'a b', question: 'a', answer: 'b' }], wrong)).rejects.toEqual(
    coded('ERR_OPTION', /^QuestionAnswerer\.train: .*maxUnknown/),
  )
})
