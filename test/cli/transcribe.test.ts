import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { seqloom } from '../helpers/cli.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-transcribe-'))
const path = (name: string) => join(folder, name)
const words = ['ab', 'ba', 'abab', 'aab', 'b']

/** Frames of a word: each letter raises its own feature. */
const frames = (word: string) =>
  [...word].flatMap((letter) => [1, 1, 0].map((x) => [Number(letter === 'a') * x, Number(letter === 'b') * x]))

beforeAll(async () => {
  const rows = Array.from({ length: 60 }, (_, i) => words[i % words.length] as string)
  writeFileSync(
    path('rows.jsonl'),
    rows.map((word) => JSON.stringify({ frames: frames(word), transcript: word })).join('\n'),
  )
  const options = [
    '--units',
    '16',
    '--layers',
    '1',
    '--epochs',
    '25',
    '--learning-rate',
    '0.02',
    '--validation-split',
    '0',
  ]
  const { code, stdout, stderr } = await seqloom([
    'train',
    'transcribe',
    '--data',
    path('rows.jsonl'),
    '--out',
    path('model'),
    '--seed',
    '1',
    '--json',
    ...options,
  ])
  expect(code, stderr).toBe(0)
  expect(JSON.parse(stdout.trim().split('\n').at(-1) as string)).toMatchObject({ event: 'done', epochs: 25 })
}, 120_000)
afterAll(() => rmSync(folder, { recursive: true }))

it('writes what frames say, given or from lines', async () => {
  const given = await seqloom([
    'transcribe',
    '--model',
    path('model'),
    JSON.stringify(frames('ab')),
    JSON.stringify(frames('aab')),
  ])
  expect(given).toMatchObject({ code: 0, stdout: 'ab\naab\n' })
  const lines = await seqloom(
    ['transcribe', '--model', path('model'), '--beam', '4', '--best', '2', '--json'],
    `${JSON.stringify(frames('ba'))}\n`,
  )
  const found = JSON.parse(lines.stdout)
  expect(found).toMatchObject({ text: 'ba', alternatives: [{ text: expect.any(String), score: expect.any(Number) }] })
  expect(found.tokens.map(({ token }: { token: string }) => token)).toEqual(['b', 'a'])
})

it('measures, and says what is wrong with data', async () => {
  const { stdout, code } = await seqloom(['evaluate', '--model', path('model'), '--data', path('rows.jsonl'), '--json'])
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({
    event: 'evaluation',
    characterErrorRate: 0,
    wordErrorRate: 0,
    exactMatch: 1,
    count: 60,
  })
  const wrong = await seqloom(['transcribe', '--model', path('model'), '[[1,2],[3]]'])
  expect(wrong.code).toBe(1)
  expect(wrong.stderr).toMatch(/frame 1/)
  const text = await seqloom(['transcribe', '--model', path('model'), 'nonsense'])
  expect(text).toMatchObject({ code: 1, stderr: expect.stringMatching(/JSON array/) })
})

it('trains a transducer, and writes with it', async () => {
  const options = ['--method', 'transducer', '--units', '16', '--layers', '1', '--epochs', '25', '--seed', '1']
  const trained = await seqloom([
    ...['train', 'transcribe', '--data', path('rows.jsonl'), '--out', path('transducer')],
    ...[...options, '--learning-rate', '0.02', '--validation-split', '0'],
  ])
  expect({ code: trained.code, stderr: trained.stderr.includes('rror') }).toEqual({ code: 0, stderr: false })
  const written = await seqloom([
    'transcribe',
    JSON.stringify(frames('ba')),
    '--model',
    path('transducer'),
    '--beam',
    '4',
  ])
  expect({ code: written.code, stdout: written.stdout }).toEqual({ code: 0, stdout: 'ba\n' })
}, 120_000)
