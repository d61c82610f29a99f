import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { tableFromJSON, tableToIPC } from 'apache-arrow'
import { data } from 'seqloom'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-streams-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)

const rows = Array.from({ length: 90 }, (_, i) => ({
  text: `${i % 3 ? 'fine' : 'poor'} thing ${i}`,
  label: i % 3 ? 'good' : 'bad',
  stars: i % 3 ? 5 : 1,
}))
const csv = ['text,label,stars', ...rows.map((row) => Object.values(row).join())].join('\n')
const train = ['--units', '4', '--embedding', '4', '--epochs', '1', '--no-bidirectional', '--json']

beforeAll(async () => {
  writeFileSync(at('rows.csv'), csv)
  writeFileSync(at('rows.csv.gz'), gzipSync(csv))
  await data.write(rows, at('rows.parquet'))
  await data.write(rows.slice(0, 40), at('part-1.parquet'))
  await data.write(rows.slice(40), at('part-2.parquet'))
  writeFileSync(at('rows.arrow'), tableToIPC(tableFromJSON(rows), 'file'))
})

/** What a training comes to, without its times. */
async function trained(source: string, input = '', ...more: string[]): Promise<unknown> {
  const out = at('model')
  rmSync(out, { recursive: true, force: true })
  const ran = await seqloom(['train', 'classify', '--data', source, '--out', out, ...train, ...more], input)
  expect(ran, ran.stderr).toMatchObject({ code: 0 })
  const last = JSON.parse(ran.stdout.trim().split('\n').at(-1) as string)
  return { ...last, seconds: 0 }
}

describe('--data', () => {
  it('may be any table: all train the same model', async () => {
    const expected = await trained(at('rows.csv'))
    expect(await trained(at('rows.csv.gz'))).toEqual(expected)
    expect(await trained(at('rows.parquet'))).toEqual(expected)
    expect(await trained(at('part-*.parquet'))).toEqual(expected)
    expect(await trained(at('rows.arrow'))).toEqual(expected)
    expect(await trained('-', csv)).toEqual(expected)
    expect(await trained(`SELECT * FROM read_csv('${at('rows.csv')}')`)).toEqual(expected)
    // Numbers are labels, too.
    expect(await trained(at('rows.parquet'), '', '--label', 'stars')).toMatchObject({ event: 'done' })
  }, 120_000)

  it('may be a folder of texts with a folder for each label', async () => {
    for (const [i, { text, label }] of rows.entries()) {
      mkdirSync(at(`texts/${label}`), { recursive: true })
      writeFileSync(at(`texts/${label}/${i}.txt`), text)
    }
    expect(await trained(at('texts'))).toMatchObject({ event: 'done' })
    const measured = await seqloom(['evaluate', '--model', at('model'), '--data', at('texts'), '--json'])
    expect(JSON.parse(measured.stdout)).toMatchObject({ count: 90, labels: ['bad', 'good'] })
    const refused = async (source: string, message: RegExp, ...more: string[]) => {
      const ran = await seqloom(['train', 'classify', '--data', source, '--out', at('none'), ...more])
      expect(ran.stderr).toMatch(message)
    }
    await refused(at('texts'), /ERR_OPTION: --text is for tables, and .*texts is a folder/, '--text', 'body')
    await refused(at('texts/good'), /ERR_DATA: .*has files, .* but no folders/)
    writeFileSync(at('texts/good/logo.png'), Buffer.from([0x89, 0x50, 0x4e, 0x47]))
    await refused(at('texts'), /ERR_DATA: .*logo\.png: line 1: the byte 0x89/)
  }, 120_000)

  it('leaves out rows that lack something, if asked to', async () => {
    const expected = await trained(at('rows.csv'))
    const [head, first, ...others] = csv.split('\n')
    const lacking = [head, first, 'no label,,1', ...others, ' ,good,5', ''].join('\n')
    writeFileSync(at('lacking.csv'), lacking)
    const nulls = [{ text: null, label: 'good' }, ...rows, { text: 'no label', label: null, stars: 5 }]
    writeFileSync(at('lacking.jsonl'), nulls.map((row) => JSON.stringify(row)).join('\n'))
    for (const name of ['lacking.csv', 'lacking.jsonl']) {
      expect(await trained(at(name), '', '--drop-missing')).toEqual(expected)
      const measured = await seqloom([
        'evaluate',
        '--model',
        at('model'),
        '--data',
        at(name),
        '--drop-missing',
        '--json',
      ])
      expect(JSON.parse(measured.stdout)).toMatchObject({ count: 90 })
    }
    const refused = await seqloom(['train', 'classify', '--data', at('lacking.csv'), '--out', at('none')])
    expect(refused.stderr).toMatch(/ERR_DATA: .*lacking\.csv: line 3: has an empty label/)
    const gaps = ['train', 'translate', '--data', at('lacking.jsonl'), '--source', 'text', '--target', 'label']
    const translator = await seqloom([...gaps, '--drop-missing', '--out', at('none'), '--epochs', '1', '--units', '4'])
    expect(translator, translator.stderr).toMatchObject({ code: 0 })
    rmSync(at('none'), { recursive: true })
  }, 120_000)

  it('is told what is wrong, by file and row', async () => {
    const refused = async (source: string, message: RegExp, ...more: string[]) => {
      const ran = await seqloom(['train', 'classify', '--data', source, '--out', at('none'), ...more])
      expect(ran.stderr).toMatch(message)
      expect(ran.code).toBe(1)
    }
    await refused(at('rows.parquet'), /ERR_DATA: .*no column 'mark'.*--label names another/, '--label', 'mark')
    await refused(at('nothing-*.csv'), /ERR_IO: no file is named like/)
    await refused('SELECT nothing', /ERR_DATA: data\.query/)
    await data.write([...rows, { text: 'x', label: '', stars: 1 }], at('late.parquet'))
    await refused(at('late.parquet'), /late\.parquet: row 91: has an empty label/)
  }, 60_000)
})

