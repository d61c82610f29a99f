import { createReadStream, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough, Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { tableFromJSON, tableToIPC } from 'apache-arrow'
import { callbacks, data, layers, sequential } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { runProgram } from '../helpers/process.js'
import { classifier, memoryOf, pairs, trained } from '../helpers/streamed.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-live-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)

const rows = pairs(75)
const labels = ['low', 'high']
const columns = { x: ['a', 'b'], y: 'label', classes: labels }
const csv = ['a,b,label', ...rows.map(({ x: [a, b], y }) => `${a},${b},${labels[y]}`), ''].join('\n')
const once = { epochs: 1 }
let expected: number[][]

beforeAll(async () => {
  writeFileSync(at('rows.csv'), csv)
  expected = await trained(...memoryOf(rows), once)
})

describe('a stream of the bytes of a file trains as the file', () => {
  const zipped = gzipSync(csv)
  const pieces = (bytes: Uint8Array, size: number) =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size))
  const failing = () => new ReadableStream<Uint8Array>({ pull: (controller) => controller.error(new Error('reset')) })
  it.each([
    ['of node:fs', () => createReadStream(at('rows.csv'), { highWaterMark: 7 })],
    ['of texts', () => createReadStream(at('rows.csv'), 'utf8')],
    ['the body of a response', () => new Response(csv).body as ReadableStream<Uint8Array>],
    ['of a blob', () => new Blob([csv]).stream()],
    ['through a transform', () => new Blob([zipped]).stream().pipeThrough(new DecompressionStream('gzip'))],
    ['compressed', () => Readable.from(pieces(zipped, 5))],
  ])('%s', async (_, open) => {
    expect(await trained(data.csv(open(), columns), once)).toEqual(expected)
  })

  it('also of JSON lines, and of lines', async () => {
    const lines = rows.map(({ x: [a, b], y }) => JSON.stringify({ a, b, label: labels[y] })).join('\n')
    expect(await trained(data.jsonLines(new Blob([lines]).stream(), columns), once)).toEqual(expected)
    const read: string[] = []
    for await (const line of data.text(Readable.from(['a\nb', 'c\n']))) read.push(line)
    expect(read).toEqual(['a', 'bc'])
  })

  it('and says what is wrong with it', async () => {
    const m = classifier()
    await expect(m.fit(data.csv(failing(), columns))).rejects.toEqual(coded('ERR_IO', /the stream: reset/))
    const numbers = data.csv(Readable.from([1, 2]) as AsyncIterable<string>, columns)
    await expect(m.fit(numbers)).rejects.toEqual(coded('ERR_DATA', /the stream: expected bytes or texts, not 1/))
    const twice = data.csv(new Blob([csv]).stream(), columns)
    await expect(m.fit(twice, { epochs: 2 })).rejects.toEqual(coded('ERR_DATA', /gone through only once/))
    await expect(m.fit(data.csv(new Blob([`${csv}1,x,low\n`]).stream(), columns))).rejects.toEqual(
      coded('ERR_DATA', /the stream: line 77: 'b' must be a number, not 'x'/),
    )
  })

  it('of Arrow, once', async () => {
    const table = rows.map(({ x: [a, b], y }) => ({ a, b, label: labels[y] as string }))
    const bytes = Buffer.from(tableToIPC(tableFromJSON(table), 'stream'))
    for (const open of [() => new Blob([bytes]).stream(), () => Readable.from(pieces(gzipSync(bytes), 99))]) {
      expect(await trained(data.arrow(open(), columns), once)).toEqual(expected)
    }
    const twice = data.arrow(new Blob([bytes]).stream(), columns)
    await expect(classifier().fit(twice, { epochs: 2 })).rejects.toEqual(coded('ERR_DATA', /gone through only once/))
    const m = classifier()
    await expect(m.fit(data.arrow(Readable.from(['no Arrow']), columns))).rejects.toEqual(coded('ERR_DATA'))
    await expect(m.fit(data.arrow(failing(), columns))).rejects.toEqual(coded('ERR_IO', /the stream: reset/))
  })

  it('of Parquet, which is kept for all epochs', async () => {
    const table = data.from(rows).map(({ x: [a, b], y }) => ({ a, b, label: labels[y] as string }))
    await data.write(table, at('rows.parquet'))
    const twice = { epochs: 2 }
    const kept = data.parquet(createReadStream(at('rows.parquet'), { highWaterMark: 99 }), columns)
    expect(await trained(kept, twice)).toEqual(await trained(...memoryOf(rows), twice))
    const m = classifier()
    await expect(m.fit(data.parquet(new Blob([csv]).stream(), columns))).rejects.toEqual(
      coded('ERR_DATA', /the stream cannot be read as Parquet/),
    )
    await expect(m.fit(data.parquet(failing(), columns))).rejects.toEqual(coded('ERR_IO', /the stream: reset/))
  })
})

