import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCsv } from '../../src/data/csv.js'
import { type CsvRecord, csvRecords } from '../../src/data/csvRecords.js'
import { namingLines, readTable } from '../../src/data/table.js'
import { readText } from '../../src/data/textFile.js'
import { SeqloomError } from '../../src/errors.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-tables-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(content: string | Uint8Array, name = 'rows.csv'): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const read = (content: string | Uint8Array) => readCsv(file(content), ['text', 'label'])
const refusal = (code: string, message: RegExp) => ({ code, message: expect.stringMatching(message) })

describe('lines and columns', () => {
  it('takes line ends in any mixture and keeps those inside of quotes', async () => {
    expect(await read('text,label\r\na,good\nb,good\r\nc,good\r"d\r\ne\rf\ng",bad\n')).toEqual([
      { text: 'a', label: 'good' },
      { text: 'b', label: 'good' },
      { text: 'c', label: 'good' },
      { text: 'd\r\ne\rf\ng', label: 'bad' },
    ])
  })

  /** The records of a text that comes in pieces of a size. */
  async function records(content: string, size = content.length): Promise<CsvRecord[]> {
    async function* pieces() {
      const characters = [...content]
      for (let at = 0; at < characters.length; at += size) yield characters.slice(at, at + size).join('')
    }
    const all: CsvRecord[] = []
    for await (const some of csvRecords('f', pieces(), { delimiter: ',', quote: true })) all.push(...some)
    return all
  }

  it('reads the same however the file comes in pieces', async () => {
    const content = 'a,b\r\n1,"x\r\n""y"""\r\r\n2,\n"",3\r\n'
    const whole = await records(content)
    expect(whole.map(({ fields, line }) => [line, ...fields])).toEqual([
      [1, 'a', 'b'],
      [2, '1', 'x\r\n"y"'],
      [4, ''],
      [5, '2', ''],
      [6, '', '3'],
    ])
    for (const size of [1, 2, 3, 5]) expect(await records(content, size)).toEqual(whole)
  })

  it('reads any cells as they were written, and knows their lines', async () => {
    const special = fc.constantFrom('"', ',', '\r', '\n', '\r\n', ';', ' ', '\ufeff', '\0', 'é', '👍', 'sep=;')
    const cell = fc
      .array(fc.oneof(special, fc.string({ unit: 'binary' })), { maxLength: 4 })
      .map((parts) => parts.join(''))
    const end = fc.constantFrom('\r\n', '\n', '\r')
    const table = fc
      .integer({ min: 1, max: 3 })
      .chain((width) =>
        fc.array(fc.tuple(fc.array(cell, { minLength: width, maxLength: width }), end), { maxLength: 6 }),
      )
    // Quotes where they must be, and around a cell that would else make a blank line or be taken for no cell at all.
    const written = (text: string) =>
      /[",\r\n]/.test(text) || text.trim() === '' ? `"${text.replaceAll('"', '""')}"` : text
    const lines = (text: string) => text.match(/\r\n|\r|\n/g)?.length ?? 0
    await fc.assert(
      fc.asyncProperty(table, fc.integer({ min: 1, max: 9 }), async (rows, size) => {
        let line = 1
        let content = ''
        const expected: CsvRecord[] = []
        for (const [fields, lineEnd] of rows) {
          const text = fields.map(written).join(',')
          expected.push({ fields, line, blank: false })
          content += text + lineEnd
          line += lines(text) + 1
        }
        expect(await records(content, size)).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })

  it('takes blank lines for rows where there is one column, and skips them elsewhere', async () => {
    const found = { lines: [] }
    expect(await readCsv(file('x\n1\n\n3\n'), ['x'], {}, found)).toEqual([{ x: '1' }, { x: '' }, { x: '3' }])
    expect(found).toEqual({ lines: [2, 3, 4], delimiter: ',' })
    const two = '\n\nx,y\n1,2\n\n  \n3,4\n,\n'
    expect(await readCsv(file(two), ['x'])).toEqual([{ x: '1' }, { x: '3' }, { x: '' }])
  })

  it.each([
    ['semicolons', 'text;label\n"a;b, c";good\n'],
    ['tabs', 'text\tlabel\na;b, c\tgood\n'],
    ['bars', 'id|text|label\n7|a;b, c|good\n'],
    ['what the first line names', 'sep=:\r\ntext:label\r\na;b, c:good\r\n'],
  ])('finds %s between columns', async (_, content) => {
    expect(await read(content)).toEqual([{ text: 'a;b, c', label: 'good' }])
  })

  it('finds the header line behind blank lines and the delimiter', async () => {
    const found = { lines: [] }
    const content = 'sep=|\r\n  \r\r\ntext|label\ra;b, c|good\n""\n'
    await expect(readCsv(file(content), ['text', 'label'], {}, found)).rejects.toMatchObject(
      refusal('ERR_DATA', /line 6 has 1 field \(between bars\), the header line 2 fields/),
    )
    expect(found.lines).toEqual([5])
  })

  it('is told what stands between columns', async () => {
    const rows = [{ text: 'a', label: 'b,c' }]
    expect(await readCsv(file('text:label\na:b,c\n'), ['text', 'label'], { delimiter: ':' })).toEqual(rows)
    await expect(readCsv(file('text,label\na,b\n'), ['text'], { delimiter: ';' })).rejects.toMatchObject(
      refusal('ERR_DATA', /no column 'text'; its columns \(between semicolons\) are 'text,label'; another delimiter/),
    )
  })

  it('counts the lines of a file for its rows, also behind quoted line ends', async () => {
    const found = { lines: [] }
    await readCsv(file('text,label\r\n"a\r\nb\nc",x\r\n\r\nd,y\re,z'), ['text'], {}, found)
    expect(found.lines).toEqual([2, 6, 7])
  })
})

describe('encodings', () => {
  it('are found by their mark or named', async () => {
    const content = 'text,label\nCafé “Zoë”,gut\n'
    const rows = [{ text: 'Café “Zoë”', label: 'gut' }]
    const utf16 = Buffer.from(`\ufeff${content}`, 'utf16le')
    expect(await read(utf16)).toEqual(rows)
    expect(await read(Buffer.from(utf16).swap16())).toEqual(rows)
    const bytes = Buffer.from(content.replace('“', '\x93').replace('”', '\x94'), 'latin1')
    expect(await readCsv(file(bytes), ['text', 'label'], { encoding: 'windows-1252' })).toEqual(rows)
    const japanese = Buffer.concat([Buffer.from('text\n'), Buffer.from([0x93, 0xfa, 0x96, 0x7b, 0x0a])])
    expect(await readCsv(file(japanese), ['text'], { encoding: 'shift_jis' })).toEqual([{ text: '日本' }])
  })

  it('that a text is not in are refused, naming the line', async () => {
    await expect(read('text,label\r\n\ufffd is real,a\r\nok,b\n')).resolves.toHaveLength(2)
    await expect(read(Buffer.from('text,label\r\nok,a\r\nCaf\xe9,gut\n', 'latin1'))).rejects.toMatchObject(
      refusal('ERR_DATA', /rows\.csv: line 3: the byte 0xE9 is no UTF-8; .*windows-1252/),
    )
    const late = Buffer.concat([Buffer.from(`text,label\n${'é,a\n'.repeat(50_000)}`), Buffer.from([0xe9, 0x2c, 0x61])])
    await expect(read(late)).rejects.toMatchObject(refusal('ERR_DATA', /line 50002: the byte 0xE9/))
    await expect(readCsv(file('text\na\n'), ['text'], { encoding: 'klingon' })).rejects.toMatchObject(
      refusal('ERR_OPTION', /no encoding 'klingon'/),
    )
    const unmarked = Buffer.from('text,label\na,b\n', 'utf16le')
    await expect(read(unmarked)).rejects.toMatchObject(refusal('ERR_DATA', /'t\\u0000e.*utf-16le/))
  })
})

describe('large and broken files', () => {
  it('are refused in a moment, naming the line', async () => {
    const start = performance.now()
    const open = file(`text,label\nok,a\n"5 stars,b\n${'some text,b\n'.repeat(4_000_000)}`)
    await expect(readCsv(open, ['text'])).rejects.toMatchObject(
      refusal('ERR_DATA', /the quote that opens on line 3 is not closed within/),
    )
    const long = 'x'.repeat(2 ** 25)
    await expect(read(`text,label\n${long}`)).rejects.toMatchObject(refusal('ERR_DATA', /line 2 is longer than \d+/))
    await expect(read(long)).rejects.toMatchObject(refusal('ERR_DATA', /line 1 is longer than \d+/))
    await expect(read(`"${long}`)).rejects.toMatchObject(
      refusal('ERR_DATA', /quote that opens on line 1 is not closed/),
    )
    await expect(readTable(file(long, 'rows.jsonl'), ['text'])).rejects.toMatchObject(
      refusal('ERR_DATA', /line 1 is lon/),
    )
    expect(performance.now() - start).toBeLessThan(10_000)
  })

  it('are refused for millions of empty fields in one line', async () => {
    await expect(read(`text,label\na,b\n${','.repeat(2 ** 25)}`)).rejects.toMatchObject(
      refusal('ERR_DATA', /line 3 is longer than \d+/),
    )
  })

  it('name the lines of a broken record also where fields before it hold line ends', async () => {
    const rows = 'text,label\r"a\r\nb",c\n\r\n'
    await expect(read(`${rows}"d\re","f\n`)).rejects.toMatchObject(
      refusal('ERR_DATA', /broken quoting after line 5: the quote that opens on line 6 is not closed;/),
    )
    await expect(read(`${rows}"d\re","f\r\n\n"g`)).rejects.toMatchObject(
      refusal('ERR_DATA', /broken quoting on line 8: text after a quoted field, which opened on line 6/),
    )
    await expect(read(`${rows}"d\re",f"g"\n`)).rejects.toMatchObject(refusal('ERR_DATA', /broken quoting on line 6;?/))
    await expect(read('"text,label\na,b\n')).rejects.toMatchObject(
      refusal('ERR_DATA', /broken quoting after line 0: the quote that opens on line 1 is not closed;/),
    )
  })

  it('stop at an abort', async () => {
    const path = file(`text,label\n${'some text,b\n'.repeat(1_000_000)}`)
    for (const name of ['rows.csv', 'rows.jsonl']) {
      const controller = new AbortController()
      setTimeout(() => controller.abort(), 20)
      if (name === 'rows.jsonl') file('{"text":"a"}\n'.repeat(1_000_000), name)
      const reading = readTable(path.replace('rows.csv', name), ['text'], { signal: controller.signal })
      await expect(reading).rejects.toMatchObject({ name: 'AbortError' })
    }
  })

  it('names both ends of a quote that swallowed lines', async () => {
    await expect(read('text,label\n"open,a\nb,"c"\n')).rejects.toMatchObject(
      refusal('ERR_DATA', /broken quoting on line 3: text after a quoted field, which opened on line 2/),
    )
  })

  it('shows control characters in messages', async () => {
    await expect(read('te\u0000xt,la\u001b[31mbel\na,b\n')).rejects.toMatchObject(
      refusal('ERR_DATA', /'te\\u0000xt', 'la\\u001b\[31mbel'/),
    )
  })

  it('says that JSON is no CSV', async () => {
    await expect(read('{"text": "a", "label": "b"}\n')).rejects.toMatchObject(
      refusal('ERR_DATA', /is no CSV file; it looks like JSON: .*\.jsonl/),
    )
  })
})

describe('reading', () => {
  it.each(['long.csv', 'long.jsonl', 'long.txt'])('of %s can be aborted', async (name) => {
    const row = name.endsWith('.jsonl') ? '{"text":"some words"}\n' : 'some words\n'
    const path = file(`${name.endsWith('.csv') ? 'text\n' : ''}${row.repeat(1_000_000)}`, name)
    const controller = new AbortController()
    const { signal } = controller
    const reading = name.endsWith('.txt') ? readText(path, { signal }) : readTable(path, ['text'], { signal })
    setTimeout(() => controller.abort('why'), 5)
    await expect(reading).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'why' })
  })
})

describe('readTable', () => {
  it.each(['rows.jsonl', 'rows.NDJSON'])('reads JSON lines: %s', async (name) => {
    const lines = '\ufeff{"text": "a\\nb", "label": 1}\r\n\r{"label": true, "text": "c"}\n{"text":"d","label":null}'
    const table = await readTable(file(lines, name), ['text', 'label'], { plainValues: true })
    expect(table.rows).toEqual([
      { text: 'a\nb', label: '1' },
      { text: 'c', label: 'true' },
      { text: 'd', label: '' },
    ])
    expect([0, 1, 2].map((row) => /line (\d+)$/.exec(table.place(row) as string)?.[1])).toEqual(['1', '3', '4'])
  })

  it.each([
    ['a missing name', '{"text":"a"}\n{"Text":"b"}\n', /line 2 has no 'text'; it has 'Text'/],
    ['a number for a text', '{"text":5}\n', /line 1: 'text' must be a text, not 5/],
    ['an array of objects', '[\n{"text":"a"}\n]\n', /line 1 is no JSON: .*one object a line/],
    ['an array in a line', '[{"text":"a"}]\n', /line 1 must be a JSON object/],
    ['no objects', '\n\n', /no rows/],
  ])('refuses %s', async (_, content, message) => {
    await expect(readTable(file(content, 'rows.jsonl'), ['text'])).rejects.toMatchObject(refusal('ERR_DATA', message))
  })

  it('names the line of a row that is refused later', async () => {
    const table = await readTable(file('text,label\n\n"two\nlines",a\n\nb,\n', 'late.csv'), ['text', 'label'])
    const refused = Promise.reject(new SeqloomError('ERR_DATA', 'TextClassifier.train: row 1 has an empty label'))
    await expect(namingLines(table, refused)).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/late\.csv: line 6: has an empty label$/),
    })
  })
})
