import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, it } from 'vitest'
import { interop, layers, SeqloomError, sequential } from '../../dist/index.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-vectors-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0
const written = (content: string | Uint8Array) => {
  const path = join(folder, `vectors-${files++}`)
  writeFileSync(path, content)
  return path
}
const load = (content: string | Uint8Array, options?: Parameters<typeof interop.loadWordVectors>[1]) =>
  interop.loadWordVectors(written(content), options)

const entries: [string, number[]][] = [
  ['the', [0.25, -1, 2]],
  ['red', [1, 0, 0]],
  ['fox', [0, 0.5, 1e-3]],
]
const lines = entries.map(([word, vector]) => `${word} ${vector.join(' ')}\n`).join('')
const binary = (newline: string, words = entries) =>
  Buffer.concat([
    Buffer.from(`${words.length} 3\n`),
    ...words.map(([word, vector]) =>
      Buffer.concat([Buffer.from(`${word} `), Buffer.from(Float32Array.from(vector).buffer), Buffer.from(newline)]),
    ),
  ])

describe('word vectors', () => {
  it.each([
    ['text as GloVe writes it', lines],
    ['text with carriage returns and no last line end', lines.trimEnd().replaceAll('\n', '\r\n')],
    ['text with a header, as word2vec and fastText write it', `3 3\n${lines.replaceAll('\n', ' \n')}`],
    ['text with a byte order mark', `\ufeff${lines}`],
    ['text with a byte order mark and a header', `\ufeff3 3\n${lines}`],
    ['text with tabs', lines.replaceAll(' ', '\t')],
    ['text with tabs and a header', `3\t3\n${lines.replaceAll(' ', '\t')}`],
    ['text with a tab behind the word', `3 3\n${lines.replaceAll(/^(\w+) /gm, '$1\t')}`],
    ['text in columns', lines.replaceAll(' ', '   ')],
    ['binary with line ends', binary('\n')],
    ['binary without', binary('')],
    ['gzipped text', gzipSync(lines)],
    ['gzipped binary', gzipSync(binary('\n'))],
  ])('are read from %s', async (_, content) => {
    const { tokenizer, vectors } = await load(content)
    expect(tokenizer.vocabulary().map(({ token }) => token)).toEqual(['[PAD]', '[UNK]', 'the', 'red', 'fox'])
    expect(vectors.shape).toEqual([5, 3])
    expect(vectors.array()).toEqual(
      [[0, 0, 0], [1.25 / 3, -0.5 / 3, 2.001 / 3], ...entries.map(([, vector]) => vector)].map((row) =>
        row.map((value) => expect.closeTo(value, 6)),
      ),
    )
    expect(tokenizer.encodeSync(['The red wolf'])).toEqual([Int32Array.of(2, 3, 1)])
  })

  it('are refused where a number of the first line is none', async () => {
    for (const name of ['nan', '-inf', 'Infinity']) {
      await expect(load(`the 1 ${name} 3\nred 1 2 3\n`)).rejects.toMatchObject({
        code: 'ERR_FORMAT',
        message: expect.stringMatching(new RegExp(`line 1: ${name} is no number`)),
      })
    }
  })

  it('start an embedding', async () => {
    const { tokenizer, vectors } = await load(lines)
    const m = sequential([
      layers.embedding({ weights: vectors, maskZero: true, trainable: false }),
      layers.globalAveragePooling1d(),
    ])
    const [mean] = (await m.predict(await tokenizer.encode(['red fox']))).array() as number[][]
    expect(mean).toEqual([0.5, 0.25, expect.closeTo(5e-4, 7)])
  })

  it('hold words with spaces, keep the first of equal words and the file’s own vector of unknown ones', async () => {
    const { tokenizer, vectors } = await load(`. . . 1 2\nthe 3 4\nthe 5 6\n<unk> 7 8\nnew 9 9\n`)
    expect(tokenizer.tokenToId('. . .')).toBe(2)
    expect(vectors.array()).toEqual([
      [0, 0],
      [7, 8],
      [1, 2],
      [3, 4],
      [9, 9],
    ])
  })

  it('are limited to words that are wanted, or to the first ones', async () => {
    const some = await load(lines, { words: new Set(['fox', 'wolf']) })
    expect(some.tokenizer.tokenToId('fox')).toBe(2)
    expect(some.vectors.shape).toEqual([3, 3])
    expect((await load(lines, { limit: 2 })).vectors.shape).toEqual([4, 3])
    await expect(load(lines, { words: ['wolf'] })).rejects.toMatchObject({ code: 'ERR_DATA' })
  })

  it('keep capital letters if the file has them, unless asked otherwise', async () => {
    const cased = 'Paris 1 2\nparis 3 4\n'
    expect((await load(cased)).tokenizer.encodeSync(['Paris paris'])).toEqual([Int32Array.of(2, 3)])
    const lowered = await load(cased, { lowercase: true })
    expect(lowered.tokenizer.encodeSync(['Paris paris'])).toEqual([Int32Array.of(2, 2)])
    expect(lowered.vectors.row(2).array()).toEqual([1, 2])
  })

  it.each([
    ['a line with too few numbers', `${lines}wolf 1 2\n`, /line 4 has 2 numbers, not 3/],
    ['a word for a number', `${lines}wolf 1 x 2\n`, /line 4: .*x.* is no number/],
    ['a number that is not finite', `3 3\n${lines.replace('0.5', '1e99')}`, /word 3, .*fox.*Infinity/],
    ['no vectors', 'hello\nworld\n', /first line is not a word and its numbers/],
    ['an empty file', '', /no words|first line/],
    ['fewer words than the header says', `4 3\n${lines}`, /ends after 3 of 4 words/],
    ['a binary file that is cut', binary('\n').subarray(0, -6), /within word 3 of 3/],
    ['a binary file with NaN', binary('\n', [['a', [Number.NaN, 1, 1]]]), /word 1, .*NaN/],
    ['dimensions without measure', '10 99999999999\na 1', /more than 65536/],
    ['a zip archive', 'PK\u0003\u0004', /zip archive: unpack it/],
    ['a gzip file that is cut', gzipSync(lines).subarray(0, -12), /not a whole gzip file/],
  ])('reject %s', async (_, content, message) => {
    await expect(load(content)).rejects.toMatchObject({ code: 'ERR_FORMAT', message: expect.stringMatching(message) })
  })

  it('reject a model of fastText, a folder and an abort', async () => {
    await expect(load(Buffer.from([0xba, 0x16, 0x4f, 0x2f, 0, 0]))).rejects.toMatchObject({ code: 'ERR_UNSUPPORTED' })
    await expect(interop.loadWordVectors(folder)).rejects.toMatchObject({ code: 'ERR_IO' })
    await expect(load(lines, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('of damaged files give a coded error or words', async () => {
    const originals = [Buffer.from(lines), Buffer.from(`3 3\n${lines}`), binary('\n'), gzipSync(lines)]
    const damage = fc.record({
      of: fc.nat(originals.length - 1),
      bytes: fc.array(fc.tuple(fc.nat(200), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      cut: fc.nat(60),
    })
    await fc.assert(
      fc.asyncProperty(damage, async ({ of, bytes, cut }) => {
        const file = Buffer.from(originals[of] as Buffer)
        for (const [at, value] of bytes) file[at % file.length] = value
        try {
          const { vectors } = await load(file.subarray(0, file.length - (cut % 4 === 0 ? cut % file.length : 0)))
          expect(vectors.data.every(Number.isFinite)).toBe(true)
        } catch (error) {
          expect(error).toBeInstanceOf(SeqloomError)
        }
      }),
      { numRuns: 300 },
    )
  })
})
