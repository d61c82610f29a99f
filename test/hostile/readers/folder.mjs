// Models and tasks that we have saved: how a small one of every kind is made, and how a loaded one is used.
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { callbacks, layers, loadModel, sequential, tasks, tensor } from 'seqloom'
import { alterFolder } from '../alter/folder.mjs'
import { attending, severalOutputs, tracedCells } from './models.mjs'

const wave = (count) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 1.7))
const quick = { epochs: 1, batchSize: 8 }
const sequences = tensor(wave(2 * 4 * 3), [2, 4, 3], { lengths: [4, 2] })

/** Uses a model in all ways that its training allows. */
async function useModel(folder, x, y, after) {
  const m = await loadModel(folder)
  try {
    m.summary()
    JSON.stringify(m.toJSON())
    const errors = []
    const tries = [
      () => m.predict(x),
      () => m.session({ batchSize: 2 }).reset(),
      () => m.evaluate(x, y),
      () => m.fit(x, y, { epochs: 1, batchSize: 2, shuffle: false }),
    ]
    for (const each of tries) {
      try {
        await each()
      } catch (error) {
        errors.push(error)
      }
    }
    await after?.(m)
    return errors
  } finally {
    m.dispose()
  }
}

const compiled = (m, loss = 'mse') => {
  m.compile({ optimizer: 'adam', loss })
  return m
}

/** A model that is fitted once and saved. */
const ofModel = (build, x, y) => ({
  make: async (folder) => {
    const m = build()
    if (y !== undefined) await m.fit(x, y, { epochs: 1, shuffle: false })
    await m.save(folder)
    m.dispose()
  },
  use: (folder) => useModel(folder, x, y),
})

/** A task that is trained for one epoch and saved. */
const ofTask = (Task, settings, rows, use, training = quick) => ({
  make: async (folder) => {
    const task = new Task(settings)
    await task.train(rows, { validationSplit: 0, ...training })
    await task.save(folder)
  },
  use: async (folder) => {
    await use(await Task.load(folder))
    return []
  },
})

const numbers = ['one', 'two', 'three', 'four']
const pairs = numbers.flatMap((a) => numbers.map((b) => ({ source: `${a} ${b}.`, target: `${b} ${a} !` })))
const stories = numbers.map((name) => ({
  story: `${name} likes red. zoe likes blue.`,
  question: `What does ${name} like?`,
  answer: 'red',
}))
const texts = numbers.flatMap((a) => [
  { text: `${a} is a splendid film`, label: 'good' },
  { text: `${a} is a dreadful film`, label: 'bad' },
])
const side = 8
const images = numbers.map((caption, i) => ({
  image: { data: new Uint8Array(side * side * 3).fill(60 * i), width: side, height: side },
  caption,
}))

async function readAll(pieces) {
  let all = ''
  for await (const piece of pieces) all += piece
  return all
}

