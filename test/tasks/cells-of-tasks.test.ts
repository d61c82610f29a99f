import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cells, tasks } from 'seqloom'
import { afterAll, describe, expect, it } from 'vitest'

const folder = mkdtempSync(join(tmpdir(), 'seqloom-task-cells-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const names = [
  ...[
    'gru',
    'simpleRNN',
    'peepholeLSTM',
    'layerNormLSTM',
    'minGRU',
    'minLSTM',
    'indRNN',
    'sru',
    'qrnn',
    'sLSTM',
    'mLSTM',
  ],
  ...['lru', 's4d', 's5', 'mamba', 'rwkv', 'gatedDeltaNet', 'coRNN', 'cfc', 'gruD'],
] as const
/** Odd sizes, which are nobody's multiples. */
const sizes = { units: 5, embedding: 3, seed: 1 } as const
const training = { epochs: 1, batchSize: 4, validationSplit: 0 } as const

const words = ['one', 'two', 'three', 'four', 'five']
const text = (n: number) => Array.from({ length: 1 + (n % 4) }, (_, i) => words[(n * 3 + i * i) % 5] as string)
const texts = Array.from({ length: 10 }, (_, n) => text(n).join(' '))
const ids = [...texts.keys()]
const frames = (n: number) => Array.from({ length: 6 + (n % 5) }, (_, t) => [Math.sin(n + t), Math.cos(n * t)])

/** Every task that takes a cell: how it is made, what it learns, and what it then says. */
const kinds = {
  TextClassifier: {
    rows: texts.map((each, n) => ({ text: each, label: n % 2 === 0 ? 'even' : 'odd' })),
    say: (task: tasks.TextClassifier) => task.predict(texts),
  },
  SequenceTagger: {
    rows: ids.map((n) => ({ tokens: text(n), tags: text(n).map((word) => word.slice(0, 1)) })),
    say: (task: tasks.SequenceTagger) => task.predict(ids.map(text) as never),
  },
  QuestionAnswerer: {
    rows: ids.map((n) => ({ story: `mary is in ${words[n % 5]}`, question: 'where is mary', answer: words[n % 5] })),
    say: (task: tasks.QuestionAnswerer) => task.predict([{ story: 'mary is in two', question: 'where is mary' }]),
  },
  TextGenerator: {
    options: { layers: 1 },
    rows: texts.join('\n'),
    training: { ...training, batchSize: 1, time: 7 },
    say: async (task: tasks.TextGenerator) => {
      let all = ''
      for await (const piece of task.generate('one', { maxTokens: 9, seed: 1 })) all += piece
      return all
    },
  },
  Translator: {
    rows: texts.map((source) => ({ source, target: source.toUpperCase() })),
    say: (task: tasks.Translator) => task.translate(texts.slice(0, 2)),
  },
  Forecaster: {
    options: { embedding: undefined, window: 8, horizon: 3 },
    rows: Array.from({ length: 60 }, (_, t) => Math.sin(t / 3)),
    training: { epochs: 1 },
    say: (task: tasks.Forecaster) => task.forecast(),
  },
  Transcriber: {
    options: { embedding: undefined },
    rows: ids.map((n) => ({ frames: frames(n), text: 'ab'.slice(0, 1 + (n % 2)) })),
    say: (task: tasks.Transcriber) => task.transcribe(ids.map(frames) as never),
  },
  LanguageEncoder: {
    rows: texts,
    say: (task: tasks.LanguageEncoder) => task.evaluate(texts),
  },
} as const

interface AnyTask {
  train(rows: unknown, options: object): Promise<unknown>
  save(path: string): Promise<void>
  quantize(): Promise<AnyTask>
}
interface Kind {
  readonly options?: object
  readonly rows: unknown
  readonly training?: object
  readonly say: (task: never) => unknown
}

describe.each(Object.entries(kinds) as unknown as [keyof typeof kinds, Kind][])('%s', (task, kind) => {
  const { options = {}, rows, say } = kind
  const make = tasks[task] as unknown as { new (options: object): AnyTask; load(path: string): Promise<AnyTask> }
  const given = (cell: unknown) =>
    Object.fromEntries(Object.entries({ ...sizes, ...options, cell }).filter(([, value]) => value !== undefined))
  const takes = (cell: unknown) => !(task === 'Translator' && cell === 'simpleRNN')

  it.each(names.filter(takes))('learns with %s, says the same after loading, and trains further', async (cell) => {
    const learner = new make(given(cell))
    await learner.train(rows, kind.training ?? training)
    const said = await say(learner as never)
    const path = join(folder, task)
    await learner.save(path)
    const again = await make.load(path)
    expect(await say(again as never)).toEqual(said)
    await again.train(rows, kind.training ?? training)
    await say((await again.quantize()) as never)
  })

  it.each([
    ['zoneout', () => cells.zoneout({ cell: cells.gru({ units: 3 }), rate: 0.2 })],
    ['several heads', () => cells.mLSTM({ units: 6, heads: 3 })],
    ['a stack', () => cells.projectedLSTM({ units: 4, projection: 3 })],
  ] as const)('takes a cell of its own size: %s', async (_, cell) => {
    const learner = new make(given(cell()))
    await learner.train(rows, kind.training ?? training)
    await say(learner as never)
  })
})
