import { existsSync, lstatSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { data } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-write-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)

const rows = Array.from({ length: 20_000 }, (_, i) => ({
  text: ['plain', 'with "quotes", and\na line', ' blanks ', ''][i % 4] as string,
  value: i / 4,
  right: i % 3 === 0,
}))

async function collected<T>(elements: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const element of elements) all.push(element)
  return all
}

describe('data.write', () => {
  const texts = rows.map(({ text, value, right }) => ({ text, value: String(value), right: String(right) }))
  it.each([
    ['rows.csv', data.csv, texts],
    ['rows.csv.gz', data.csv, texts],
    ['rows.jsonl', data.jsonLines, rows],
    ['rows.ndjson.gz', data.jsonLines, rows],
    ['rows.parquet', data.parquet, rows],
  ])('writes what is read again: %s', async (name, read, expected) => {
    expect(await data.write(data.from(rows), at(name))).toBe(rows.length)
    expect(await collected(read(at(name)) as AsyncIterable<unknown>)).toEqual(expected)
  })

  it('writes tabs, JSON in cells, and what is missing', async () => {
    const some = [
      { a: 'x\ty', b: [1, 2], c: null, d: 5n },
      { a: 'z', b: { k: 'v' }, c: 1, d: new Float32Array([0.5]) },
    ]
    await expect(data.write(some, at('some.tsv'))).rejects.toEqual(coded('ERR_DATA', /holds a tab or a line end/))
    expect(existsSync(at('some.tsv'))).toBe(false)
    await data.write(some.slice(1), at('some.tsv'))
    expect(readFileSync(at('some.tsv'), 'utf8')).toBe('a\tb\tc\td\nz\t{"k":"v"}\t1\t[0.5]\n')
    await data.write(some, at('some.parquet'))
    expect(await collected(data.parquet(at('some.parquet')))).toEqual([
      { a: 'x\ty', b: '[1,2]', c: null, d: '5' },
      { a: 'z', b: '{"k":"v"}', c: 1, d: '[0.5]' },
    ])
    await data.write([], at('none.jsonl.gz'))
    expect(gunzipSync(readFileSync(at('none.jsonl.gz'))).length).toBe(0)
  })

  it.each<readonly [string, readonly Record<string, string>[]]>([
    ['delimiters of others', [{ 'a;b;c': '1', d: '2;3;4' }]],
    ['a column without a name', [{ '': '1' }]],
    ['bars', [{ 'a|b': 'c|d' }]],
    ['empty texts', [{ a: '' }, { a: 'b' }]],
  ])('writes CSV that is read again: %s', async (name, some) => {
    const file = at(`${name}.csv`)
    await data.write(some, file)
    expect(await collected(data.csv(file))).toEqual(some)
  })

  it('refuses a header that names a delimiter', () =>
    expect(data.write([{ 'sep=;': '1' }], at('sep.csv'))).rejects.toEqual(coded('ERR_DATA', /sep=;/)))

  it('loses no value of a Parquet file whose column changes its type after many rows', async () => {
    const some = async function* (late: unknown) {
      for (let id = 0; id < 9000; id++) yield { id: id === 8999 ? late : id }
    }
    await expect(data.write(some('x'), at('late.parquet'))).rejects.toEqual(
      coded('ERR_DATA', /row 8999: 'id' is 'x', where the first 8192 rows have numbers/),
    )
    expect(existsSync(at('late.parquet'))).toBe(false)
    expect(await data.write(some(null), at('late.parquet'))).toBe(9000)
  })

  it('tells which row has a value that cannot be written', async () => {
    const cyclic: Record<string, unknown> = {}
    cyclic.self = cyclic
    for (const name of ['cyclic.csv', 'cyclic.jsonl']) {
      await expect(data.write([{ self: 1 }, cyclic], at(name))).rejects.toEqual(coded('ERR_DATA', /row 1/))
    }
  })

  it('asks for no more rows than it has written, and leaves what was there if anything fails', async () => {
    await data.write([{ a: 1 }], at('kept.csv'))
    await expect(data.write([{ a: 2 }], at('kept.csv'))).rejects.toEqual(coded('ERR_IO', /is there already.*overwrite/))
    const overwrite = { overwrite: true }
    const broken = async function* () {
      yield { a: 1 }
      throw new RangeError('gone')
    }
    await expect(data.write(broken(), at('kept.csv'), overwrite)).rejects.toThrow(new RangeError('gone'))
    await expect(data.write([{ a: 1 }, { b: 2 }], at('kept.csv'), overwrite)).rejects.toEqual(
      coded('ERR_DATA', /row 1 has 'b', unlike the first row, which has 'a'/),
    )
    await expect(data.write([{ a: 1 }, 5 as never], at('kept.csv'), overwrite)).rejects.toEqual(
      coded('ERR_DATA', /row 1 must be an object/),
    )
    const signal = AbortSignal.abort()
    await expect(data.write([{ a: 1 }], at('kept.csv'), { signal, ...overwrite })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(readFileSync(at('kept.csv'), 'utf8')).toBe('a\n1\n')
    await expect(data.write([{ a: 1 }], at('rows.xls'))).rejects.toEqual(coded('ERR_OPTION', /must end in \.csv/))
    await expect(data.write([{ a: 1 }], at('none/rows.csv'))).rejects.toEqual(coded('ERR_IO', /none/))
    await expect(data.write([], at('rows.empty.parquet'))).rejects.toEqual(coded('ERR_DATA', /no columns/))
    expect(existsSync(at('rows.empty.parquet'))).toBe(false)
  })

  it.each(['none.csv', 'none.tsv.gz', 'none.parquet'])(
    'refuses a table without rows, which has no columns: %s',
    async (name) => {
      await expect(data.write([], at(name))).rejects.toEqual(coded('ERR_DATA', /without rows there are no columns/))
      expect(existsSync(at(name))).toBe(false)
    },
  )

  it('writes through symbolic links', async () => {
    writeFileSync(at('target.csv'), 'a\n0\n')
    symlinkSync('target.csv', at('inner.csv'))
    symlinkSync(at('inner.csv'), at('link.csv'))
    await expect(data.write([{ a: 1 }], at('link.csv'))).rejects.toEqual(coded('ERR_IO', /is there already/))
    await data.write([{ a: 1 }], at('link.csv'), { overwrite: true })
    expect(lstatSync(at('link.csv')).isSymbolicLink()).toBe(true)
    expect(readFileSync(at('target.csv'), 'utf8')).toBe('a\n1\n')
    symlinkSync('new.csv', at('dangling.csv'))
    await data.write([{ a: 2 }], at('dangling.csv'))
    expect(readFileSync(at('new.csv'), 'utf8')).toBe('a\n2\n')
    symlinkSync('circle.csv', at('circle.csv'))
    await expect(data.write([{ a: 2 }], at('circle.csv'))).rejects.toEqual(coded('ERR_IO', /circle/))
  })
})
