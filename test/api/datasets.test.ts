import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pathToFileURL } from 'node:url'
import { gzipSync } from 'node:zlib'
import { DuckDBInstance } from '@duckdb/node-api'
import { tableFromJSON, tableToIPC } from 'apache-arrow'
import { data, layers, sequential } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'
import { classifier, memoryOf, type Pair, pairs, trained } from '../helpers/streamed.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-datasets-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)

const rows = pairs(75)
const table = rows.map(({ x: [a, b], y }) => ({ a, b, label: ['low', 'high'][y] as string }))
const columns = { x: ['a', 'b'], y: 'label', classes: ['low', 'high'] }
const csvOf = (some: typeof table) =>
  ['a,b,label', ...some.map(({ a, b, label }) => `${a},${b},${label}`), ''].join('\n')
const linesOf = (some: typeof table) => some.map((row) => `${JSON.stringify(row)}\n`).join('')
let expected: number[][]

beforeAll(async () => {
  writeFileSync(at('rows.csv'), csvOf(table))
  writeFileSync(at('rows.tsv'), csvOf(table).replaceAll(',', '\t'))
  writeFileSync(at('rows.csv.gz'), gzipSync(csvOf(table)))
  writeFileSync(at('part-1.csv'), csvOf(table.slice(0, 30)))
  writeFileSync(at('part-2.csv'), csvOf(table.slice(30)))
  writeFileSync(at('rows.jsonl'), linesOf(table))
  writeFileSync(at('rows.jsonl.gz'), gzipSync(linesOf(table)))
  const arrow = tableFromJSON(table)
  writeFileSync(at('rows.arrows'), tableToIPC(arrow, 'stream'))
  writeFileSync(at('rows.arrow'), tableToIPC(arrow, 'file'))
  const connection = await (await DuckDBInstance.create(':memory:')).connect()
  const from = `FROM read_csv('${at('rows.csv')}'`
  await connection.run(`COPY (SELECT * ${from}, all_varchar = true)) TO '${at('rows.csv.zst')}' (COMPRESSION zstd)`)
  for (const codec of ['snappy', 'gzip', 'zstd']) {
    await connection.run(
      `COPY (SELECT * ${from})) TO '${at(`${codec}.parquet`)}' (FORMAT parquet, COMPRESSION ${codec})`,
    )
  }
  connection.closeSync()
  expected = await trained(...memoryOf(rows))
})

