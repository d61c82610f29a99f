import { createWriteStream, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { data, tasks } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-large-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)

/** More than are kept in memory. */
const bytes = 34 << 20
const count = 1500
/** Texts without white space, each long enough for so many rows to make up a large file. */
const long = (i: number) => String.fromCharCode(97 + (i % 7)).repeat(Math.ceil(bytes / count))
const numbers = Array.from({ length: count }, (_, i) => i)
const once = { epochs: 3, batchSize: 16 }
const small = { units: 4, embedding: 4 }

const labelled = numbers.map((i) => ({
  text: `${i % 3 ? 'fine' : 'poor'} thing ${long(i)}`,
  label: i % 3 ? 'good' : 'bad',
}))
const tagged = numbers.map((i) => ({ tokens: [i % 2 ? 'see' : 'hear', long(i)], tags: [i % 2 ? 'v' : 'w', 'n'] }))
const lines = numbers.map((i) => `${i % 2 ? 'one' : 'two'} ${long(i)}`)
const steps = numbers.map((i) => ({ value: Math.sin(i / 5), note: long(i) }))

async function written(name: string, parts: Iterable<string>): Promise<string> {
  await pipeline(Readable.from(parts), createWriteStream(at(name)))
  return at(name)
}

function* csvOf(rows: readonly { readonly text: string; readonly label: string }[]) {
  yield 'text,label\n'
  for (const { text, label } of rows) yield `${text},${label}\n`
}

type Rows = AsyncIterable<unknown> | readonly unknown[]
interface Trained {
  readonly model: { getWeights(): readonly { readonly data: Float32Array }[] }
  train(rows: never, options: object): Promise<unknown>
}

/** How each task is made; its rows in a file that is written first, and in memory. */
const cases: Record<string, readonly [() => unknown, () => Promise<() => Rows>, () => Rows]> = {
  'a classifier, of CSV': [
    () => new tasks.TextClassifier({ ...small, maxLength: 4 }),
    async () => {
      const path = await written('rows.csv', csvOf(labelled))
      return () => data.csv(path)
    },
    () => data.from(labelled),
  ],
  'a tagger, of JSON lines': [
    () => new tasks.SequenceTagger(small),
    async () => {
      const path = await written(
        'rows.jsonl',
        tagged.map((row) => `${JSON.stringify(row)}\n`),
      )
      return () => data.jsonLines(path)
    },
    () => data.from(tagged),
  ],
  'a generator, of text': [
    () => new tasks.TextGenerator({ ...small, tokens: 'word' }),
    async () => {
      const path = await written(
        'lines.txt',
        lines.map((line) => `${line}\n`),
      )
      return () => data.text(path)
    },
    () => data.from(lines),
  ],
  'a forecaster, of Parquet': [
    () => new tasks.Forecaster({ units: 4, window: 8 }),
    async () => {
      await data.write(data.from(steps), at('steps.parquet'))
      return () => data.parquet(at('steps.parquet')).map(({ value }) => value)
    },
    () => steps.map(({ value }) => value),
  ],
}

// Each takes some seconds of processor time, and the disk 35 MB.
describe.skipIf(!process.env.SEQLOOM_LARGE)('files that are larger than what is kept in memory', () => {
  it.each(Object.entries(cases))(
    'train %s, aborted and resumed, to the bits of the same rows in memory',
    async (name, it) => {
      const [make, write, inMemory] = it
      const fromFile = await write()
      const weights = async (rows: Rows, options: object = {}) => {
        const task = make() as Trained
        await task.train(rows as never, { ...once, ...(name.includes('generator') && { time: 8 }), ...options })
        return task.model.getWeights().map((weight) => [...weight.data])
      }
      const expected = await weights(inMemory())
      const stop = new AbortController()
      const backupDir = at(`backup-${name.length}`)
      let epoch = 0
      const stopping = {
        onEpochBegin: (begun: number) => {
          epoch = begun
        },
        // In the middle of the second epoch.
        onTrainBatchEnd: (batch: number) => void (epoch === 1 && batch === 1 && stop.abort()),
      }
      const aborted = weights(fromFile(), { backupDir, signal: stop.signal, callbacks: [stopping] })
      await expect(aborted).rejects.toThrow(/abort/i)
      expect(readdirSync(backupDir)).not.toEqual([])
      const begun: number[] = []
      const counting = { onEpochBegin: (epoch: number) => void begun.push(epoch) }
      expect(await weights(fromFile(), { backupDir, callbacks: [counting] })).toEqual(expected)
      expect(begun).not.toContain(0)
    },
    600_000,
  )
})
