import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { seqloom as run, start } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-search-cli-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const letter = (at: number) => String.fromCharCode(97 + at)
const rows = Array.from({ length: 120 }, (_, at) => {
  const text = `${at % 2 === 0 ? 'the good' : 'a bad'} film of ${letter(at % 26)}${letter(at % 7)}`
  return `${text},${at % 2 === 0 ? 'good' : 'bad'}`
})
const data = join(folder, 'films.csv')
writeFileSync(data, `text,label\n${rows.join('\n')}\n`)
const classify = ['search', 'classify', '--data', data, '--validation-split', '0.3', '--embedding', '8']

describe('seqloom search', () => {
  it('tries options of a task, prints them as a table and saves the best', async () => {
    const out = join(folder, 'best')
    const space = [
      'units=4,8',
      'learning-rate=1e-3..1e-1:log',
      'cell=lstm,gru',
      'bidirectional=true,false',
      'layers=1..2',
    ]
    const found = await run([...classify, '--space', ...space, '--trials', '3', '--epochs', '2', '--out', out])
    expect(found.stderr).toMatch(
      /trial \d \(1 of 3 ended\) {2}complete {2}\d\.\d+ after epoch [12] of 2 .* units [48], /,
    )
    expect(found.stderr).toMatch(/saved the model of trial [123] in /)
    const [head, ...lines] = found.stdout.trimEnd().split('\n')
    expect(head).toMatch(/^trial +state +val_loss +epoch +seconds +units +learningRate +cell +bidirectional +layers$/)
    expect(lines).toHaveLength(3)
    expect(found.code).toBe(0)
    const predicted = await run(['predict', '--model', out, 'a bad film'])
    expect(predicted.stdout).toMatch(/^(good|bad)\t/)
  })

  it('goes on after an interrupt, with successive halving and JSON', async () => {
    const [out, kept] = [join(folder, 'halved'), join(folder, 'kept')]
    const halving = ['--halving', '--epochs', '4', '--factor', '2', '--monitor', 'val_accuracy', '--folder', kept]
    const args = [...classify, '--space', 'units=2..9', ...halving, '--json', '--out', out, '--workers', '1']
    const first = start(args)
    await first.says('"event":"trial"')
    first.kill('SIGINT')
    expect(await first.done).toMatchObject({ code: 130, stderr: expect.stringContaining(`goes on in ${kept}`) })
    const second = await run(args)
    expect(second.code).toBe(0)
    const events = second.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
    const done = events.at(-1)
    expect(done).toMatchObject({ event: 'done', model: out, best: { state: 'complete', epochs: 4 } })
    expect(events.filter(({ state }) => state === 'pruned').length).toBeGreaterThan(0)
    expect(readdirSync(kept).filter((name) => name.startsWith('trial-'))).toHaveLength(4)
  })

  it('reads tables of sales as their training does: texts that are numbers, decimal commas', async () => {
    const sales = join(folder, 'sales.csv')
    const days = Array.from({ length: 120 }, (_, at) => {
      const date = new Date(Date.UTC(2024, 0, 1 + at)).toISOString().slice(0, 10)
      return `${date};${String(20 + 5 * Math.sin(at / 3)).replace('.', ',')};${at % 9 === 0}`
    })
    writeFileSync(sales, `date;sales;sale\n${days.join('\n')}\n`)
    const out = join(folder, 'shop')
    const forecast = [
      'search',
      'forecast',
      '--data',
      sales,
      '--column',
      'sales',
      '--time',
      'date',
      '--covariates',
      'sale',
    ]
    const found = await run([...forecast, '--epochs', '1', '--space', 'units=4,8', '--out', out, '--json'])
    expect(found).toMatchObject({ code: 0, stderr: '' })
    expect(found.stdout.match(/"state":"complete"/g)).toHaveLength(3)
    writeFileSync(sales, `date;sales;sale\n${days.join('\n').replace(';20;', ';much;')}\n`)
    const wrong = await run([...forecast, '--epochs', '1', '--space', 'units=4,8', '--out', out, '--force'])
    expect(wrong.stderr).toContain(`ERR_DATA: ${sales}: line 2: `)
    const plain = join(folder, 'series.csv')
    writeFileSync(plain, `value\n${days.map((_, at) => Math.sin(at)).join('\n')}\n`)
    const series = [
      'search',
      'forecast',
      '--data',
      plain,
      '--column',
      'value',
      '--epochs',
      '1',
      '--space',
      'units=4,8',
      '--out',
      out,
      '--force',
    ]
    expect(await run(series)).toMatchObject({ code: 0 })
  })

  it('searches for what pretrains on the lines of a text', async () => {
    const text = join(folder, 'lines.txt')
    writeFileSync(text, rows.map((row) => row.split(',')[0]).join('\n'))
    const out = join(folder, 'language')
    const found = await run([
      'search',
      'pretrain',
      '--data',
      text,
      '--validation-split',
      '0.3',
      '--epochs',
      '1',
      '--space',
      'units=4,8',
      '--out',
      out,
    ])
    expect(found).toMatchObject({ code: 0, stdout: expect.stringContaining('complete') })
  })

  it('begins anew in a folder where no trial has begun to be kept, as when the rows were too few to compare', async () => {
    const few = join(folder, 'few.csv')
    writeFileSync(few, `text,label\n${rows.slice(0, 12).join('\n')}\n`)
    const kept = join(folder, 'begun')
    const args = ['search', 'classify', '--data', few, '--space', 'units=4,8', '--epochs', '1', '--folder', kept]
    const first = await run([...args, '--out', join(folder, 'few')])
    expect(first.stderr).toContain('--validation-split')
    const second = await run([...args, '--out', join(folder, 'few'), '--validation-split', '0.3'])
    expect(second).toMatchObject({ code: 0, stdout: expect.stringContaining('complete') })
    const other = await run([...args, '--out', join(folder, 'few'), '--validation-split', '0.5', '--force'])
    expect(other.stderr).toContain('ERR_STATE')
  })

  it('refuses what it cannot search', async () => {
    const refused = async (args: readonly string[], message: string) => {
      const { code, stderr } = await run([...classify, ...args])
      expect(stderr).toContain(message)
      expect(code).not.toBe(0)
    }
    await refused([], "required option '--space")
    await refused(['--space', 'unit=4'], '--space unit=4: expected an option of the task with values')
    await refused(['--space', 'units=4,0'], '--space units=4,0: expected an integer of at least 1')
    await refused(['--space', 'cell=a..b'], 'expected two numbers, or values between commas')
    await refused(['--space', 'units=9..2'], 'the lower one first')
    await refused(['--space', 'bidirectional=yes'], 'expected true or false')
    await refused(['--space', 'units=4,8', '--units', '16'], 'units is given both by a flag and by --space')
    await refused(['--space', 'units=4,8', '--halving'], '--halving needs --epochs')
    await refused(['--space', 'units=4,8', '--factor', '2'], '--factor is for --halving')
  })
})
