import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

let folder: string
let data: string
const path = (name: string) => join(folder, name)

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-'))
  const rows = Array.from({ length: 200 }, (_, t) => `day ${t},${Math.sin(t / 3).toFixed(4)},${t % 7}`)
  data = path('series.csv')
  writeFileSync(data, ['day,wave,weekday', ...rows].join('\n'))
})
afterAll(() => rmSync(folder, { recursive: true }))

const train = (...more: string[]) =>
  seqloom(['train', 'forecast', '--data', data, '--units', '8', '--epochs', '3', '--window', '16', ...more])

describe('seqloom train forecast, then predict', () => {
  it('prints a median and an interval for each step and column', async () => {
    const { code, stdout, stderr } = await train(
      '--column',
      'wave',
      'weekday',
      '--horizon',
      '2',
      '--out',
      path('model'),
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
    expect(stderr).toMatch(
      /^epoch 3\/3 {2}loss \d\.\d{4} {2}val_loss \d\.\d{4} {2}\d+\.\d s {2}\d+ windows\/s\nsaved the model of epoch \d \(validation loss \d/m,
    )
    const next = await seqloom(['predict', '--model', path('model')])
    const number = '-?[\\d.e-]+'
    const line = (step: number, name: string) => `${step}\t${name}\t${number}\t${number}\t${number}\n`
    expect(next.stdout).toMatch(
      new RegExp(`^${line(1, 'wave')}${line(1, 'weekday')}${line(2, 'wave')}${line(2, 'weekday')}$`),
    )
    const json = await seqloom(['predict', '--model', path('model'), '--data', data, '--json'])
    const first = JSON.parse(json.stdout.split('\n')[0] as string)
    expect(first).toMatchObject({ step: 1, variable: 'wave' })
    expect(first.lower).toBeLessThanOrEqual(first.median)
    expect(await seqloom(['predict', '--model', path('model'), 'a text'])).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/forecaster, which takes no texts/),
    })
  })

  it('evaluate measures on what follows', async () => {
    const args = ['evaluate', '--model', path('model'), '--data', data]
    const { code, stdout, stderr } = await seqloom(args)
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(
      /^variable +step +rmse +mae +coverage +width +persistence\nwave +1 .*\nweekday +1 .*\nwave +2 /,
    )
    const [row] = (await seqloom([...args, '--json'])).stdout.split('\n').map((line) => line && JSON.parse(line))
    expect(row).toMatchObject({ event: 'evaluation', step: 1, variable: 'wave', rmse: expect.any(Number) })
  })

  it('prints a row an epoch and one at the end as JSON', async () => {
    const { stdout } = await train('--column', 'wave', '--json', '--out', path('json'))
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
    expect(rows.map(({ event }) => event)).toEqual(['epoch', 'epoch', 'epoch', 'done'])
    expect(rows[0]).toMatchObject({ epoch: 1, loss: expect.any(Number), val_loss: expect.any(Number) })
  })

  it('reads time, group and covariates, the newest rows first', async () => {
    const day = (n: number) => new Date(Date.UTC(2024, 0, 1 + n)).toISOString().slice(0, 10)
    const rows = ['01', '02'].flatMap((store) =>
      Array.from({ length: 60 }, (_, t) => `${day(t)},${store},${t % 5 === 0 ? 'yes' : 'no'},${10 + (t % 7)}`),
    )
    const file = path('shops.csv')
    writeFileSync(file, ['date,store,promotion,sales', ...rows.reverse()].join('\n'))
    const known = path('known.csv')
    const ahead = ['01', '02'].flatMap((store) => [60, 61].map((t) => `${store},${day(t)},no`))
    writeFileSync(known, ['store,date,promotion', ...ahead].join('\n'))
    const args = [
      '--data',
      file,
      '--time',
      'date',
      '--group',
      'store',
      '--covariates',
      'promotion',
      '--column',
      'sales',
    ]
    const options = ['--horizon', '2', '--epochs', '1', '--units', '4', '--window', '14', '--out', path('shops')]
    const trained = await seqloom(['train', 'forecast', ...args, ...options])
    expect(trained.code, trained.stderr).toBe(0)
    const { stdout } = await seqloom(['predict', '--model', path('shops'), '--known', known])
    const lines = stdout
      .trim()
      .split('\n')
      .map((line) => line.split('\t'))
    expect(lines.map(([date, store, name]) => `${store} ${date} ${name}`).sort()).toEqual([
      '01 2024-03-01 sales',
      '01 2024-03-02 sales',
      '02 2024-03-01 sales',
      '02 2024-03-02 sales',
    ])
    const json = await seqloom(['predict', '--model', path('shops'), '--known', known, '--json'])
    expect(JSON.parse(json.stdout.split('\n')[0] as string)).toMatchObject({ date: '2024-03-01', variable: 'sales' })
    expect(await seqloom(['predict', '--model', path('shops')])).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/ERR_DATA: .*known needs rows with promotion/),
    })
    const later = path('later.csv')
    const next = ['01', '02'].flatMap((store) => [60, 61].map((t) => `${day(t)},${store},no,12`))
    writeFileSync(later, ['date,store,promotion,sales', ...next].join('\n'))
    const measured = await seqloom(['evaluate', '--model', path('shops'), '--data', later])
    expect(measured.stdout, measured.stderr).toMatch(
      /^variable +step +store .*wape\nsales +1 +all .*\nsales +1 +0[12] /,
    )
  }, 60_000)

  it.each([['--time', 'date'], []])(
    'reads what other programs write where there is no number: %s',
    async (...time) => {
      const file = path('missing.csv')
      const cells = ['NaN', 'NA', 'null', '', 'n/a', 'None']
      const rows = Array.from({ length: 40 }, (_, t) => {
        const day = new Date(Date.UTC(2024, 0, 1 + t)).toISOString().slice(0, 10)
        return `${day},${t % 6 === 3 ? cells[((t - 3) / 6) % 6] : 10 + (t % 7)}`
      })
      writeFileSync(file, ['date,sales', ...rows].join('\n'))
      const args = [
        '--data',
        file,
        ...time,
        '--column',
        'sales',
        '--epochs',
        '1',
        '--units',
        '4',
        '--out',
        path('missing'),
      ]
      const filled = await seqloom(['train', 'forecast', ...args, '--fill', 'mask', '--force'])
      expect(filled.code, filled.stderr).toBe(0)
      const refused = await seqloom(['train', 'forecast', ...args, '--force'])
      expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/ERR_DATA: .*line 5: .*sales must be a/) })
    },
    60_000,
  )

  it('tells what is wrong in one line', async () => {
    expect(await train('--column', 'day', '--out', path('never'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^seqloom: ERR_DATA: .*line 2: day must be a number, not 'day 0'\n$/),
    })
    expect(await train('--column', 'night', '--out', path('never'))).toMatchObject({ code: 1 })
    expect(await train('--out', path('never'))).toMatchObject({ code: 2, stderr: expect.stringMatching(/--column/) })
    expect(await train('--column', 'wave', '--transform', 'sqrt', '--out', path('never'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no negative values/),
    })
  })
})