describe('the same rows from anywhere train to the same bits', () => {
  const select = () => `SELECT * FROM '${at('snappy.parquet')}'`
  const sources = {
    CSV: () => data.csv(at('rows.csv'), columns),
    'a file: URL': () => data.csv(pathToFileURL(at('rows.csv')), columns),
    'columns separated by tabs': () => data.csv(at('rows.tsv'), columns),
    gzip: () => data.csv(at('rows.csv.gz'), columns),
    zstd: () => data.csv(at('rows.csv.zst'), columns),
    'several files': () => data.csv([at('part-1.csv'), at('part-2.csv')], columns),
    'a pattern': () => data.csv(at('part-*.csv'), columns),
    'JSON lines': () => data.jsonLines(at('rows.jsonl'), columns),
    'JSON lines in gzip': () => data.jsonLines(at('rows.jsonl.gz'), columns),
    'Parquet (snappy)': () => data.parquet(at('snappy.parquet'), columns),
    'Parquet (gzip)': () => data.parquet(at('gzip.parquet'), columns),
    'Parquet (zstd)': () => data.parquet(at('zstd.parquet'), columns),
    'an Arrow stream': () => data.arrow(at('rows.arrows'), columns),
    'an Arrow file': () => data.arrow(at('rows.arrow'), columns),
    'a query': () => data.query(select(), columns),
    'lines of text': () =>
      data
        .text(at('rows.csv'))
        .skip(1)
        .map((line): Pair => {
          const [a, b, label] = line.split(',')
          return { x: [Number(a), Number(b)], y: label === 'high' ? 1 : 0 }
        }),
    'an array': () => data.from(rows),
    tuples: () => data.from(rows.map(({ x, y }) => [x, y])),
    'a function': () => data.from(() => rows),
    'a function that seeks': () => data.from(({ skip }) => rows.slice(skip), { seeks: true }),
    'an object that is iterable': () => new Set(rows),
    'an object that is iterable bit by bit': () => ({
      async *[Symbol.asyncIterator]() {
        for (const row of rows) {
          await new Promise(setImmediate)
          yield row
        }
      },
    }),
    'rows read ahead': () => data.csv(at('rows.csv'), columns).prefetch(3),
    'rows kept in memory': () => data.csv(at('rows.csv'), columns).cache(),
  }
  it.each(Object.entries(sources))('%s', async (_, source) => {
    expect(await trained(source())).toEqual(expected)
  })

  const once = {
    'an async generator': async function* () {
      yield* rows
    },
    'a generator': function* () {
      yield* rows
    },
    'a stream of Node.js': () => Readable.from(rows),
    'a web stream': () => Readable.toWeb(Readable.from(rows)) as ReadableStream<Pair>,
  }
  it.each(Object.entries(once))('%s, for one epoch', async (_, source) => {
    expect(await trained(source(), { epochs: 1 })).toEqual(await trained(...memoryOf(rows), { epochs: 1 }))
    expect(await trained(data.from<Pair>(source()).cache())).toEqual(expected)
    await expect(trained(source())).rejects.toEqual(coded('ERR_DATA', /only once/))
  })

  it('batches', async () => {
    expect(await trained(data.from(rows).batch(16), { batchSize: undefined })).toEqual(expected)
    const own = { x: rows.map(({ x }) => x), y: rows.map(({ y }) => y) }
    const whole = { batchSize: rows.length }
    expect(await trained(data.from([own]), { batchSize: undefined })).toEqual(await trained(...memoryOf(rows), whole))
  })

  it('more rows than a piece holds, whatever the size of batches', async () => {
    const many = pairs(20_000)
    for (const batchSize of [32, 1000]) {
      const fit = { batchSize, epochs: 1 }
      expect(await trained(data.from(many), fit)).toEqual(await trained(...memoryOf(many), fit))
    }
  })
})

