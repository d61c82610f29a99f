import { readFileSync } from 'node:fs'
import { gunzipSync, gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { interop } from '../../dist/index.js'

const folder = new URL('../fixtures/keras/', import.meta.url)
const file = gunzipSync(readFileSync(new URL('keras3-texts.keras.gz', folder)))
const { texts, ids, outputs } = JSON.parse(readFileSync(new URL('keras3-texts.json', folder), 'utf8'))

/** The file with a text in it replaced by one of the same length; checksums of zip archives are not read. */
const altered = (from: string, to: string) => Buffer.from(file.toString('latin1').replaceAll(from, to), 'latin1')

describe('interop.loadKerasVocabulary', () => {
  it('gives the ids of a TextVectorization, and the model reads them', async () => {
    const tokenizer = await interop.loadKerasVocabulary(file)
    const encoded = await tokenizer.encode(texts)
    const padded = encoded.map((row) => [...row, ...Array(8 - row.length).fill(0)])
    expect(padded).toEqual(ids)
    expect(tokenizer.vocabularySize).toBe(20)
    expect([tokenizer.paddingId, tokenizer.unknownId]).toEqual([0, 1])
    const m = await interop.loadKeras(file)
    const { data } = await m.predict(padded)
    for (const [at, value] of outputs.flat().entries()) expect(data[at]).toBeCloseTo(value, 5)
    m.dispose()
  })

  it('names what does not fit, and layers that are not there', async () => {
    await expect(interop.loadKerasVocabulary(altered('"ngrams": null', '"ngrams":    2'))).rejects.toMatchObject({
      code: 'ERR_UNSUPPORTED',
      message: expect.stringContaining("ngrams of the TextVectorization 'words': 2"),
    })
    await expect(interop.loadKerasVocabulary(file, { layer: 'other' })).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringContaining("'words'"),
    })
    await expect(interop.loadKerasVocabulary(altered('vocabulary.txt', 'vocabulary.dat'))).rejects.toMatchObject({
      code: 'ERR_FORMAT',
      message: expect.stringContaining('no vocabulary'),
    })
    await expect(interop.loadKerasVocabulary(gzipSync(file))).rejects.toMatchObject({ code: 'ERR_FORMAT' })
    await expect(interop.loadKerasVocabulary(file, { name: 'x' } as never)).rejects.toMatchObject({
      code: 'ERR_OPTION',
    })
  })
})
