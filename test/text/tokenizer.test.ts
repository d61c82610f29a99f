import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { layers, sequential, text } from 'seqloom'
import { describe, expect, it } from 'vitest'

const corpus = ['The cat, the DOG.', "the cat's 42 mice!", 'Être 中文 或 être']

describe('word tokenizer', () => {
  it('has padding at 0, unknown at 1, then words by frequency', async () => {
    const tokenizer = await text.wordTokenizer(corpus)
    const vocabulary = tokenizer.vocabulary()
    expect(vocabulary.slice(0, 5).map(({ token }) => token)).toEqual(['[PAD]', '[UNK]', 'the', 'cat', 'être'])
    expect(vocabulary.map(({ id }) => id)).toEqual(vocabulary.map((_, index) => index))
    expect(tokenizer.vocabularySize).toBe(vocabulary.length)
    expect([tokenizer.paddingId, tokenizer.unknownId, tokenizer.maxLength]).toEqual([0, 1, undefined])
    expect([tokenizer.tokenToId('the'), tokenizer.idToToken(2)]).toEqual([2, 'the'])
    expect([tokenizer.tokenToId('zebra'), tokenizer.idToToken(10_000)]).toEqual([undefined, undefined])
  })

  it('encodes ragged, on other threads or here', async () => {
    const tokenizer = await text.wordTokenizer(corpus)
    const texts = ['THE cat', '', 'zebra']
    const encoded = [new Int32Array([2, 3]), new Int32Array(0), new Int32Array([1])]
    expect(await tokenizer.encode(texts)).toEqual(encoded)
    expect(tokenizer.encodeSync(texts)).toEqual(encoded)
    expect(tokenizer.encodeSync(texts, { fillEmpty: true })[1]).toEqual(new Int32Array([1]))
    expect(tokenizer.decode([2, 3, 0, 0])).toBe('the cat')
    expect(tokenizer.decode(new Int32Array([1]))).toBe('[UNK]')
  })

  it('gives ids that a model takes as they are', async () => {
    const tokenizer = await text.wordTokenizer(corpus)
    const model = sequential(
      [layers.embedding({ inputDim: tokenizer.vocabularySize, outputDim: 3 }), layers.lstm({ units: 2 })],
      { seed: 1 },
    )
    const together = model.predictSync(await tokenizer.encode(corpus))
    expect(together.shape).toEqual([3, 2])
    const alone = model.predictSync(tokenizer.encodeSync([corpus[1] as string]))
    expect([...alone.data]).toEqual([...together.data.slice(2, 4)])
  })

  it('keeps the options', async () => {
    const small = await text.wordTokenizer(corpus, { maxVocabulary: 4, maxLength: 2 })
    expect(small.vocabularySize).toBe(4)
    expect(small.encodeSync(['the cat the cat'])).toEqual([new Int32Array([2, 3])])
    expect(small.withMaxLength().encodeSync(['the cat the cat'])[0]).toHaveLength(4)
    const cased = await text.wordTokenizer(corpus, { lowercase: false, minFrequency: 2 })
    expect(cased.vocabulary().map(({ token }) => token)).toEqual(['[PAD]', '[UNK]', 'cat', 'the'])
  })
})

describe('character tokenizer', () => {
  it('gives every text back', async () => {
    const tokenizer = await text.charTokenizer(corpus)
    for (const line of corpus) expect(tokenizer.decode(tokenizer.encodeSync([line])[0] as Int32Array)).toBe(line)
  })

  it('takes any text', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'binary', minLength: 1 }),
        fc.string({ unit: 'binary' }),
        async (known, other) => {
          const tokenizer = await text.charTokenizer([known])
          const [a, b] = tokenizer.encodeSync([known, other]) as [Int32Array, Int32Array]
          expect(tokenizer.decode(a)).toBe(known)
          expect(b).toHaveLength([...other].length)
        },
      ),
      { numRuns: 100 },
    )
  })
})

describe('saved tokenizers', () => {
  it('are Hugging Face files that encode alike', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-text-'))
    const path = join(folder, 'tokenizer.json')
    const tokenizer = await text.wordTokenizer(corpus, { maxLength: 5 })
    await tokenizer.save(path)
    const saved = JSON.parse(readFileSync(path, 'utf8'))
    expect(saved).toMatchObject({ version: '1.0', model: { type: 'WordLevel', unk_token: '[UNK]', vocab: { the: 2 } } })
    const encoded = tokenizer.encodeSync(corpus)
    for (const again of [
      await text.loadTokenizer(path),
      text.fromJSON(tokenizer.toJSON()),
      text.fromJSON(String(tokenizer)),
    ]) {
      expect(again.encodeSync(corpus)).toEqual(encoded)
      expect(again.maxLength).toBe(5)
    }
    rmSync(folder, { recursive: true })
  })
})