describe('sources', () => {
  it('read booleans as DuckDB, pandas and R write them', async () => {
    writeFileSync(at('flags.csv'), 'on,paid\ntrue,TRUE\nFalse,false\n')
    const read = []
    for await (const row of data.csv(at('flags.csv'), { x: ['on'], y: 'paid' })) read.push(row)
    expect(read).toEqual([
      { x: [1], y: 1 },
      { x: [0], y: 0 },
    ])
  })

  it('of one number a row train a model of one feature', async () => {
    const m = sequential([layers.dense({ units: 1, inputShape: [1] })], { seed: 1 })
    m.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
    const single = data.from(rows).map(({ x: [a], y }) => ({ x: a, y }))
    const listed = data.from(rows).map(({ x: [a], y }) => ({ x: [a], y }))
    expect(await m.evaluate(single)).toEqual(await m.evaluate(listed))
  })

  it('give objects of a table without x', async () => {
    expect(await collected(data.csv(at('rows.csv')).take(1))).toEqual([{ a: '0', b: expect.any(String), label: 'low' }])
    for (const rows of [
      data.jsonLines(at('rows.jsonl')),
      data.parquet(at('zstd.parquet')),
      data.arrow(at('rows.arrow')),
    ]) {
      expect(await collected(rows)).toEqual(table)
    }
  })

  it('read Parquet from the middle of a file on', async () => {
    const twice = data.parquet([at('gzip.parquet'), at('zstd.parquet')])
    expect(await collected(twice.skip(70).take(10))).toEqual([...table, ...table].slice(70, 80))
    expect(await collected(twice.skip(100))).toEqual(table.slice(25))
    expect(await collected(twice.skip(150))).toEqual([])
  })

  it.each([
    ['data.csv of a missing file', () => data.csv(at('none.csv'), columns), 'ERR_IO', /none\.csv/],
    ['a pattern that fits none', () => data.csv(at('none-*.csv'), columns), 'ERR_IO', /no file/],
    ['a missing column', () => data.csv(at('rows.csv'), { x: 'c' }), 'ERR_DATA', /rows\.csv.*'?c/],
    [
      'a label of no class',
      () => data.csv(at('rows.csv'), { ...columns, classes: ['low', 'maybe'] }),
      'ERR_DATA',
      /line \d+.*high/,
    ],
    ['texts for numbers', () => data.csv(at('rows.csv'), { x: 'label' }), 'ERR_DATA', /line 2.*number.*texts/],
    [
      'a missing column of Parquet',
      () => data.parquet(at('zstd.parquet'), { x: 'c' }),
      'ERR_DATA',
      /no column 'c'.*a, b, label/,
    ],
    ['what is no Parquet', () => data.parquet(at('rows.csv'), columns), 'ERR_DATA', /cannot be read as Parquet/],
    ['what is no Arrow', () => data.arrow(at('rows.csv'), columns), 'ERR_DATA', /Arrow|no rows/],
    ['what is no JSON', () => data.jsonLines(at('rows.csv'), columns), 'ERR_DATA', /line 1 is no JSON/],
    ['a wrong query', () => data.query('SELECT nothing', columns), 'ERR_DATA', /data\.query.*nothing/],
    ['damaged gzip', () => data.csv(damaged('rows.csv.gz'), columns), 'ERR_DATA', /cannot be decompressed/],
    ['damaged zstd', () => data.csv(damaged('rows.csv.zst'), columns), 'ERR_DATA', /cannot be decompressed/],
  ])('refuse %s', async (_, source, code, message) => {
    await expect(collected(source())).rejects.toEqual(coded(code, message))
  })

  it('refuse options that they do not know, y without x, and what cannot be gone through', () => {
    expect(() => data.csv(at('rows.csv'), { y: 'label' })).toThrow(coded('ERR_OPTION', /y needs x/))
    expect(() => data.csv(at('rows.csv'), { colour: 1 } as never)).toThrow(coded('ERR_OPTION', /colour/))
    expect(() => data.csv([], columns)).toThrow(coded('ERR_OPTION', /no files/))
    expect(() => data.csv(5 as never)).toThrow(coded('ERR_OPTION', /path/))
    expect(() => data.csv(at('rows.csv'), { encoding: 'klingon' })).toThrow(coded('ERR_OPTION', /klingon/))
    expect(() => data.parquet('-', columns)).toThrow(coded('ERR_OPTION', /standard input/))
    expect(() => data.query(' ')).toThrow(coded('ERR_OPTION', /SQL/))
    expect(() => data.from(5 as never)).toThrow(coded('ERR_DATA', /iterable/))
  })

  it('tell from which package they need it', async () => {
    const { optionalPackage } = await import('../../src/data/optional.js')
    expect(() => optionalPackage('seqloom-no-such-package', 'data.arrow')).toThrow(
      coded('ERR_UNSUPPORTED', /npm install seqloom-no-such-package/),
    )
  })
})

function damaged(name: string): string {
  const bytes = readFileSync(at(name))
  const path = at(`damaged-${name}`)
  writeFileSync(path, bytes.subarray(0, bytes.length - 20))
  return path
}

async function collected<T>(elements: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const element of elements) all.push(element)
  return all
}

it('a model does not change what it is trained with', async () => {
  const own = structuredClone(rows)
  await classifier().fit(data.from(own), { batchSize: 16 })
  expect(own).toEqual(rows)
})
