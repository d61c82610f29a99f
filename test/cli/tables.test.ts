import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-tables-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const small = ['--units', '4', '--embedding', '4', '--epochs', '1', '--no-bidirectional']
const rows = [...Array(10).keys()].flatMap((n) => [
  ['good', `fine ${n}`],
  ['bad', `poor ${n}`],
])

/** Trains a classifier on a file and tells the classes that it then knows. */
async function classes(data: string, ...more: string[]): Promise<string[]> {
  const out = join(folder, 'model')
  rmSync(out, { recursive: true, force: true })
  const trained = await seqloom(['train', 'classify', '--data', data, '--out', out, ...small, ...more])
  expect(trained, trained.stderr).toMatchObject({ code: 0 })
  const { stdout, stderr } = await seqloom(['predict', 'fine 1', '--json', '--model', out])
  expect(stderr).toBe('')
  return Object.keys(JSON.parse(stdout).probabilities)
}

describe('files of the commands', () => {
  it('may mix line ends', async () => {
    const lines = rows.map(([label, text], index) => `${text},${label}${['\n', '\r\n', '\r'][index % 3]}`)
    expect(await classes(file('mixed.csv', `text,label\n${lines.join('')}`))).toEqual(['bad', 'good'])
  })

  it('may have semicolons and another encoding', async () => {
    const lines = rows.map(([label, text]) => `"${text}, né";${label === 'good' ? 'gro\xdf' : label}\r\n`)
    const data = file('latin.csv', Buffer.from(`text;label\r\n${lines.join('')}`, 'latin1'))
    expect(await classes(data, '--encoding', 'windows-1252')).toEqual(['bad', 'groß'])
    expect(await classes(data, '--encoding', 'latin1', '--delimiter', ';')).toEqual(['bad', 'groß'])
    expect(await seqloom(['train', 'classify', '--data', data, '--out', join(folder, 'none')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^seqloom: ERR_DATA: .*latin\.csv: line 2: the byte 0xE9 is no UTF-8/m),
    })
  })

  it('may be JSON lines', async () => {
    const lines = rows.map(([label, text]) => JSON.stringify({ text, label: label === 'good' ? 1 : 0 }))
    expect(await classes(file('rows.jsonl', lines.join('\n')))).toEqual(['0', '1'])
  })

  it('get an answer for every row of one column', async () => {
    const out = join(folder, 'model')
    const data = file('texts.csv', 'text\r\nfine 1\r\n\r\npoor 2\r\n')
    const { stdout } = await seqloom(['predict', '--model', out, '--data', data, '--json'])
    const texts = stdout.trim().split('\n')
    expect(texts.map((line) => JSON.parse(line).text)).toEqual(['fine 1', '', 'poor 2'])
    const piped = await seqloom(['predict', '--model', out, '--json'], 'fine 1\rpoor 2\r\n\npoor 3')
    expect(
      piped.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).text),
    ).toEqual(['fine 1', 'poor 2', '', 'poor 3'])
  })

  it('are named with the line of what is refused', async () => {
    const refused = async (data: string, message: RegExp, ...more: string[]) => {
      const { code, stderr } = await seqloom(['train', ...more, '--data', data, '--out', join(folder, 'none')])
      expect(stderr).toMatch(message)
      expect(code).toBe(1)
    }
    await refused(file('late.csv', 'text,label\n\n"a\nb",x\nc,\n'), /late\.csv: line 5: has an empty label/, 'classify')
    const series = file('series.csv', 'x\n1\n2\n\n3\n')
    await refused(
      series,
      /series\.csv: line 4: x must be a finite number, not null; --fill linear, last or mask/,
      'forecast',
      '--column',
      'x',
    )
    const comma = file('comma.csv', 'x,y\n1,2\n"3,5",4\n')
    await refused(
      comma,
      /line 3: x must be a number, not '3,5'; decimal commas .*semicolons/,
      'forecast',
      '--column',
      'x',
    )
  })

  it('may have decimal commas between semicolons', async () => {
    const lines = [...Array(60).keys()].map((n) => `${n};1.00${n % 10},5`)
    const data = file('decimal.csv', `n;x\n${lines.join('\n')}`)
    const out = join(folder, 'forecaster')
    const args = ['--data', data, '--column', 'x', '--out', out, '--units', '4', '--epochs', '1', '--window', '8']
    const trained = await seqloom(['train', 'forecast', ...args])
    expect(trained, trained.stderr).toMatchObject({ code: 0 })
    const { stdout } = await seqloom(['predict', '--model', out, '--json'])
    expect(JSON.parse(stdout).median).toBeGreaterThan(990)
    expect(JSON.parse(stdout).median).toBeLessThan(1020)
  })

  it.each([
    [['--encoding', 'klingon'], /no encoding 'klingon'/],
    [['--delimiter', ';;'], /one character/],
    [['--delimiter', '"'], /one character/],
  ])('are told wrongly: %s', async (args, message) => {
    const ran = await seqloom(['train', 'classify', '--data', 'x.csv', ...args])
    expect(ran).toMatchObject({ code: 2, stderr: expect.stringMatching(message) })
  })
})
