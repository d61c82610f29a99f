import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { data } from 'seqloom'
import { afterAll, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'
import { coded } from '../helpers/coded.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-nested-'))
afterAll(() => rmSync(folder, { recursive: true }))
const path = (name: string) => join(folder, name)
const lines = (name: string, rows: readonly object[]) => {
  writeFileSync(path(name), rows.map((row) => JSON.stringify(row)).join('\n'))
  return path(name)
}

async function all<T>(rows: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const row of rows) found.push(row)
  return found
}

it('data.jsonLines reads fields of objects within, and a field of the whole name first', async () => {
  const file = lines('a.jsonl', [
    { at: { first: 1, deep: { er: 2 } }, 'with.point': 3, with: { point: 4 }, 'a.b': { c: 5 }, y: 0 },
  ])
  const x = ['at.first', 'at.deep.er', 'with.point', 'a.b.c']
  expect(await all(data.jsonLines(file, { x, y: 'y' }))).toEqual([{ x: [1, 2, 3, 5], y: 0 }])
})

it('names the fields within where one is missing, and reads no inherited ones', async () => {
  const file = lines('b.jsonl', [{ id: 1, at: { first: 1 }, text: 'abc', list: [1] }])
  for (const x of [
    'at.second',
    'text.length',
    'list.length',
    'at.constructor',
    'at.__proto__',
    'nothing.there',
    '.',
    'at.',
  ]) {
    await expect(all(data.jsonLines(file, { x }))).rejects.toEqual(
      coded('ERR_DATA', /there is no column '.*'; there are 'id', 'at.first', 'text', 'list'/),
    )
  }
})

it('commands read, measure and answer rows with fields within', async () => {
  const rows = Array.from({ length: 40 }, (_, at) => ({
    body: { text: at % 2 ? `gut ${at}` : `schlecht ${at}` },
    meta: { label: at % 2 ? 'ja' : 'nein', lang: 'de' },
  }))
  const file = lines('c.jsonl', rows)
  const columns = ['--data', file, '--text', 'body.text', '--label', 'meta.label']
  const trained = await seqloom(['train', 'classify', ...columns, '--epochs', '1', '--units', '2', '--out', path('m')])
  expect(trained.code, trained.stderr).toBe(0)
  expect((await seqloom(['evaluate', '--model', path('m'), ...columns])).stdout).toMatch(/40 texts/)
  const out = path('answers.jsonl')
  const answered = await seqloom(['predict', '--model', path('m'), '--data', file, '--text', 'body.text', '--out', out])
  expect(answered.code, answered.stderr).toBe(0)
  expect(JSON.parse(readFileSync(out, 'utf8').split('\n')[0] as string)).toMatchObject({ body: rows[0]?.body })
  const missing = await seqloom(['train', 'classify', '--data', file, '--out', path('n')])
  expect(missing.stderr).toMatch(/has no 'text'; it has 'body.text', 'meta.label', 'meta.lang'; --text names another/)
})
