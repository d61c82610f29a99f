import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { callbacks, data, layers, sequential, text } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-tokens-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)

const lines = Array.from({ length: 400 }, (_, i) => `line ${i} of the ${i % 3 ? 'text' : 'book'}`)
let tokenizer: Awaited<ReturnType<typeof text.wordTokenizer>>
let tokens: data.TokenFile
let ids: Int32Array

beforeAll(async () => {
  tokenizer = await text.wordTokenizer(lines)
  writeFileSync(at('lines.txt'), lines.join('\r\n'))
  tokens = await data.writeTokens(data.text(at('lines.txt')), { tokenizer, file: at('lines.tokens') })
  ids = (await tokenizer.encode([lines.join('\n')], { specialTokens: false }))[0] as Int32Array
})

/** The rows of a pass from one on, in blocks, as trainings read them. */
const passOf = (rows: data.Dataset<data.TokenWindow>, pass: number, skip = 0) =>
  (rows as unknown as { open(start: data.Start): AsyncIterable<data.TokenWindow[]> }).open({ pass, skip })

async function collected<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const row of rows) all.push(row)
  return all
}

describe('tokens in a file', () => {
  it('are those of the texts, by position', async () => {
    expect(tokens).toMatchObject({ length: ids.length, dtype: 'uint16', vocabularySize: tokenizer.vocabularySize })
    expect(await tokens.read(0, ids.length)).toEqual(ids)
    expect(await tokens.read(7, 12)).toEqual(ids.slice(7, 12))
    expect(await tokens.read(5, 5)).toEqual(new Int32Array(0))
    const again = await data.tokens(at('lines.tokens'))
    expect(await again.read(0, 3)).toEqual(ids.slice(0, 3))
    expect(again.isOf(tokenizer)).toBe(true)
    expect(again.isOf(tokenizer.withMaxLength(3))).toBe(true)
    expect(again.isOf(await text.charTokenizer(lines))).toBe(false)
    await expect(tokens.read(0, ids.length + 1)).rejects.toEqual(coded('ERR_OPTION', /from 0 to/))
    await expect(tokens.read(-1, 5)).rejects.toEqual(coded('ERR_OPTION', /from 0 to/))
  })

  it('take four bytes where the vocabulary is large, and are never cut off', async () => {
    const words = Array.from({ length: 70_000 }, (_, i) => `w${i}`)
    const large = (await text.wordTokenizer([words.join(' ')])).withMaxLength(5)
    const file = await data.writeTokens([words.join(' ')], { tokenizer: large, file: at('large.tokens') })
    expect(file).toMatchObject({ dtype: 'uint32', length: 70_000 })
    expect(new Set(await file.read(0, 70_000)).size).toBe(70_000)
  })

  it('are windows, in order or shuffled by a seed and the pass, from any row on', async () => {
    const rows = await collected(tokens.windows({ time: 10, stride: 7 }))
    expect(rows).toHaveLength(Math.floor((ids.length - 11) / 7) + 1)
    rows.forEach(({ x, y }, row) => {
      expect(x).toEqual(ids.slice(row * 7, row * 7 + 10))
      expect(y).toEqual(ids.slice(row * 7 + 1, row * 7 + 11))
    })
    const shuffled = tokens.windows({ time: 10, shuffle: true, seed: 3 })
    const pass = async (number: number, skip = 0) => {
      const found: string[] = []
      for await (const block of passOf(shuffled, number, skip)) for (const { x } of block) found.push(x.join())
      return found
    }
    const [first, second] = [await pass(0), await pass(1)]
    expect(await pass(0)).toEqual(first)
    expect(second).not.toEqual(first)
    expect([...second].sort()).toEqual([...first].sort())
    const ordered = (await collected(tokens.windows({ time: 10 }))).map(({ x }) => x.join())
    expect([...first].sort()).toEqual([...ordered].sort())
    expect(first).not.toEqual(ordered)
    expect(await pass(1, 100)).toEqual(second.slice(100))
    const part = await collected(tokens.windows({ time: 10, from: 100, to: 131 }))
    expect(part.map(({ x }) => x[0])).toEqual([ids[100], ids[110], ids[120]])
  })

  it('lie side by side as text.languageModelBatches lays them out', async () => {
    const expected = text.languageModelBatches(ids, { batchSize: 4, time: 9 })
    const rows = await collected(tokens.batches({ batchSize: 4, time: 9 }))
    expect(rows.flatMap(({ x }) => [...x])).toEqual([...expected.x.data])
    expect(rows.flatMap(({ y }) => [...y])).toEqual([...expected.y.data])
  })

  it('train a model to the bits of the same rows in memory, and resume exactly', async () => {
    const language = () => {
      const m = sequential(
        [
          layers.embedding({ inputDim: tokens.vocabularySize, outputDim: 4 }),
          layers.gru({ units: 4, returnSequences: true }),
          layers.dense({ units: tokens.vocabularySize, activation: 'softmax' }),
        ],
        { seed: 1 },
      )
      m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy' })
      return m
    }
    const weights = (m: ReturnType<typeof language>) => m.getWeights().map((weight) => [...weight.data])
    const windows = tokens.windows({ time: 12, shuffle: true, seed: 5 })
    const kept: data.TokenWindow[][] = []
    for (const pass of [0, 1]) {
      const rows: data.TokenWindow[] = []
      for await (const block of passOf(windows, pass)) rows.push(...block)
      kept.push(rows)
    }
    const whole = language()
    for (const rows of kept) {
      const [x, y] = [rows.map((row) => row.x), rows.map((row) => row.y)]
      await whole.fit(x, y, { batchSize: 8, epochs: 1, shuffle: false })
    }
    const streamed = language()
    await streamed.fit(windows, { batchSize: 8, epochs: 2 })
    expect(weights(streamed)).toEqual(weights(whole))
    const backup = callbacks.backupAndRestore({ backupDir: at('backup'), saveFreq: 3 })
    const stop = new AbortController()
    // Events of batches may come together; that of the first epoch's end comes for certain.
    const abort = {
      onBatchEnd: (batch: number) => void (batch >= 25 && stop.abort()),
      onEpochEnd: () => stop.abort(),
    }
    const cut = language().fit(windows, { batchSize: 8, epochs: 2, callbacks: [backup, abort], signal: stop.signal })
    await expect(cut).rejects.toMatchObject({ name: 'AbortError' })
    const resumed = language()
    await resumed.fit(windows, { batchSize: 8, epochs: 2, callbacks: backup })
    expect(weights(resumed)).toEqual(weights(whole))
  })

  it('are refused where they are no tokens of the vocabulary, or another file has taken the place', async () => {
    const file = at('altered.tokens')
    const written = await data.writeTokens(lines, { tokenizer, file })
    const bytes = readFileSync(file)
    bytes.writeUInt16LE(65_535, 64 + 6)
    writeFileSync(file, bytes)
    await expect(written.read(0, 8)).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/changed meanwhile/),
    })
    const altered = await data.tokens(file)
    await expect(altered.read(0, 8)).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/token 3 is 65535/),
    })
    writeFileSync(at('notes.txt'), 'mine')
    const other = data.writeTokens(lines, { tokenizer, file: at('notes.txt') })
    await expect(other).rejects.toMatchObject({ code: 'ERR_IO', message: expect.stringMatching(/no token file/) })
    expect(readFileSync(at('notes.txt'), 'utf8')).toBe('mine')
  })

  it('are written as a whole or not at all, with progress', async () => {
    const before = readFileSync(at('lines.tokens'))
    const told: data.TokensProgress[] = []
    const broken = data.from(function* () {
      yield* lines
      throw new RangeError('the disk is gone')
    })
    const file = at('lines.tokens')
    await expect(data.writeTokens(broken, { tokenizer, file })).rejects.toThrow(new RangeError('the disk is gone'))
    await expect(data.writeTokens(['a', 5 as never], { tokenizer, file })).rejects.toEqual(
      coded('ERR_DATA', /text 1 must be a string, not 5/),
    )
    await expect(data.writeTokens([''], { tokenizer, file })).rejects.toEqual(coded('ERR_DATA', /no tokens in/))
    const stop = new AbortController()
    const stopped = data.from(function* () {
      for (let i = 0; ; i++) {
        if (i === 1000) stop.abort()
        yield lines[i % 400] as string
      }
    })
    await expect(data.writeTokens(stopped, { tokenizer, file, signal: stop.signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(readFileSync(file)).toEqual(before)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
    const large = Array.from({ length: 60 }, () => lines.join(' ').repeat(20))
    const onProgress = (progress: data.TokensProgress) => void told.push(progress)
    const written = await data.writeTokens(large, { tokenizer, file: at('large.tokens'), onProgress })
    expect(told.length).toBeGreaterThan(2)
    expect(told.at(-1)).toEqual({ texts: 60, tokens: written.length })
    await expect(data.writeTokens(lines, { tokenizer, file: join(folder, 'none', 'x') })).rejects.toEqual(
      coded('ERR_IO', /none/),
    )
  })

  it('refuse damaged files, and such as are cut while they are used', async () => {
    const bytes = readFileSync(at('lines.tokens'))
    const changed = (change: (copy: Buffer) => Uint8Array) => {
      writeFileSync(at('damaged.tokens'), change(Buffer.from(bytes)))
      return data.tokens(at('damaged.tokens'))
    }
    const refusals: [(copy: Buffer) => Uint8Array, RegExp][] = [
      [() => Buffer.from('text'), /not a token file/],
      [() => Buffer.alloc(0), /not a token file/],
      [(copy) => copy.fill(9, 12, 13), /header is damaged/],
      [(copy) => copy.fill(2, 8, 9), /version 2/],
      [(copy) => copy.subarray(0, 64), /damaged or not whole/],
      [(copy) => copy.subarray(0, -2), /damaged or not whole/],
      [(copy) => Buffer.concat([copy, Buffer.alloc(2)]), /damaged or not whole/],
    ]
    for (const [change, message] of refusals) {
      await expect(changed(change)).rejects.toEqual(coded('ERR_FORMAT', message))
    }
    await expect(data.tokens(at('none.tokens'))).rejects.toEqual(coded('ERR_IO', /none\.tokens/))
    await expect(data.tokens(folder)).rejects.toEqual(coded('ERR_IO', /folder/))
    await expect(data.tokens(5 as never)).rejects.toEqual(coded('ERR_OPTION', /path/))
    const file = await changed((copy) => copy)
    truncateSync(at('damaged.tokens'), 200)
    await expect(collected(file.windows({ time: 10 }))).rejects.toEqual(coded('ERR_DATA', /changed meanwhile/))
    await expect(file.read(0, 500)).rejects.toEqual(coded('ERR_DATA', /changed meanwhile/))
  })

  it('refuse what they do not know or have', async () => {
    expect(() => tokens.windows({ time: 0 })).toThrow(coded('ERR_OPTION', /time/))
    expect(() => tokens.windows({ time: 2, seed: -1 })).toThrow(coded('ERR_OPTION', /seed/))
    expect(() => tokens.windows({} as never)).toThrow(coded('ERR_OPTION', /time/))
    expect(() => tokens.windows({ time: 1e9 })).toThrow(coded('ERR_DATA', /are needed/))
    expect(() => tokens.windows({ time: 5, from: 50, to: 20 })).toThrow(coded('ERR_DATA', /0 tokens/))
    expect(() => tokens.batches({ batchSize: 1000, time: 100 })).toThrow(coded('ERR_DATA', /are needed/))
    await expect(data.writeTokens(lines, { file: at('x') } as never)).rejects.toEqual(coded('ERR_OPTION', /tokenizer/))
    await expect(data.writeTokens(lines, { tokenizer: {} as never, file: at('x') })).rejects.toEqual(
      coded('ERR_OPTION', /tokenizer made by text/),
    )
    await expect(data.writeTokens(lines, { tokenizer } as never)).rejects.toEqual(coded('ERR_OPTION', /file/))
  })
})