/** All kinds, by name. */
const kinds = {
  dense: ofModel(
    () =>
      compiled(
        sequential(
          [
            layers.dense({ units: 3, inputShape: [3], activation: 'tanh' }),
            layers.dropout({ rate: 0.1 }),
            layers.dense({ units: 1 }),
          ],
          { seed: 1 },
        ),
      ),
    tensor(wave(12), [4, 3]),
    tensor(wave(4), [4, 1]),
  ),
  lstm: ofModel(
    () =>
      compiled(
        sequential(
          [
            layers.masking({ inputShape: [null, 3] }),
            layers.lstm({ units: 4, returnSequences: true }),
            layers.gru({ units: 3 }),
            layers.dense({ units: 1 }),
          ],
          { seed: 1 },
        ),
      ),
    sequences,
    tensor(wave(2), [2, 1]),
  ),
  bidirectional: ofModel(
    () =>
      compiled(
        sequential(
          [
            layers.bidirectional({ layer: layers.lstm({ units: 3, returnSequences: true }), inputShape: [null, 3] }),
            layers.timeDistributed({ layer: layers.dense({ units: 2 }) }),
          ],
          { seed: 1 },
        ),
      ),
    sequences,
    tensor(wave(2 * 4 * 2), [2, 4, 2]),
  ),
  tracedCell: ofModel(() => compiled(tracedCells()), sequences, tensor(wave(2), [2, 1])),
  attention: ofModel(() => compiled(attending()), sequences, tensor(wave(2), [2, 1])),
  severalOutputs: ofModel(severalOutputs, [
    [[1, 2, 3], [4]],
    [
      [1, 2, 3],
      [4, 5, 6],
    ],
  ]),
  backup: {
    make: async (folder) => {
      const m = compiled(
        sequential([layers.simpleRNN({ units: 3, inputShape: [null, 3] }), layers.dense({ units: 1 })], { seed: 1 }),
      )
      const stop = new AbortController()
      const x = tensor(wave(8 * 4 * 3), [8, 4, 3])
      const options = {
        epochs: 3,
        batchSize: 2,
        signal: stop.signal,
        callbacks: [
          callbacks.backupAndRestore({ backupDir: folder }),
          { onEpochBegin: (epoch) => void (epoch === 1 && stop.abort()) },
        ],
      }
      await m.fit(x, tensor(wave(8), [8, 1]), options).catch(() => undefined)
      m.dispose()
    },
    use: async (folder) => {
      const m = compiled(
        sequential([layers.simpleRNN({ units: 3, inputShape: [null, 3] }), layers.dense({ units: 1 })], { seed: 1 }),
      )
      try {
        const x = tensor(wave(8 * 4 * 3), [8, 4, 3])
        await m.fit(x, tensor(wave(8), [8, 1]), {
          epochs: 3,
          batchSize: 2,
          callbacks: [callbacks.backupAndRestore({ backupDir: folder })],
        })
        return []
      } finally {
        m.dispose()
      }
    },
  },
  classifier: ofTask(tasks.TextClassifier, { units: 3, embedding: 3, seed: 1 }, texts, (task) =>
    task.predict(['a splendid film', '']),
  ),
  tagger: ofTask(
    tasks.SequenceTagger,
    { units: 3, embedding: 3, seed: 1 },
    numbers.map((token) => ({ tokens: [token, 'b'], tags: ['x', 'y'] })),
    (task) => task.predict([['one', 'never seen'], ['b']]),
  ),
  answerer: ofTask(tasks.QuestionAnswerer, { units: 3, embedding: 3, seed: 1 }, stories, (task) =>
    task.predict(stories.slice(0, 2)),
  ),
  translator: ofTask(tasks.Translator, { units: 4, embedding: 3, seed: 1 }, pairs, (task) =>
    task.translate(['one two.', 'unheard of'], { beamWidth: 2 }),
  ),
  generator: ofTask(
    tasks.TextGenerator,
    { units: 4, layers: 1, embedding: 3, seed: 1, tokens: 'word' },
    'the quick brown fox jumps over the lazy dog. '.repeat(20),
    (task) => readAll(task.generate('the quick', { maxTokens: 10, seed: 1 })),
    { ...quick, time: 6 },
  ),
  captioner: ofTask(
    tasks.Captioner,
    { patchSize: 4, annotationSize: 4, units: 4, embedding: 3, dropout: 0, seed: 1 },
    images,
    (task) => task.caption([images[0].image], { beamWidth: 2 }),
  ),
  forecaster: ofTask(
    tasks.Forecaster,
    { variables: ['here', 'there'], horizon: 2, window: 8, units: 3, seed: 1 },
    Array.from({ length: 60 }, (_, t) => [Math.sin(t), 5 + Math.cos(t)]),
    (task) => {
      task.forecast()
      task.update([1, 2])
    },
  ),
}

/** Folders, each with an archive of the same model or task. */
export const folders = {
  async make(folder) {
    for (const [name, { make }] of Object.entries(kinds)) {
      mkdirSync(join(folder, name))
      await make(join(folder, name))
    }
  },
  alter(random, { files }) {
    const { what, files: altered } = alterFolder(random, files)
    return [what, altered]
  },
  use: async ({ name, place }) => await kinds[name].use(place()),
}
