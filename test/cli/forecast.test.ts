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

  it('tells what is wrong in one line', async () => {
    expect(await train('--column', 'day', '--out', path('never'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^seqloom: ERR_DATA: .*row 0: day must be a number, not 'day 0'\n$/),
    })
    expect(await train('--column', 'night', '--out', path('never'))).toMatchObject({ code: 1 })
    expect(await train('--out', path('never'))).toMatchObject({ code: 2, stderr: expect.stringMatching(/--column/) })
    expect(await train('--column', 'wave', '--transform', 'sqrt', '--out', path('never'))).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/no negative values/),
    })
  })
})
