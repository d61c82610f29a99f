import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { tableFromJSON, tableToIPC } from 'apache-arrow'
import { data, layers, sequential } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-values-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
let files = 0

function file(ending: string, content: string | Uint8Array): string {
  const path = join(folder, `${files++}${ending}`)
  writeFileSync(path, content)
  return path
}

async function collected<T>(elements: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const element of elements) all.push(element)
  return all
}

const numbersOf = async (path: string, options: data.CsvOptions = {}) =>
  (await collected(data.csv(path, { ...options, x: 'a' }))).map(({ x }) => x)

describe('numbers of a table', () => {
  it.each([['Infinity'], ['-inf'], ['1e400'], ['0x10'], ['0b1'], ['1_000'], ['NaN'], ['12abc']])(
    'are finite and in decimal digits: %s is told with its line and column',
    async (text) => {
      await expect(numbersOf(file('.csv', `a,b\n1,1\n${text},2\n`))).rejects.toEqual(
        coded('ERR_DATA', new RegExp(`csv: line 3: 'a' must be a number, not '${text}'`)),
      )
    },
  )

  it.each([
    ['a number beyond double precision', '1e400', /line 2: 'a' must be a finite number, not Infinity/],
    ['one in a list', '[1, [2, -1e999]]', /line 2: 'a' must be a finite number, not -Infinity/],
  ])('are finite in JSON lines: %s', (_, text, message) =>
    expect(collected(data.jsonLines(file('.jsonl', `{"a":1}\n{"a":${text}}\n`), { x: 'a' }))).rejects.toEqual(
      coded('ERR_DATA', message),
    ),
  )

  it('are finite in Parquet and Arrow', async () => {
    const path = join(folder, 'numbers.parquet')
    await data.write([{ a: 1 }, { a: Number.NaN }], path)
    const message = /row 2: 'a' must be a finite number, not NaN/
    await expect(collected(data.parquet(path, { x: 'a' }))).rejects.toEqual(coded('ERR_DATA', message))
    const arrow = file('.arrow', tableToIPC(tableFromJSON([{ a: 1 }, { a: Number.NaN }]), 'stream'))
    await expect(collected(data.arrow(arrow, { x: 'a' }))).rejects.toEqual(coded('ERR_DATA', message))
  })

  it('may have plus signs, points at their ends, exponents and blanks', async () => {
    expect(await numbersOf(file('.csv', 'a,b\n+1,1\n.5,1\n2.,1\n-3E-2,1\n " 4 ",1\n'.replace('\n "', '\n"')))).toEqual([
      1, 0.5, 2, -0.03, 4,
    ])
  })
})

describe('decimal commas', () => {
  it('are read between semicolons', async () => {
    const path = file('.csv', 'a;b\n1;x\n2,5;x\n-1.234,5;x\n1.234.567;x\n,5;x\n1,5e3;x\n')
    expect(await numbersOf(path)).toEqual([1, 2.5, -1234.5, 1234567, 0.5, 1500])
    const example = data.csv(path, { x: 'a', texts: ['b'], y: 'b', classes: ['x'] })
    expect((await collected(example))[1]).toEqual({ x: 2.5, y: 0 })
  })

  it('are found for each column by itself', async () => {
    const path = file('.csv', 'a;b\n1,5;2.5\n2,5;3.5\n')
    expect((await collected(data.csv(path, { x: ['a', 'b'] }))).map(({ x }) => x)).toEqual([
      [1.5, 2.5],
      [2.5, 3.5],
    ])
  })

  it.each([
    ['points, then commas', 'a;b\n1.234;x\n1,5;x\n', /line 3: 'a' is '1,5', but '1.234' at .*line 2.*decimal: ','/],
    ['commas, then points', 'a;b\n1,5;x\n2.25;x\n', /line 3: 'a' is '2.25', but '1,5' at .*line 2/],
  ])('are told beside decimal points: %s', (_, text, message) =>
    expect(numbersOf(file('.csv', text))).rejects.toEqual(coded('ERR_DATA', message)),
  )

  it('are named by an option', async () => {
    const path = file('.csv', 'a;b\n1.234;x\n1,5;x\n')
    expect(await numbersOf(path, { decimal: ',' })).toEqual([1234, 1.5])
    await expect(numbersOf(path, { decimal: '.' })).rejects.toEqual(coded('ERR_DATA', /line 3.*'1,5'/))
    expect(await numbersOf(file('.tsv', 'a\tb\n1,5\tx\n'), { decimal: ',' })).toEqual([1.5])
    await expect(numbersOf(file('.tsv', 'a\tb\n1,5\tx\n'))).rejects.toEqual(coded('ERR_DATA', /decimal: ','/))
    expect(() => data.csv(path, { decimal: ';' as never })).toThrow(coded('ERR_OPTION', /decimal/))
  })
})

