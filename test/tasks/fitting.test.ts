import { createHash } from 'node:crypto'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tasks } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'
import { coded } from '../helpers/coded.js'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-fitting-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const small = { units: 3, embedding: 3, seed: 1 }
const quick = { epochs: 1, batchSize: 8, validationSplit: 0 }
const numbers = ['one', 'two', 'three', 'four']
const image = (shade: number) => ({ data: new Uint8Array(8 * 8 * 3).fill(shade), width: 8, height: 8 })

type Saving = { save(path: string): Promise<void> }
interface Case {
  readonly make: () => Promise<Saving>
  readonly load: (path: string) => Promise<unknown>
  /** How the data of a file that ends so are altered, and what the message says. */
  readonly altered: readonly (readonly [file: string, change: (data: never) => unknown, message: RegExp])[]
}

/** A saved tokenizer with a token more. */
const grown = (saved: { model: { vocab: Record<string, number> } }) => {
  const { vocab } = saved.model
  vocab.zebra = Math.max(...Object.values(vocab)) + 1
  return saved
}
const longer = (list: string[]) => [...list, 'zebra']
const labelled = ({ labels }: { labels: string[] }) => ({ labels: longer(labels) })
const grownUnits = (units: { tokenizer?: Parameters<typeof grown>[0] }) => {
  if (units.tokenizer) grown(units.tokenizer)
  return units
}

const cases: Record<string, Case> = {
  'a classifier': {
    make: async () => {
      const task = new tasks.TextClassifier(small)
      await task.train(
        numbers.flatMap((a) => [
          { text: `${a} is good`, label: 'good' },
          { text: `${a} is bad`, label: 'bad' },
        ]),
        quick,
      )
      return task
    },
    load: (path) => tasks.TextClassifier.load(path),
    altered: [
      ['tokenizer', grown, /there are \d+ tokens in tokenizer.json, but its model has an embedding of \d+/],
      ['labels', labelled, /its model has an output of size 2, but there are 3 labels/],
    ],
  },
  'a tagger': {
    make: async () => {
      const task = new tasks.SequenceTagger(small)
      await task.train(
        numbers.map((token) => ({ tokens: [token, 'b'], tags: ['x', 'y'] })),
        quick,
      )
      return task
    },
    load: (path) => tasks.SequenceTagger.load(path),
    altered: [
      ['vocabulary', longer, /there are 8 tokens in vocabulary.json, but its model has an embedding of 7/],
      ['tags', labelled, /its model has an output of size 2, but there are 3 tags/],
    ],
  },
  'an answerer': {
    make: async () => {
      const task = new tasks.QuestionAnswerer(small)
      const rows = numbers.map((name) => ({
        story: `${name} likes red. zoe likes blue.`,
        question: `What does ${name} like?`,
        answer: 'red',
      }))
      await task.train(rows, quick)
      return task
    },
    load: (path) => tasks.QuestionAnswerer.load(path),
    altered: [
      [
        'reader',
        (saved: { vocabulary: string[] }) => ({ ...saved, vocabulary: longer(saved.vocabulary) }),
        /there are \d+ words in .*, but its model has an embedding of \d+/,
      ],
    ],
  },
  'a translator': {
    make: async () => {
      const task = new tasks.Translator({ units: 4, embedding: 3, seed: 1 })
      await task.train(
        numbers.flatMap((a) => numbers.map((b) => ({ source: `${a} ${b}.`, target: `${b} ${a} !` }))),
        quick,
      )
      return task
    },
    load: (path) => tasks.Translator.load(path),
    altered: [
      ['source', grownUnits, /there are \d+ tokens in source.json, but its model has an embedding of \d+/],
      ['target', grownUnits, /there are \d+ tokens with those of target.json, but its model has an embedding of \d+/],
    ],
  },
  'a generator': {
    make: async () => {
      const task = new tasks.TextGenerator({ ...small, units: 4, layers: 1, tokens: 'word' })
      await task.train('the quick brown fox jumps over the lazy dog. '.repeat(20), { ...quick, time: 6 })
      return task
    },
    load: (path) => tasks.TextGenerator.load(path),
    altered: [['tokenizer', grown, /there are \d+ tokens in tokenizer.json, but its model has an embedding of \d+/]],
  },
  'a captioner': {
    make: async () => {
      const task = new tasks.Captioner({ patchSize: 4, annotationSize: 4, units: 4, embedding: 3, dropout: 0, seed: 1 })
      await task.train(
        numbers.map((caption, i) => ({ image: image(60 * i), caption })),
        quick,
      )
      return task
    },
    load: (path) => tasks.Captioner.load(path),
    altered: [
      ['target', grownUnits, /there are \d+ tokens with those of target.json, but its model has an embedding of \d+/],
    ],
  },
  'a forecaster': {
    make: async () => {
      const task = new tasks.Forecaster({ variables: ['a', 'b'], horizon: 2, window: 8, units: 3, seed: 1 })
      await task.train(
        Array.from({ length: 60 }, (_, t) => [Math.sin(t), Math.cos(t)]),
        quick,
      )
      return task
    },
    load: (path) => tasks.Forecaster.load(path),
    altered: [
      [
        'forecaster',
        (saved: { settings: { horizon: number } }) => ({ ...saved, settings: { ...saved.settings, horizon: 3 } }),
        /its model has \d+ inputs and 12 outputs.* \d+ inputs and 18 outputs/,
      ],
    ],
  },
}

/** Alters a file of a saved task, and makes its checksum right again. */
function alter(path: string, start: string, change: (data: never) => unknown): void {
  const description = JSON.parse(readFileSync(join(path, 'model.json'), 'utf8'))
  const file = readdirSync(path).find((name) => name.startsWith(start) && name.endsWith('.json')) as string
  const bytes = Buffer.from(JSON.stringify(change(JSON.parse(readFileSync(join(path, file), 'utf8')) as never)))
  writeFileSync(join(path, file), bytes)
  description.files[file] = { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length }
  writeFileSync(join(path, 'model.json'), JSON.stringify(description))
}

describe('a saved task whose model and vocabulary do not fit each other', () => {
  for (const [name, { make, load, altered }] of Object.entries(cases)) {
    it(`is refused when it is loaded, with both sizes: ${name}`, async () => {
      const task = await make()
      for (const [file, change, message] of altered) {
        const path = join(folder, `${name}-${file}`)
        await task.save(path)
        await load(path)
        alter(path, file, change)
        await expect(load(path), file).rejects.toEqual(coded('ERR_FORMAT', message))
      }
    })
  }
})
