import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seqloom, start } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-cli-generate-'))
const path = (name: string) => join(folder, name)
const data = path('fox.txt')
const small = '--units 24 --layers 1 --embedding 12 --time 20 --batch-size 8 --learning-rate 0.03 --seed 1'.split(' ')
const train = (out: string, ...more: string[]) => ['train', 'generate', '--data', data, '--out', out, ...small, ...more]
// biome-ignore lint/suspicious/noExplicitAny: rows of any kind
const json = (text: string): any[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
beforeAll(() => writeFileSync(data, 'the quick brown fox jumps over the lazy dog. '.repeat(40)))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('seqloom train generate and generate', () => {
  it('train, save and write', async () => {
    const { code, stdout, stderr } = await seqloom(train(path('model'), '--epochs', '30', '--json'))
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    const rows = json(stdout)
    expect(rows).toHaveLength(31)
    expect(Object.keys(rows[0])).toEqual(['event', 'epoch', 'loss', 'val_loss', 'seconds'])
    expect(rows[30]).toMatchObject({ event: 'done', epochs: 30, interrupted: false, val_loss: expect.any(Number) })
    expect(existsSync(path('model/backup'))).toBe(false)
    const args = ['generate', '--model', path('model'), 'the quick', '--temperature', '0', '--stop', ' dog']
    expect((await seqloom(args)).stdout).toBe('the quick brown fox jumps over the lazy\n')
    const pieces = json((await seqloom([...args, '--json'])).stdout)
    expect(pieces.map(({ text }) => text ?? '').join('')).toBe(' brown fox jumps over the lazy')
    expect(pieces.at(-1)).toEqual({ event: 'done' })
  })

  it('an interrupted training goes on with --resume', async () => {
    const whole = json((await seqloom(train(path('whole'), '--epochs', '120', '--json'))).stdout)
    const run = start(train(path('parts'), '--epochs', '120', '--json'))
    await run.says('"epoch":3')
    run.kill('SIGINT')
    const first = await run.done
    expect(first.code).toBe(130)
    expect(json(first.stdout).at(-1)).toMatchObject({ event: 'done', interrupted: true })
    expect(existsSync(path('parts/backup'))).toBe(true)
    const { stdout } = await seqloom(train(path('parts'), '--epochs', '120', '--json', '--resume'))
    const rows = json(stdout).filter(({ event }) => event === 'epoch')
    expect(rows[0].epoch).toBeGreaterThan(3)
    const losses = (list: { epoch: number; loss: number; val_loss: number }[]) =>
      list.map(({ epoch, loss, val_loss }) => ({ epoch, loss, val_loss }))
    expect(losses(rows)).toEqual(losses(whole.slice(rows[0].epoch - 1, 120)))
    expect(existsSync(path('parts/backup'))).toBe(false)
  })

  it('tell what is wrong in one line', async () => {
    const missing = await seqloom(['train', 'generate', '--data', path('none.txt'), '--out', path('x')])
    expect(missing.code).toBe(1)
    expect(missing.stderr).toMatch(/^seqloom: ERR_IO: cannot read .*none\.txt.*\n$/)
    const wrong = await seqloom(['generate', '--model', folder, 'x'])
    expect(wrong.stderr).toMatch(/^seqloom: ERR_FORMAT: .*\n$/)
    expect((await seqloom(['generate', '--model', folder, '--temperature', '-1'])).code).toBe(2)
  })
})