describe('a column called __proto__', () => {
  const own = (row: object) => Object.entries(row)
  const expected = [
    ['__proto__', '1'],
    ['b', '2'],
  ]
  it.each([
    ['CSV', () => data.csv(file('.csv', '__proto__,b\n1,2\n'))],
    ['quoted CSV', () => data.csv(file('.csv', '"__proto__","b"\n"1","2"\n'))],
    ['JSON lines', () => data.jsonLines(file('.jsonl', '{"__proto__":"1","b":"2"}\n'))],
    [
      'Arrow',
      () => data.arrow(file('.arrow', tableToIPC(tableFromJSON([JSON.parse('{"__proto__":"1","b":"2"}')]), 'stream'))),
    ],
  ])('is a column like others: %s', async (_, read) => {
    const [row] = await collected(read() as AsyncIterable<object>)
    if (_ !== 'Arrow') expect(own(row as object)).toEqual(expected)
    else expect(own(row as object).at(-1)).toEqual(['b', '2'])
  })

  it('is written and read again', async () => {
    for (const name of ['proto.csv', 'proto.parquet']) {
      await data.write([JSON.parse('{"__proto__":"1","b":"2"}')], join(folder, name))
      const read = (name.endsWith('csv') ? data.csv : data.parquet)(join(folder, name))
      expect(own((await collected(read as AsyncIterable<object>))[0] as object)).toEqual(expected)
    }
    const x = data.csv(file('.csv', '__proto__,b\n1,2\n'), { x: ['__proto__', 'b'] })
    expect(await collected(x)).toEqual([{ x: [1, 2] }])
  })
})

describe('texts keep their first character', () => {
  it.each(['bom.csv', 'bom.jsonl', 'bom.parquet'])('a byte order mark of a text in %s', async (name) => {
    const rows = [{ '\ufeffa': '\ufeffx', b: 'y' }]
    await data.write(rows, join(folder, name))
    const read = { csv: data.csv, jsonl: data.jsonLines, parquet: data.parquet }[name.slice(4)] as typeof data.jsonLines
    const [row] = await collected(read(join(folder, name)))
    expect(Object.values(row as object)).toEqual(['\ufeffx', 'y'])
  })
})

describe('compressed files', () => {
  it('are known by what they begin with, whatever their names', async () => {
    const path = file('.csv', gzipSync('a,b\n1,2\n'))
    expect(await collected(data.csv(path))).toEqual([{ a: '1', b: '2' }])
    expect(await collected(data.text(file('.txt', gzipSync('one\ntwo'))))).toEqual(['one', 'two'])
  })

  it('are not mistaken for texts that begin alike', async () => {
    for (const text of ['(', '(a', '\u001f', '']) {
      expect(await collected(data.text(file('.txt', text)))).toEqual(text === '' ? [] : [text])
    }
  })
})

describe('batches for an input of one feature', () => {
  const model = () => {
    const m = sequential([layers.gru({ units: 2, inputShape: [null, 1] }), layers.dense({ units: 1 })], { seed: 1 })
    m.compile({ loss: 'meanSquaredError', optimizer: 'sgd' })
    return m
  }
  const x = [
    [1, 2, 3],
    [4, 5, 6],
  ]

  it('may lack it, as arrays in memory may', async () => {
    const [a, b] = [model(), model()]
    const { history } = await a.fit(x, [1, 0], { epochs: 2, batchSize: 2, shuffle: false })
    const streamed = await b.fit(data.from([{ x, y: [1, 0] }]), { epochs: 2 })
    expect(streamed.history).toEqual(history)
  })

  it('are still told from rows', async () => {
    const rows = [
      { x: [[1], [2]], y: 1 },
      { x: [[3], [4]], y: 0 },
    ]
    const { history } = await model().fit(data.from(rows), { epochs: 1, batchSize: 2 })
    const memory = await model().fit(
      rows.map((row) => row.x),
      [1, 0],
      { epochs: 1, batchSize: 2, shuffle: false },
    )
    expect(history).toEqual(memory.history)
  })
})
