import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PNG } from 'pngjs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

let folder: string
const path = (name: string) => join(folder, name)
const json = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

const colours = { red: [255, 0, 0], green: [0, 255, 0], blue: [0, 0, 255] } as const

/** Writes a picture: its left and its right half are of a colour each; what is transparent is white. */
function draw(name: string, halves: readonly (readonly number[] | undefined)[], side = 8): void {
  const picture = new PNG({ width: side, height: side })
  for (let point = 0; point < side * side; point++) {
    const colour = halves[point % side < side / 2 ? 0 : 1]
    picture.data.set(colour ? [...colour, 255] : [0, 0, 0, 0], 4 * point)
  }
  writeFileSync(path(name), PNG.sync.write(picture))
}

const pairs = Object.entries(colours).flatMap(([a, left]) =>
  Object.entries(colours).map(([b, right]) => ({ name: `${a}-${b}.png`, caption: `${a} then ${b}`, left, right })),
)
const small = ['--patch-size', '4', '--units', '24', '--annotation-size', '16', '--embedding', '16', '--dropout', '0']
const trained = [...small, '--learning-rate', '0.01', '--batch-size', '16', '--validation-split', '0', '--seed', '1']
const train = (data: string, ...more: string[]) =>
  seqloom(['train', 'caption', '--data', path(data), '--out', path('model'), ...trained, ...more])

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-caption-'))
  for (const { name, left, right } of pairs) draw(name, [left, right])
  const rows = Array.from({ length: 20 }, () => pairs).flat()
  writeFileSync(path('captions.csv'), ['file,text', ...rows.map((row) => `${row.name},${row.caption}`)].join('\n'))
  const columns = ['--image', 'file', '--caption', 'text']
  const { code, stdout, stderr } = await train('captions.csv', ...columns, '--epochs', '8', '--json')
  expect(code, stderr).toBe(0)
  const events = json(stdout)
  expect(events.map(({ event }) => event)).toEqual([...Array(8).fill('epoch'), 'done'])
  expect(events[8]).toMatchObject({ model: path('model'), epochs: 8, interrupted: false, loss: expect.any(Number) })
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true }))

describe('seqloom caption', () => {
  it('describes the images of its arguments and lines, whatever their size', async () => {
    const args = ['caption', '--model', path('model')]
    draw('large.png', [colours.green, colours.red], 30)
    expect(await seqloom([...args, path('blue-red.png'), path('large.png')])).toMatchObject({
      code: 0,
      stdout: 'blue then red\ngreen then red\n',
    })
    expect((await seqloom(args, `${path('red-red.png')}\n`)).stdout).toBe('red then red\n')
    const best = await seqloom([...args, '--best', '2', path('red-blue.png')])
    expect(best.stdout).toMatch(/^-\d\.\d{4}\tred then blue\n-\d+\.\d{4}\t.*\n$/)
  })

  it('prints objects, and draws where it looks', async () => {
    const file = path('green-blue.png')
    const map = ['--attention-map', path('map.svg')]
    const { code, stdout } = await seqloom(['caption', '--model', path('model'), '--json', ...map, file])
    expect(code).toBe(0)
    const [row] = json(stdout)
    expect(row).toMatchObject({ image: file, caption: 'green then blue', finished: true })
    expect(row.attention.map(({ token }: { token: string }) => token)).toEqual(['green', 'then', 'blue'])
    expect(row.attention[0].weights).toHaveLength(2)
    const svg = readFileSync(path('map.svg'), 'utf8')
    expect(svg).toMatch(/^<svg [\s\S]*data:image\/png;base64,[\s\S]*<\/svg>\n$/)
    expect(svg).toContain('>green</text>')
  })

  it('evaluate measures on images with captions', async () => {
    const args = [
      'evaluate',
      '--model',
      path('model'),
      '--data',
      path('captions.csv'),
      '--image',
      'file',
      '--caption',
      'text',
    ]
    const { code, stdout, stderr } = await seqloom(args)
    expect(code, stderr).toBe(0)
    expect(stdout).toMatch(/^BLEU \d+\.\d\d {2}exact 1\.0000 {2}error rate 0\.0000 {2}loss \d\.\d{4} {2}9 images\n$/)
    const [row] = json((await seqloom([...args, '--json'])).stdout)
    expect(row).toMatchObject({ event: 'evaluation', exactMatch: 1, count: 9 })
  })

  it('trains on JSON lines, and on images of several sizes', async () => {
    draw('clear.png', [undefined, colours.red], 20)
    const rows = [
      { image: 'clear.png', caption: 'nothing then red' },
      { image: 'red-blue.png', caption: 'red then blue' },
    ]
    writeFileSync(path('captions.jsonl'), `${rows.map((row) => JSON.stringify(row)).join('\n')}\n`)
    const refused = await train('captions.jsonl', '--epochs', '1')
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/ERR_DATA.*line 2: the image .*one size/) })
    const { code, stderr } = await train('captions.jsonl', '--epochs', '1', '--size', '8x6', '--out', path('sized'))
    expect(code, stderr).toBe(0)
    expect(stderr).toMatch(/^epoch 1\/1 {2}loss .* images\/s\nsaved the model of epoch 1 \(training loss/)
  })

  it('says what is wrong', async () => {
    const model = ['caption', '--model', path('model')]
    const wrong = async (result: ReturnType<typeof seqloom>, code: number, message: RegExp) =>
      expect(await result).toMatchObject({ code, stderr: expect.stringMatching(message) })
    const file = path('red-red.png')
    await wrong(seqloom([...model, '--attention-map', path('m.svg'), file, file]), 2, /draws one image; 2/)
    await wrong(seqloom([...model, path('nowhere.png')]), 1, /ERR_IO: cannot read .*nowhere/)
    await wrong(seqloom([...model, path('captions.csv')]), 1, /ERR_DATA: .*captions.csv is no PNG/)
    await wrong(train('captions.csv', '--size', '8'), 2, /ERR_OPTION.*64x48/)
    await wrong(train('captions.csv', '--patch-stride', '3'), 2, /ERR_OPTION.*multiple/)
    await wrong(train('captions.csv'), 1, /ERR_DATA.*'image'/)
    writeFileSync(path('broken.jsonl'), '{"image": "red-red.png", "caption": "a"}\n{"image": 3}\n')
    await wrong(train('broken.jsonl'), 1, /ERR_DATA: .*broken.jsonl: line 2: 'image' must be a text, not 3/)
    writeFileSync(path('broken.jsonl'), 'no json\n')
    await wrong(train('broken.jsonl'), 1, /ERR_DATA: .*line 1 is no JSON/)
    writeFileSync(path('broken.jsonl'), '\n')
    await wrong(train('broken.jsonl'), 1, /ERR_DATA: .*no rows/)
    await wrong(train('nowhere.jsonl'), 1, /ERR_IO/)
  })
})
