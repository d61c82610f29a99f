import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

let folder: string
const path = (name: string) => join(folder, name)
const json = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

const words = { red: 'rouge', blue: 'bleu', big: 'grand', small: 'petit', '"old"': 'vieux' }
const nouns = { house: 'maison', dog: 'chien', sea: 'mer' }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'seqloom-translate-'))
  const pairs = Object.entries(words).flatMap(([word, mot]) =>
    Object.entries(nouns).map(([noun, nom]) => [`the ${word} ${noun}`, `${nom} ${mot}`]),
  )
  const rows = Array.from({ length: 20 }, () => pairs).flat()
  writeFileSync(path('pairs.tsv'), ['en\tfr', ...rows.map((row) => row.join('\t'))].join('\n'))
  const small = [
    '--units',
    '24',
    '--embedding',
    '16',
    '--learning-rate',
    '0.01',
    '--batch-size',
    '16',
    '--dropout',
    '0',
  ]
  const columns = ['--data', path('pairs.tsv'), '--source', 'en', '--target', 'fr', '--out', path('model')]
  const args = ['train', 'translate', ...columns, ...small, '--epochs', '4', '--validation-split', '0', '--seed', '1']
  const { code, stdout, stderr } = await seqloom([...args, '--json'])
  expect(code, stderr).toBe(0)
  const events = json(stdout)
  expect(events.map(({ event }) => event)).toEqual(['epoch', 'epoch', 'epoch', 'epoch', 'done'])
  expect(events[4]).toMatchObject({ model: path('model'), epochs: 4, interrupted: false, loss: expect.any(Number) })
}, 60_000)
afterAll(() => rmSync(folder, { recursive: true }))

describe('seqloom translate', () => {
  it('translates its arguments and lines', async () => {
    const args = ['translate', '--model', path('model')]
    expect(await seqloom([...args, 'the red house', 'the "old" dog'])).toMatchObject({
      code: 0,
      stdout: 'maison rouge\nchien vieux\n',
    })
    expect((await seqloom(args, 'the blue sea\n')).stdout).toBe('mer bleu\n')
    const best = await seqloom([...args, '--best', '2', 'the red house'])
    expect(best.stdout).toMatch(/^-\d\.\d{4}\tmaison rouge\n-\d+\.\d{4}\t.*\n$/)
  })

  it('prints objects, and draws what it attends to', async () => {
    const map = ['--attention-map', path('map.svg')]
    const { code, stdout } = await seqloom(['translate', '--model', path('model'), '--json', ...map, 'the "old" dog'])
    expect(code).toBe(0)
    const [row] = json(stdout)
    expect(row).toMatchObject({ text: 'the "old" dog', translation: 'chien vieux', finished: true })
    expect(row.alignment.source).toEqual(['the', '"', 'old', '"', 'dog'])
    const svg = readFileSync(path('map.svg'), 'utf8')
    expect(svg).toMatch(/^<svg [\s\S]*<\/svg>\n$/)
    expect(svg.match(/<rect x=/g)).toHaveLength(10)
    expect(svg).toContain('>chien</text>')
  })

  it('evaluate measures on known translations', async () => {
    const columns = ['--source', 'en', '--target', 'fr']
    const args = ['evaluate', '--model', path('model'), '--data', path('pairs.tsv'), ...columns]
    expect((await seqloom(args)).stdout).toMatch(
      /^BLEU \d+\.\d\d {2}exact 1\.0000 {2}error rate 0\.0000 {2}loss \d\.\d{4} {2}15 sources\n$/,
    )
  })

  it('says what is wrong', async () => {
    const model = ['translate', '--model', path('model')]
    const wrong = async (args: readonly string[], code: number, message: RegExp) => {
      const result = await seqloom(args)
      expect(result).toMatchObject({ code, stderr: expect.stringMatching(message) })
    }
    await wrong(
      [...model, '--attention-map', path('map.svg'), 'a', 'b'],
      2,
      /ERR_OPTION: --attention-map draws one text; 2/,
    )
    await wrong([...model, '--attention-map', path('no/map.svg'), 'the dog'], 1, /ERR_IO: cannot write/)
    await wrong([...model, '--beam', '0', 'a'], 2, /ERR_OPTION/)
    await wrong([...model, '--best', '9', 'a'], 2, /ERR_OPTION.*nBest/)
    await wrong(['translate', '--model', path('nowhere'), 'a'], 1, /ERR_IO/)
    await wrong(['train', 'translate', '--data', path('pairs.tsv')], 1, /ERR_DATA.*'source'/)
  })
})
