import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { interop } from 'seqloom'
import { afterAll, expect, it } from 'vitest'
import { type Block, blocksOf } from '../helpers/documents.js'
import { runSource } from '../helpers/process.js'
import { complaints } from '../helpers/typescript.js'

// Programs of the documents that are not Seqloom's own, or are no TypeScript. Those of docs/start.md have a test of theirs.

const root = fileURLToPath(new URL('../../', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'seqloom-blocks-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const documents = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.md') && name !== 'start.md')
  .map((name) => `docs/${name.replaceAll('\\', '/')}`)

const blocks = (language: string): (Block & { readonly document: string })[] =>
  ['README.md', ...documents].flatMap((document) =>
    blocksOf(document).flatMap((block) => (block.language === language ? [{ ...block, document }] : [])),
  )

/** What the documents take for given before each of their programs, in their order. */
const given: Readonly<Record<string, readonly string[]>> = {
  'docs/distributed.md': [
    `
    const x = Array.from({ length: 8 }, (_, row) => Array.from({ length: 3 }, () => Array(16).fill(row / 8)))
    const y = x.map((_, row) => [row % 2])`,
    `
    import { data, layers, search, sequential, tasks } from 'seqloom'
    const x = Array.from({ length: 8 }, (_, row) => Array.from({ length: 3 }, () => [row / 8]))
    const y = x.map((_, row) => [row % 2])
    const space = { units: search.choice([2, 3]) }
    const model = ({ units }) => {
      const made = sequential([layers.gru({ units, inputShape: [null, 1] }), layers.dense({ units: 1 })], { seed: 1 })
      made.compile({ optimizer: 'adam', loss: 'mse' })
      return made
    }
    const m = model({ units: 2 })
    const task = new tasks.TextClassifier({ units: 4, embedding: 4, seed: 1 })
    await task.train([{ text: 'a good one', label: 'good' }, { text: 'a bad one', label: 'bad' }], { epochs: 1, validationSplit: 0 })
    await data.write([{ text: 'a good one' }], 'mails.csv')`,
  ],
  'docs/from-tfjs.md': ["import * as tf from 'seqloom/tfjs'"],
}

it('has a test for every program in JavaScript', () => {
  const known = new Set([...Object.keys(given), 'docs/onnx.md'])
  expect(blocks('js').filter(({ document }) => !known.has(document))).toEqual([])
})

it.each(
  Object.entries(given).flatMap(([document, before]) =>
    blocks('js')
      .filter((block) => block.document === document)
      .map((block, at) => ({ ...block, before: before[at] })),
  ),
)('runs the JavaScript of $document, line $line', async ({ before, code }) => {
  const program = `process.chdir(${JSON.stringify(folder)})\n${before}\n${code}`
  expect(await runSource(program, { env: { SEQLOOM_THREADS: '1' } })).toMatchObject({ code: 0, stderr: '' })
})

// They run in a browser page, for which test/examples has a page of its own.
it('the JavaScript of docs/onnx.md is JavaScript', () => {
  for (const { code, line } of blocks('js').filter(({ document }) => document === 'docs/onnx.md')) {
    const name = `test/docs/onnx-${line}.ts`
    const declared =
      'declare const ort: any, frames: any, show: any, start: any, step: any, source: any, first: any, end: any, best: any\n'
    expect(complaints([name], new Map([[name, `export {}\n${declared}${code}`]]))).toEqual([])
  }
})

const python = process.env.SEQLOOM_PYTHON ?? 'python3'
const sought = "import sys; from importlib.util import find_spec as f; sys.exit(not (f('keras') and f('torch')))"
const missing =
  spawnSync(python, ['-c', sought]).status === 0
    ? ''
    : ' (skipped: SEQLOOM_PYTHON names no Python with Keras and PyTorch)'

const begun: Readonly<Record<string, (code: string) => string>> = {
  'docs/from-keras.md': (code) => `import keras\n${code.replace('model.save', 'model.build((None, 50))\nmodel.save')}`,
  'docs/from-pytorch.md': (code) =>
    `import torch\nfrom torch import nn\n${code.replace('torch.save', 'tagger = Tagger()\ntorch.save')}`,
}

it.skipIf(missing !== '')(
  `runs the Python of the documents, whose files are read here${missing}`,
  { timeout: 240_000 },
  async () => {
    for (const { document, code } of blocks('python')) {
      const program = begun[document]
      expect(program, document).toBeDefined()
      const file = join(folder, 'program.py')
      writeFileSync(file, (program as (code: string) => string)(code))
      execFileSync(python, [file], { cwd: folder, env: { ...process.env, KERAS_BACKEND: 'torch' } })
    }
    const model = await interop.loadKeras(join(folder, 'tagger.keras'))
    expect(model.countParams()).toBe(1000 * 32 + 2 * 4 * 64 * (32 + 64 + 1) + 128 * 5 + 5)
    expect(existsSync(join(folder, 'tagger.pt'))).toBe(true)
  },
)