describe('predict --out', () => {
  it('writes the labels of a table in order, as CSV, JSON lines or Parquet', async () => {
    await trained(at('rows.csv'))
    const args = ['predict', '--model', at('model'), '--data', at('rows.parquet'), '--out']
    for (const [name, read] of [
      ['labels.csv', data.csv],
      ['labels.parquet', data.parquet],
      ['labels.jsonl.gz', data.jsonLines],
    ] as const) {
      const ran = await seqloom([...args, at(name)])
      expect(ran).toMatchObject({
        code: 0,
        stdout: '',
        stderr: expect.stringMatching(/wrote 90 rows with their answers/),
      })
      const found: Record<string, unknown>[] = []
      for await (const row of read(at(name)) as AsyncIterable<Record<string, unknown>>) found.push(row)
      expect(found.map(({ text }) => text)).toEqual(rows.map(({ text }) => text))
      expect(found[0]).toMatchObject(
        name === 'labels.jsonl.gz'
          ? { probabilities: { bad: expect.any(Number) } }
          : { 'probability of bad': expect.anything(), 'probability of good': expect.anything() },
      )
    }
    const piped = await seqloom(['predict', '--model', at('model'), '--out', at('piped.csv')], 'fine 1\npoor 2\n')
    expect(piped.code).toBe(0)
    expect(readFileSync(at('piped.csv'), 'utf8').split('\n')[0]).toBe(
      'text,label,probability,probability of bad,probability of good',
    )
    expect(await seqloom([...args, at('labels.xls')])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/must end in/),
    })
    expect(await seqloom([...args, at('explained.jsonl'), '--explain'])).toMatchObject({ code: 0 })
    const [line = ''] = readFileSync(at('explained.jsonl'), 'utf8').split('\n')
    expect(JSON.parse(line)).toMatchObject({
      text: 'poor thing 0',
      tokens: ['poor', 'thing', expect.any(String)],
      values: { length: 3 },
    })
  }, 60_000)

  it('keeps the other columns of a table as they are, and what has the name of an answer', async () => {
    await trained(at('rows.csv'))
    const some = [
      { id: 7, mail: 'fine 1', label: 'good', tags: [1, 2] },
      { id: 8, mail: 'poor 2', label: 'bad', tags: [] },
    ]
    writeFileSync(at('mails.jsonl'), some.map((row) => `${JSON.stringify(row)}\n`).join(''))
    const lines = await seqloom([
      'predict',
      '--model',
      at('model'),
      '--data',
      at('mails.jsonl'),
      '--text',
      'mail',
      '--out',
      at('answers.jsonl'),
    ])
    expect(lines).toMatchObject({ code: 0 })
    const found: Record<string, unknown>[] = []
    for await (const row of data.jsonLines(at('answers.jsonl'))) found.push(row)
    expect(found).toMatchObject(some)
    expect(Object.keys(found[0] as object)).toEqual([
      'id',
      'mail',
      'label',
      'tags',
      'predicted label',
      'probability',
      'probabilities',
    ])
    writeFileSync(at('mails.csv'), 'id,mail\n007,fine 1\n008,poor 2\n')
    const csv = await seqloom([
      'predict',
      '--model',
      at('model'),
      '--data',
      at('mails.csv'),
      '--text',
      'mail',
      '--out',
      at('answers.csv'),
    ])
    expect(csv).toMatchObject({ code: 0 })
    expect(readFileSync(at('answers.csv'), 'utf8')).toMatch(/^id,mail,label,probability,.*\n007,fine 1,/)
    const missing = await seqloom([
      'predict',
      '--model',
      at('model'),
      '--data',
      at('mails.csv'),
      '--out',
      at('never.csv'),
    ])
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringMatching(/no column 'text'.*--text names another/) })
  }, 60_000)

  it('reads compressed texts from standard input', async () => {
    await trained(at('rows.csv'))
    const ran = await seqloom(['predict', '--model', at('model')], gzipSync('fine 1\npoor 2\n') as never)
    expect(ran.stdout).toMatch(/\tfine 1\n.*\tpoor 2\n$/)
  }, 60_000)

  it('knows JSON lines on standard input by what they begin with, compressed or not; and refuses what is read by position', async () => {
    await trained(at('rows.csv'))
    const predict = (input: string | Buffer) =>
      seqloom(['predict', '--model', at('model'), '--data', '-', '--text', 'body'], input as never)
    const lines = '{"body": "fine 1", "stars": 5}\n{"stars": 1, "body": "poor 2"}\n'
    for (const input of [lines, `\ufeff${lines}`, gzipSync(lines)]) {
      const ran = await predict(input)
      expect(ran).toMatchObject({ code: 0, stdout: expect.stringMatching(/\tfine 1\n.*\tpoor 2\n$/) })
    }
    expect((await predict('body,stars\nfine 1,5\n')).stdout).toMatch(/\tfine 1\n$/)
    expect((await predict('{"text": 1}\n')).stderr).toMatch(/ERR_DATA: -: line 1: has no 'body'.*--text names another/)
    const parquet = await predict('PAR1\u0000\u0001')
    expect(parquet.stderr).toContain('ERR_DATA: standard input holds Parquet, which is read from files alone')
  }, 60_000)
})