describe('streams that are read as they come', () => {
  const parsed = (line: string) => {
    const [a, b, label] = line.split(',')
    return { x: [Number(a), Number(b)], y: labels.indexOf(label as string) }
  }

  it('lines of node:readline train once, and say so the second time', async () => {
    const lines = () =>
      data
        .from(createInterface({ input: createReadStream(at('rows.csv')) }))
        .skip(1)
        .map(parsed)
    expect(await trained(lines(), once)).toEqual(expected)
    await expect(trained(lines(), { epochs: 2 })).rejects.toEqual(coded('ERR_DATA', /gone through only once/))
  })

  it('one that an epoch opens is given to data.from', async () => {
    const open = () => Readable.from(rows)
    expect(await trained(data.from(open))).toEqual(await trained(data.from(rows)))
    await expect(classifier().fit(open as never)).rejects.toEqual(coded('ERR_DATA', /is given to data.from/))
  })

  /** Aborts a training that waits for rows. */
  const abortedWhileWaiting = async (source: unknown) => {
    const controller = new AbortController()
    const training = classifier().fit(source as AsyncIterable<unknown>, { ...once, signal: controller.signal })
    setTimeout(() => controller.abort(), 100)
    await expect(training).rejects.toMatchObject({ name: 'AbortError' })
  }

  it('are told at once that no more is needed, also while they are waited for', async () => {
    let returned = 0
    await abortedWhileWaiting({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: async () => {
          returned++
          return { done: true, value: undefined }
        },
      }),
    })
    expect(returned).toBe(1)

    const stream = new PassThrough({ objectMode: true })
    for (const row of rows) stream.write(row)
    await abortedWhileWaiting(stream)
    expect(stream.destroyed).toBe(true)

    const cancelled = new Promise((resolve) => {
      void abortedWhileWaiting(new ReadableStream({ cancel: resolve }))
    })
    await cancelled

    let signal: AbortSignal | undefined
    const opened = data.from(async function* (start) {
      signal = start.signal
      yield* rows
      await new Promise((resolve) => signal?.addEventListener('abort', resolve))
    })
    await abortedWhileWaiting(opened.filter(() => true).map((row) => row))
    expect(signal?.aborted).toBe(true)
  })

  it('keep no process alive that has aborted', async () => {
    expect(await runProgram('endless-response.mjs')).toBe('AbortError')
  }, 60_000)
})

describe('tables', () => {
  it('of a hundred thousand columns are read in time in proportion', async () => {
    const names = Array.from({ length: 100_000 }, (_, i) => `f${i}`)
    const line = (row: number) => [...names.map((_, i) => (i * row) % 10), labels[row % 2]].join()
    writeFileSync(at('wide.csv'), [[...names, 'label'].join(), ...[0, 1, 2].map(line), ''].join('\n'))
    const wide = data.csv(at('wide.csv'), { ...columns, x: names })
    const sums: number[] = []
    for await (const { x, y } of wide) sums.push((x as number[]).reduce((a, b) => a + b, 0) + (y as number))
    expect(sums).toEqual([0, 450_001, 400_000])
  }, 30_000)

  it('leave out rows that lack something, if they are asked to, and name the lines of others', async () => {
    const lacking = 'a,b,label\n1,2,low\n,2,low\n3,NA,high\n4,5,\n6,7,high\n'
    writeFileSync(at('lacking.csv'), lacking)
    const dropped = data.csv(at('lacking.csv'), { ...columns, dropMissing: true })
    const read = async (source: AsyncIterable<unknown>) => {
      const found: unknown[] = []
      for await (const row of source) found.push(row)
      return found
    }
    expect(await read(dropped)).toEqual([
      { x: [1, 2], y: 0 },
      { x: [6, 7], y: 1 },
    ])
    writeFileSync(at('lacking.csv'), `${lacking}8,x,low\n`)
    await expect(read(dropped)).rejects.toEqual(coded('ERR_DATA', /line 7: 'b' must be a number, not 'x'/))
    const given = data.csv(at('lacking.csv'), columns)
    await expect(read(given)).rejects.toEqual(coded('ERR_DATA', /line 3: 'a' must be a number, not ''/))
    const some = [
      { a: 1, b: null, label: 'low' },
      { a: 1, b: 2, label: 'NA' },
      { a: null, b: 2, label: 'low' },
    ]
    writeFileSync(at('nulls.jsonl'), some.map((row) => `${JSON.stringify(row)}\n`).join(''))
    const nulls = data.jsonLines(at('nulls.jsonl'), { ...columns, classes: ['low', 'NA'], dropMissing: true })
    expect(await read(nulls)).toEqual([{ x: [1, 2], y: 1 }])
    writeFileSync(
      at('nulls.jsonl'),
      [...some, { b: 1, label: 'low' }].map((row) => `${JSON.stringify(row)}\n`).join(''),
    )
    await expect(read(nulls)).rejects.toEqual(coded('ERR_DATA', /line 4: there is no column 'a'/))
    expect(() => data.csv(at('lacking.csv'), { dropMissing: true })).toThrow(coded('ERR_OPTION', /dropMissing needs x/))
  })
})

it('a callback that keeps something takes part in one training at a time', async () => {
  const stopping = callbacks.earlyStopping({ monitor: 'loss', patience: 9 })
  const train = () => classifier().fit(data.from(rows), { epochs: 3, callbacks: [stopping, stopping] })
  const [first, second] = await Promise.allSettled([train(), train()])
  expect(first.status).toBe('fulfilled')
  expect(second).toEqual({ status: 'rejected', reason: coded('ERR_STATE', /another training.*one for each/) })
  // Afterwards it may take part in another.
  await train()
  const seen = { onEpochEnd: () => undefined }
  const m = () => sequential([layers.dense({ units: 1, inputShape: [2] })])
  const both = [m(), m()].map((each) => {
    each.compile({ optimizer: 'sgd', loss: 'mse' })
    return each.fit([[1, 2]], [1], { callbacks: seen })
  })
  await Promise.all(both)
})
