import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readCsv, streamCsv } from '../../src/data/csv.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-csv-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(content: string | Uint8Array): string {
  const path = join(folder, 'rows.csv')
  writeFileSync(path, content)
  return path
}

const read = (content: string | Uint8Array) => readCsv(file(content), ['text', 'label'])

describe('readCsv', () => {
  it('reads the columns asked for, in any order, with quotes and line ends inside', async () => {
    const content = '\ufefflabel,id,text\r\nspam,1,"Win, ""now""\nfree"\r\nham,2,Zoë 中文\r\n\r\n'
    expect(await read(content)).toEqual([
      { text: 'Win, "now"\nfree', label: 'spam' },
      { text: 'Zoë 中文', label: 'ham' },
    ])
  })

  it('reads a file of many chunks', async () => {
    const rows = Array.from({ length: 20_000 }, (_, index) => `"text ${index}, quoted",${index % 2}`)
    const read = await readCsv(file(`text,label\n${rows.join('\n')}`), ['label', 'text'])
    expect(read).toHaveLength(20_000)
    expect(read[19_999]).toEqual({ text: 'text 19999, quoted', label: '1' })
  })

  it('names the columns there are when one is missing', async () => {
    await expect(read('title,label\na,b\n')).rejects.toMatchObject({
      code: 'ERR_DATA',
      message: expect.stringMatching(/no column 'text'.*'title', 'label'/),
    })
  })

  it.each([
    ['an empty file', '', /is empty.*'text', 'label'/],
    ['a header alone', 'text,label\n', /no rows/],
    ['a column twice', 'text,label,text\na,b,c\n', /2 columns named 'text'/],
    ['a quote that never closes', 'text,label\nok,a\n"open,b\nc,d\n', /broken quoting.*after line 2/],
    ['a quote inside a field', 'text,label\nok,a\nsay "x",b\n', /broken quoting on line 3/],
    ['text after a quoted field', 'text,label\n"a"b,c\n', /broken quoting on line 2/],
    ['a row with too few fields', 'text,label\na,b\nc\n', /line 3/],
    ['a row with too many fields', 'text,label\na,b,c\n', /line 2/],
  ])('refuses %s', async (_, content, message) => {
    await expect(read(content)).rejects.toMatchObject({ code: 'ERR_DATA', message: expect.stringMatching(message) })
  })

  it('refuses bytes that are no table', async () => {
    const bytes = Uint8Array.from({ length: 5000 }, (_, index) => (index * 7919) % 251)
    await expect(read(bytes)).rejects.toMatchObject({ code: 'ERR_DATA' })
  })

  it('gives ERR_IO for files that cannot be read', async () => {
    await expect(readCsv(join(folder, 'none.csv'), ['text'])).rejects.toMatchObject({
      code: 'ERR_IO',
      message: expect.stringContaining('none.csv'),
    })
    await expect(readCsv(folder, ['text'])).rejects.toMatchObject({ code: 'ERR_IO' })
  })

  it('streams: a reader that stops early closes the file', async () => {
    const path = file(`text\n${'line\n'.repeat(100_000)}`)
    for await (const row of streamCsv(path, ['text'])) {
      expect(row).toEqual({ text: 'line' })
      break
    }
  })
})
