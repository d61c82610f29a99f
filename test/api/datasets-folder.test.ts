import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { data, layers, sequential, tasks } from 'seqloom'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-folder-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (...names: string[]) => join(folder, 'texts', ...names)

beforeEach(() => {
  rmSync(at(), { recursive: true, force: true })
  for (const label of ['pos', 'neg']) {
    mkdirSync(at(label), { recursive: true })
    for (let i = 0; i < 20; i++) writeFileSync(at(label, `${i}.txt`), `${label} ${i}\nsecond line`)
  }
})

async function read(rows: AsyncIterable<{ text: string; label: string }>): Promise<string[]> {
  const found: string[] = []
  for await (const { text, label } of rows) found.push(`${label}: ${text.split('\n')[0]}`)
  return found
}

describe('a folder of texts, one folder for each label', () => {
  it('comes label by label, by the names of files, as often as asked for', async () => {
    writeFileSync(at('README'), 'beside the labels')
    writeFileSync(at('pos', '.hidden'), 'hidden')
    mkdirSync(at('pos', 'more'))
    writeFileSync(at('pos', 'more', 'last.txt.gz'), gzipSync('pos packed'))
    const texts = data.textFolder(pathToFileURL(at()))
    const found = await read(texts)
    expect(found).toHaveLength(41)
    expect(found.slice(0, 3)).toEqual(['neg: neg 0', 'neg: neg 1', 'neg: neg 10'])
    expect(found.at(-1)).toBe('pos: pos packed')
    expect(await read(texts)).toEqual(found)
    expect(await read(texts.skip(39))).toEqual(found.slice(39))
  })

  it('or in an order of its own in each pass, which the seed determines and which can be entered anywhere', async () => {
    const shuffled = data.textFolder(at(), { shuffle: true, seed: 3 })
    const found = await read(shuffled)
    const sorted = await read(data.textFolder(at()))
    expect(found).not.toEqual(sorted)
    expect([...found].sort()).toEqual([...sorted].sort())
    expect(await read(data.textFolder(at(), { shuffle: true, seed: 3 }).skip(17))).toEqual(found.slice(17))
    const twice = await read(shuffled.repeat(2))
    expect(twice.slice(0, 40)).toEqual(found)
    expect(twice.slice(40)).not.toEqual(found)
    expect(await read(data.textFolder(at(), { shuffle: true, seed: 4 }))).not.toEqual(found)
  })

  it('trains a classifier, and a model', async () => {
    const classifier = new tasks.TextClassifier({ units: 4, embedding: 4 })
    await classifier.train(data.textFolder(at()), { epochs: 1, validationSplit: 0 })
    expect(classifier.labels).toEqual(['neg', 'pos'])
    const model = sequential([
      layers.embedding({ inputDim: 128, outputDim: 2, inputShape: [3] }),
      layers.globalAveragePooling1d(),
      layers.dense({ units: 2, activation: 'softmax' }),
    ])
    model.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
    const rows = data.textFolder(at(), { shuffle: true }).map(({ text, label }) => ({
      x: Array.from(text.slice(0, 3), (letter) => letter.charCodeAt(0)),
      y: Number(label === 'pos'),
    }))
    const { history } = await model.fit(rows, { epochs: 2, batchSize: 8 })
    expect(history.loss).toHaveLength(2)
  })

  it('in another encoding', async () => {
    writeFileSync(at('neg', '0.txt'), Buffer.from([0x73, 0xfc, 0xdf]))
    await expect(read(data.textFolder(at()))).rejects.toEqual(
      coded('ERR_DATA', /neg.0\.txt: line 1: the byte 0xFC is no UTF-8; .*windows-1252/),
    )
    expect((await read(data.textFolder(at(), { encoding: 'windows-1252' })))[0]).toBe('neg: süß')
  })

  it('follows links, but not in circles', async () => {
    mkdirSync(join(folder, 'linked'), { recursive: true })
    writeFileSync(join(folder, 'linked', 'one.txt'), 'linked')
    symlinkSync(join(folder, 'linked'), at('zero'))
    symlinkSync(at('pos'), at('pos', 'self'))
    const found = await read(data.textFolder(at()))
    expect(found).toHaveLength(41)
    expect(found.at(-1)).toBe('zero: linked')
  })
})

describe('what is no such folder is refused', () => {
  const refused = (path: string, code: string, message: RegExp) =>
    expect(read(data.textFolder(path))).rejects.toEqual(coded(code, message))

  it('empty, without folders, or with an empty one', async () => {
    mkdirSync(at('unsup'))
    await refused(at(), 'ERR_DATA', /unsup has no files/)
    await refused(at('unsup'), 'ERR_DATA', /unsup is empty; it must have a folder for each label/)
    await refused(at('pos'), 'ERR_DATA', /pos has files, such as '0\.txt', but no folders/)
  })

  it('not there, no folder, or not readable', async () => {
    await refused(at('none'), 'ERR_IO', /cannot read .*none: ENOENT/)
    await refused(at('pos', '0.txt'), 'ERR_IO', /cannot read .*0\.txt: ENOTDIR/)
    symlinkSync(at('nowhere'), at('neg', 'dangling'))
    await refused(at(), 'ERR_IO', /cannot read .*neg.*dangling/)
  })

  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')('a file without leave to read it', async () => {
    chmodSync(at('neg', '0.txt'), 0)
    await refused(at(), 'ERR_IO', /cannot read .*neg.0\.txt: EACCES/)
  })

  it('binary files, by name', async () => {
    writeFileSync(at('neg', '3.png'), Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0]))
    await refused(at(), 'ERR_DATA', /neg.3\.png: line 1: the byte 0x89 is no UTF-8/)
    writeFileSync(at('neg', '3.png'), Buffer.from([0x50, 0, 0x47]))
    await refused(at(), 'ERR_DATA', /neg.3\.png: it holds NUL characters/)
  })

  it('and options that are none', () => {
    expect(() => data.textFolder(at(), { encoding: 'klingon' })).toThrow(coded('ERR_OPTION', /klingon/))
    expect(() => data.textFolder(at(), { order: 1 } as never)).toThrow(coded('ERR_OPTION', /order/))
    expect(() => data.textFolder(3 as never)).toThrow(coded('ERR_OPTION', /data\.textFolder/))
  })
})
