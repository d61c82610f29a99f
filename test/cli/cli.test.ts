import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seqloom, start } from '../helpers/cli.js'
import { madeUpRows, toCsv } from '../helpers/reviews.js'

let folder: string
let data: string
const small = ['--units', '8', '--embedding', '8', '--learning-rate', '0.01', '--batch-size', '8', '--seed', '1']
const path = (name: string) => join(folder, name)

function write(name: string, content: string): string {
  writeFileSync(path(name), content)
  return path(name)
}

const json = (lines: string) =>
  lines
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-'))
  data = write('rows.csv', toCsv(madeUpRows(240)))
})
afterAll(() => rmSync(folder, { recursive: true }))

describe('seqloom train classify, then the rest', () => {
  beforeAll(async () => {
    const args = ['train', 'classify', '--data', data, '--out', path('model'), '--epochs', '6', ...small]
    const { code, stdout, stderr } = await seqloom(args)
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    const lines = stderr.trim().split('\n')
    expect(lines).toHaveLength(7)
    const numbers = ['loss', 'accuracy', 'val_loss', 'val_accuracy'].map((name) => `${name} \\d\\.\\d{4}`).join('  ')
    expect(lines[5]).toMatch(new RegExp(`^epoch 6/6  ${numbers}  \\d+\\.\\d s  \\d+ sequences/s$`))
    expect(lines[6]).toMatch(/^saved the model of epoch \d \(validation accuracy [01]\.\d{4}\) in /)
  })

  it('predict labels its arguments, lines and files', async () => {
    const args = ['predict', '--model', path('model')]
    const one = await seqloom([...args, 'a splendid film', 'dreadful,\tquite'])
    expect(one.code).toBe(0)
    expect(one.stdout).toMatch(/^good\t[01]\.\d{4}\ta splendid film\nbad\t[01]\.\d{4}\tdreadful, quite\n$/)
    const lines = await seqloom(args, 'a splendid film\r\n\nquite strange')
    expect(lines.stdout.split('\n').map((line) => line.split('\t')[0])).toEqual(['good', expect.any(String), 'odd', ''])
    const file = await seqloom([...args, '--data', data, '--json'])
    const rows = json(file.stdout)
    expect(rows).toHaveLength(240)
    expect(Object.keys(rows[0])).toEqual(['text', 'label', 'probability', 'probabilities'])
    expect((await seqloom(args, '')).code).toBe(0)
  })

  it('evaluate prints accuracy and confusion', async () => {
    const args = ['evaluate', '--model', path('model'), '--data', data, '--text', 'text', '--label', 'label']
    const { code, stdout } = await seqloom(args)
    expect(code).toBe(0)
    expect(stdout).toMatch(/^accuracy [01]\.\d{4} {2}loss \d\.\d{4} {2}240 texts\ntrue \\ predicted +bad +good +odd\n/)
    const [row] = json((await seqloom([...args, '--json'])).stdout)
    expect(row).toMatchObject({ event: 'evaluation', count: 240, labels: ['bad', 'good', 'odd'] })
    expect(row.accuracy).toBeGreaterThan(0.95)
  })

  it('any ready-made cell is trained by its name, and loaded', async () => {
    const args = ['train', 'classify', '--data', data, '--out', path('other-cell'), '--epochs', '3', '--cell', 'minGRU']
    expect((await seqloom([...args, ...small])).code).toBe(0)
    const { stdout } = await seqloom(['predict', '--model', path('other-cell'), 'a splendid film'])
    expect(stdout).toMatch(/^good\t/)
    expect((await seqloom(['train', 'classify', '--help'])).stdout).toMatch(/minGRU/)
  })

  it('summary and info print what there is', async () => {
    expect((await seqloom(['summary', '--model', path('model')])).stdout).toMatch(
      /embedding[\s\S]*bidirectional[\s\S]*dense/,
    )
    expect((await seqloom(['info'])).stdout).toMatch(/simd +\w+/)
    expect(json((await seqloom(['info', '--json'])).stdout)[0]).toMatchObject({ version: expect.any(String) })
  })

  it('evaluate refuses labels the model does not know', async () => {
    const other = write('other.csv', 'text,label\na,unknown\n')
    const { code, stderr } = await seqloom(['evaluate', '--model', path('model'), '--data', other])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr: expect.stringMatching(/^seqloom: ERR_DATA: .*other\.csv: line 2: 'unknown' .*'bad', 'good', 'odd'\n$/),
    })
  })
})