it('knows words however their letters are composed with their marks', async () => {
  const tokenizer = await text.wordTokenizer(['Le café est là'])
  const [composed, apart] = tokenizer.encodeSync(['café là', 'cafe\u0301 la\u0300'])
  expect(apart).toEqual(composed)
  expect([...(composed as Int32Array)]).not.toContain(tokenizer.unknownId)
  // A tokenizer that was saved before does what its file says.
  const saved = tokenizer.toJSON() as { normalizer: { normalizers: { type: string }[] } }
  saved.normalizer.normalizers = saved.normalizer.normalizers.filter(({ type }) => type !== 'NFC')
  const [, old] = text.fromJSON(saved).encodeSync(['café', 'cafe\u0301'])
  expect([...(old as Int32Array)]).toEqual([tokenizer.unknownId])
})

describe('bad input', () => {
  const coded = (code: string, message = /./) =>
    expect.objectContaining({ name: 'SeqloomError', code, message: expect.stringMatching(message) })

  it('is refused with a code and the place', async () => {
    await expect(text.wordTokenizer('text' as never)).rejects.toEqual(coded('ERR_DATA', /array of strings/))
    await expect(text.wordTokenizer(['a', 5 as never])).rejects.toEqual(coded('ERR_DATA', /text 1 .*not 5/))
    await expect(text.wordTokenizer([])).rejects.toEqual(coded('ERR_DATA', /no vocabulary/))
    await expect(text.wordTokenizer(['a'], { maxVocabulary: 2 })).rejects.toEqual(coded('ERR_OPTION', /maxVocabulary/))
    await expect(text.wordTokenizer(['a'], { case: true } as never)).rejects.toEqual(coded('ERR_OPTION', /'case'/))
    const tokenizer = await text.wordTokenizer(['a b'])
    await expect(tokenizer.encode([null as never])).rejects.toEqual(coded('ERR_DATA', /text 0 .*null/))
    expect(() => tokenizer.decode([1, 99])).toThrow(coded('ERR_DATA', /99 at position 1/))
    expect(() => tokenizer.decode([0.5])).toThrow(coded('ERR_DATA', /0.5/))
    expect(() => tokenizer.withMaxLength(0)).toThrow(coded('ERR_OPTION'))
  })

  it.each(['', '{', '[]', 'null', '{"model":{}}', '{"version":"1.0","model":{"type":"WordLevel","vocab":{"a":-1}}}'])(
    'is refused as a file: %s',
    (json) => {
      expect(() => text.fromJSON(json)).toThrow(coded('ERR_FORMAT', /^tokenizer\.json: (?!tokenizer\.json)/))
    },
  )

  it('is refused as a file with ids that make it huge, in little time', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'seqloom-ids-'))
    for (const make of [text.charTokenizer, text.wordTokenizer, text.subwordTokenizer]) {
      const saved = (await make(['a b', 'a b'])).toJSON() as { added_tokens: object[]; model: { vocab: object } }
      const ids = [2 ** 24 + 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1]
      for (const id of ids) {
        const vocab = { ...saved.model.vocab, '00000000': id }
        const token = {
          id,
          content: '<x>',
          special: true,
          single_word: false,
          lstrip: false,
          rstrip: false,
          normalized: false,
        }
        for (const file of [
          { ...saved, model: { ...saved.model, vocab } },
          { ...saved, added_tokens: [...saved.added_tokens, token] },
        ]) {
          const message = /^tokenizer\.json: the id \d+ is above the largest one, 16777216$/
          expect(() => text.fromJSON(file)).toThrow(coded('ERR_FORMAT', message))
          const path = join(folder, 'tokenizer.json')
          // Long white space does not hide it.
          await writeFile(path, JSON.stringify(file).replaceAll(`:${id}`, `:${' '.repeat(2 ** 20)}${id}`))
          await expect(text.loadTokenizer(path)).rejects.toEqual(coded('ERR_FORMAT', /above the largest one/))
        }
      }
      // Digits of a token are none of an id.
      const vocab = { ...saved.model.vocab, '123456789': 300, ': 123456789': 301 }
      expect(text.fromJSON({ ...saved, model: { ...saved.model, vocab } }).vocabularySize).toBe(302)
    }
    await rm(folder, { recursive: true })
  })

  it('names a file that is not there', async () => {
    await expect(text.loadTokenizer('no/tokenizer.json')).rejects.toEqual(coded('ERR_IO', /no\/tokenizer\.json/))
  })
})