describe('seqloom train classify --json', () => {
  it('prints a row an epoch and one at the end', async () => {
    const args = ['train', 'classify', '--data', data, '--out', path('json'), '--epochs', '2', '--json', ...small]
    const { code, stdout, stderr } = await seqloom(args)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const rows = json(stdout)
    expect(rows.map(({ event }) => event)).toEqual(['epoch', 'epoch', 'done'])
    expect(Object.keys(rows[1])).toEqual(['event', 'epoch', 'loss', 'accuracy', 'val_loss', 'val_accuracy', 'seconds'])
    expect(rows[2]).toMatchObject({ epochs: 2, interrupted: false, val_accuracy: expect.any(Number) })
  })
})

describe('Ctrl-C', () => {
  const long = () => ['train', 'classify', '--data', data, '--epochs', '100000', ...small]

  it('saves the best model so far and ends with 130', async () => {
    const run = start([...long(), '--out', path('stopped'), '--json'])
    await run.says('"epoch":3')
    run.kill('SIGINT')
    const { code, stdout } = await run.done
    expect(code).toBe(130)
    expect(json(stdout).at(-1)).toMatchObject({ event: 'done', interrupted: true })
    const { stdout: label } = await seqloom(['predict', '--model', path('stopped'), 'a splendid film'])
    expect(label).toMatch(/^(good|bad|odd)\t/)
    const again = start([...long(), '--out', path('stopped'), '--json', '--resume'])
    await again.says('"epoch":')
    again.kill('SIGINT')
    const resumed = await again.done
    expect(json(resumed.stdout)[0].epoch).toBeGreaterThan(3)
  })

  it('ends at once the second time', async () => {
    const run = start([...long(), '--out', path('killed')])
    await run.says('epoch 1/')
    run.kill('SIGINT')
    run.kill('SIGINT')
    expect((await run.done).code).toBe(130)
  })

  it('ends a wait for standard input', async () => {
    await seqloom(['train', 'classify', '--data', data, '--epochs', '1', '--out', path('waiting'), ...small])
    const run = start(['predict', '--model', path('waiting')], 'a splendid film\n', 'open')
    await run.says('splendid')
    run.kill('SIGINT')
    expect((await run.done).code).toBe(130)
  })
})

describe('failures', () => {
  const train = (file: string, ...more: string[]) =>
    seqloom(['train', 'classify', '--data', file, '--out', path('never'), '--epochs', '1', ...small, ...more])

  it.each([
    ['a missing file', () => train(path('none.csv')), 1, /^seqloom: ERR_IO: cannot read .*none\.csv/],
    ['a missing column', () => train(data, '--text', 'body'), 1, /^seqloom: ERR_DATA: .*'body'.*'text', 'label'/],
    [
      'broken quoting',
      () => train(write('bad.csv', 'text,label\na,b\n"c,d\n')),
      1,
      /ERR_DATA: .*broken quoting.*line 2/,
    ],
    ['an empty file', () => train(write('empty.csv', '')), 1, /ERR_DATA: .*is empty/],
    ['one label', () => train(write('one.csv', 'text,label\na,b\nc,b\n')), 1, /ERR_DATA: .*only 'b'/],
    ['a file as output', () => train(data, '--out', `${data}/model`), 1, /ERR_IO: cannot write/],
    ['no model', () => seqloom(['predict', '--model', path('nothing'), 'text']), 1, /ERR_IO: .*nothing/],
    ['an unknown option', () => train(data, '--epoch', '3'), 2, /ERR_OPTION: unknown option '--epoch'.*--epochs/],
    ['a bad value', () => train(data, '--units', '0'), 2, /ERR_OPTION: .*--units.*at least 1/],
    ['an unknown cell', () => train(data, '--cell', 'transformer'), 2, /ERR_OPTION: .*lstm, gru, simpleRNN/],
    ['a missing option', () => seqloom(['predict', 'text']), 2, /ERR_OPTION: .*--model/],
    ['an unknown command', () => seqloom(['trian']), 2, /ERR_OPTION: unknown command 'trian'/],
    [
      'texts and a file',
      () => seqloom(['predict', '--model', 'm', '--data', data, 'text']),
      2,
      /ERR_OPTION: .*not both/,
    ],
    ['no command', () => seqloom([]), 2, /Usage: seqloom/],
  ])('%s: one line and the right exit code', async (what, run, code, message) => {
    const ran = await run()
    expect(ran).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) })
    if (what !== 'no command') expect(ran.stderr.trim().split('\n')).toHaveLength(1)
    expect(existsSync(path('never'))).toBe(false)
  })

  it('help and version are none', async () => {
    expect(await seqloom(['--help'])).toMatchObject({ code: 0, stdout: expect.stringContaining('Usage: seqloom') })
    expect(await seqloom(['train', 'classify', '--help'])).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('--cell'),
    })
    expect(await seqloom(['--version'])).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) })
  })
})
