// Uses a model and a task alone and together with the other ranks, and writes whether both came to the same. Arguments:
// what is done, the folder of the results and, as JSON, what it needs.
import { writeFileSync } from 'node:fs'
import { configure, data, distributed, layers, loadModel, search, sequential, tasks, tensor } from 'seqloom'

const [what, results, given = '{}'] = process.argv.slice(2)
const options = JSON.parse(given)
if (process.env.OMPI_COMM_WORLD_SIZE ?? process.env.PMI_SIZE) configure({ distributed: 'mpi' })
const { rank, size } = distributed()

const [rows, time] = [77, 9]
const tokens = Array.from({ length: rows }, (_, i) =>
  Array.from({ length: 1 + ((i * 7) % time) }, (_, t) => 1 + ((i * 29 + t * 7) % 39)),
)
const labels = Int32Array.from({ length: rows }, (_, i) => (i * 5 + (i >> 2)) % 3)
const words = ['good', 'bad', 'fine', 'poor', 'nice', 'ugly']
const texts = Array.from({ length: 700 }, (_, i) => ({
  text: `${words[i % 6]} ${words[(i * 5) % 6]} day ${i % 11}`,
  label: i % 2 === 0 ? 'yes' : 'no',
}))

function classifier() {
  const m = sequential(
    [
      layers.embedding({ inputDim: 40, outputDim: 12, maskZero: true }),
      layers.lstm({ units: 24, returnSequences: options.sequences ?? false }),
      layers.dense({ units: 3, activation: 'softmax' }),
    ],
    { seed: 5 },
  )
  m.compile({ optimizer: 'adam', loss: 'sparseCategoricalCrossentropy', metrics: ['accuracy'] })
  return m
}

async function collected(source) {
  const list = []
  for await (const element of source) list.push(element)
  return list
}

/** A tensor as what can be compared. */
const plain = ({ data, shape, lengths, mask }) => ({
  shape,
  data: [...data],
  ...(lengths && { lengths: [...lengths] }),
  ...(mask && { mask: [...mask] }),
})

const inRows = (count = rows) => Array.from({ length: count }, (_, i) => ({ x: tokens[i], y: labels[i] }))

/** The rows from one on, as a source that need not go through those before: an array; counts what is read of it. */
const counting = () => {
  const read = []
  const source = data.from(Array.from({ length: 30 }, () => inRows()).flat()).map((row, at) => {
    read.push(at)
    return row
  })
  return { read, source }
}

const all = {
  // An array is read where the share begins; what a generator gives is gone through by every rank.
  share: async () => {
    const m = classifier()
    const { read, source } = counting()
    const shared = await m.evaluate(source, { batchSize: 4 })
    const count = read.length
    const alone = await m.evaluate(source, { batchSize: 4, distributed: false })
    return { read: count, values: [alone, shared] }
  },
  // Each rank makes rows of its share alone. Batches of 31 leave a last one of 16 rows, or of 1 for some ranks none.
  own: async () => {
    const list = Array.from({ length: 30 }, () => inRows())
      .flat()
      .slice(0, options.rows)
    if (options.wrong) {
      const wrong = data.from(list).map((row, at) => (at === 40 ? { x: [99], y: 0 } : row))
      return await classifier()
        .fit(wrong, { batchSize: 31 })
        .catch((error) => error.message)
    }
    const made = []
    const make = (row, at) => {
      made.push(at)
      return { x: row, y: labels[at % rows] }
    }
    const sources = {
      array: () => data.from(list.map(({ x }) => x)).map(make),
      generator: () =>
        data
          .from(() => list.map(({ x }) => x))
          .map(async (row, at) => make(row, at))
          .prefetch(),
      stream: () => data.from(list.map(({ x }) => x)[Symbol.iterator]()).map(make),
      shuffled: () =>
        data
          .from(list.map(({ x }) => x))
          .shuffle(50, { seed: 1 })
          .map(make),
      batches: () =>
        data
          .from(list.map(({ x }) => x))
          .map(make)
          .batch(31),
    }
    const found = {}
    for (const [name, source] of Object.entries(sources)) {
      made.length = 0
      const m = classifier()
      const [epochs, batchSize] = [name === 'stream' ? 1 : 4, name === 'batches' ? undefined : 31]
      const { history } = await m.fit(source(), { epochs, ...(batchSize && { batchSize }) })
      found[name] = { made: made.length / epochs, history, weights: m.getWeights().flatMap((w) => [...w.data]) }
    }
    return found
  },
  predict: async () => {
    const m = classifier()
    const both = async (call) => [await call({ distributed: false }), await call({})].map(plain)
    return {
      rows: await both((how) => m.predict(tokens, { batchSize: 8, ...how })),
      few: await both((how) => m.predict(tokens.slice(0, 3), how)),
      steps: await both((how) => m.predict(tokens, { batchSize: 8, steps: 3, ...how })),
      stream: await both((how) => m.predict(data.from(tokens), { batchSize: 2, ...how })),
      batches: await both((how) => m.predict(data.from(tokens).batch(5), how)),
      dealt: await both((how) =>
        m.predict(
          data.from(() => tokens),
          { batchSize: 2, ...how },
        ),
      ),
    }
  },
  evaluate: async () => {
    const m = classifier()
    const both = async (call) => [await call({ distributed: false }), await call({})]
    const seen = []
    const told = { onTestBatchEnd: async () => seen.push((await m.evaluate(tokens, labels))[0]) }
    return {
      rows: await both((how) => m.evaluate(tokens, labels, { batchSize: 8, ...how })),
      few: await both((how) => m.evaluate(tokens.slice(0, 3), labels.slice(0, 3), how)),
      steps: await both((how) => m.evaluate(tokens, labels, { batchSize: 8, steps: 3, ...how })),
      stream: await both((how) => m.evaluate(data.from(inRows()), { batchSize: 2, ...how })),
      fewer: await both((how) => m.evaluate(data.from(inRows()), { batchSize: 2, steps: 20, ...how })),
      batches: await both((how) => m.evaluate(data.from(inRows()).batch(5), how)),
      dealt: await both((how) =>
        m.evaluate(
          data.from(() => inRows()),
          { batchSize: 2, steps: 20, ...how },
        ),
      ),
      windows: await both((how) =>
        m.evaluate(data.from(inRows()).take(50).skip(3).batch(4, { dropRemainder: true }), how),
      ),
      told: await both((how) => m.evaluate(tokens, labels, { batchSize: 40, callbacks: told, ...how })),
    }
  },
  // What is called in callbacks, also of one rank alone, waits for nobody.
  callbacks: async () => {
    const m = classifier()
    const seen = []
    const onEpochEnd = async () => {
      if (rank === 0) seen.push((await m.evaluate(tokens, labels))[0])
      await m.evaluate(tokens, labels, { distributed: true }).catch(({ code }) => seen.push(code))
    }
    const wide = data.from(inRows()).map(async (row) => ({ ...row, y: (await m.predict([row.x])).argMax()[0] }))
    await m.fit(data.from(inRows()), { epochs: 1, callbacks: { onEpochEnd } })
    const [loss] = await classifier().evaluate(wide, { batchSize: 4 })
    const concurrent = await Promise.all([m.evaluate(tokens, labels), m.predict(tokens), m.evaluate(tokens, labels)])
    return { seen, loss, concurrent: [concurrent[0], concurrent[2]] }
  },
  task: async () => {
    const task = new tasks.TextClassifier({ units: 8, embedding: 8, seed: 1 })
    await task.train(texts.slice(0, 60), { epochs: 2, distributed: false })
    if (options.out) {
      const rows = task
        .predict(data.from(texts.map(({ text }) => text)))
        .map(({ label, probability }) => ({ label, probability }))
      const count = await data.write(rows, options.out)
      // The file is there for every rank.
      const read = (await collected(options.out.endsWith('csv') ? data.csv(options.out) : data.parquet(options.out)))
        .length
      return { count, read }
    }
    return {
      array: await task.predict(texts.map(({ text }) => text)),
      stream: await collected(task.predict(data.from(texts.map(({ text }) => text)))),
      evaluated: await task.evaluate(data.from(texts)),
    }
  },
  generator: async () => {
    const text = 'the quick brown fox jumps over the lazy dog. '.repeat(40)
    const task = new tasks.TextGenerator({ units: 16, embedding: 8, seed: 1, ...options.task })
    const { history } = await task.train(text, {
      epochs: 3,
      batchSize: 6,
      time: 10,
      learningRate: 0.01,
      ...options.train,
    })
    return {
      history,
      evaluated: await task.evaluate(text.slice(0, 300)),
      first: task.model.getWeights().flatMap(({ data }) => [...data.slice(0, 20)]),
    }
  },
  search: async () => {
    const told = []
    const found = await search[options.method ?? 'random']({
      space: { units: search.choice([4, 6, 8, 10, 12, 14]), seed: search.choice([1, 2, 3]) },
      model: ({ units, seed }) => {
        if (options.fails && units === 8) throw new Error('not these')
        const m = sequential([layers.gru({ units, inputShape: [null, 1] }), layers.dense({ units: 1 })], { seed })
        m.compile({ optimizer: 'adam', loss: 'mse' })
        return m
      },
      x: tensor(
        Float32Array.from({ length: 200 }, (_, i) => Math.sin(i)),
        [40, 5, 1],
      ),
      y: tensor(
        Float32Array.from({ length: 40 }, (_, i) => Math.cos(i)),
        [40, 1],
      ),
      ...(options.method
        ? { fit: { validationSplit: 0.25 }, epochs: 4 }
        : { fit: { epochs: 2, validationSplit: 0.25 }, trials: 5 }),
      ...(options.folder && { folder: options.folder }),
      onTrial: ({ number, state }) => {
        told.push([number, state])
        if (options.kill === rank && told.length === 2) process.kill(process.pid, 'SIGKILL')
      },
    })
    const trials = found.trials.map(({ seconds: _, ...trial }) => trial)
    return {
      trials,
      best: found.best.number,
      told: told.length,
      weights: found.refitted.getWeights().flatMap(({ data }) => [...data]),
    }
  },
  // Each process draws a seed of its own, and its first weights by it.
  unseeded: async () => {
    const m = sequential([
      layers.lstm({ units: 4, inputShape: [null, 1] }),
      layers.dropout({ rate: 0.2 }),
      layers.dense({ units: 1 }),
    ])
    m.compile({ optimizer: 'adam', loss: 'mse' })
    const [x, y] = [tensor(new Float32Array(60).fill(0.1), [20, 3, 1]), tensor(new Float32Array(20).fill(0.3), [20, 1])]
    const { history } = await m.fit(x, y, { epochs: 2, batchSize: 6, distributed: true })
    return { history, weights: m.getWeights().flatMap(({ data }) => [...data]) }
  },
  // Dropout draws by rank 0's seed, whatever seeds the other ranks have drawn.
  dropped: async () => {
    const m = sequential(
      [layers.dense({ units: 64, inputShape: [4] }), layers.dropout({ rate: 0.5 }), layers.dense({ units: 1 })],
      { seed: options.seeds[rank] },
    )
    m.compile({ optimizer: 'adam', loss: 'mse' })
    const x = tensor(
      Float32Array.from({ length: 160 }, (_, i) => Math.sin(i)),
      [40, 4],
    )
    const { history } = await m.fit(x, new Float32Array(40).fill(0.3), { epochs: 3, batchSize: 10, seed: 1 })
    return { history, weights: m.getWeights().flatMap(({ data }) => [...data]) }
  },
  // Rank 0 may save by itself, as programs for other libraries do.
  saved: async () => {
    const m = classifier()
    const [folder, file] = ['model', 'weights.safetensors'].map((name) => `${options.out}/${name}`)
    if (rank === 0) {
      await m.save(folder)
      await m.saveWeights(file)
    }
    // All have come here once this resolves, so the files are there.
    const [loss] = await m.evaluate(tokens, labels)
    const loaded = await loadModel(folder)
    await loaded.loadWeights(file)
    return { loss, weights: loaded.getWeights().map(plain), expected: m.getWeights().map(plain) }
  },
  // What is wrong on one rank ends all.
  wrong: async () => {
    const m = classifier()
    if (options.what === 'data') await m.predict(rank === 0 ? tokens : tokens.slice(1))
    if (options.what === 'throws') {
      await m.evaluate(
        data.from(async function* () {
          for (const [i, row] of inRows().entries()) {
            if (rank === 1 && i === 50) throw new Error('no luck')
            yield row
          }
        }),
        { batchSize: 2 },
      )
    }
    if (options.what.startsWith('weights')) {
      const w = m.getWeights()
      if (rank === 1) w[1].data[0] += 1e-3
      m.setWeights(w)
      if (options.what === 'weights to predict') await m.predict(tokens)
      if (options.what === 'weights to predict a stream') await m.predict(data.from(tokens), { batchSize: 2 })
      if (options.what === 'weights to evaluate') await m.evaluate(tokens, labels)
      if (options.what === 'weights to evaluate a stream') await m.evaluate(data.from(inRows()), { batchSize: 2 })
    }
    if (options.what === 'write') await data.write([{ a: 1 }], '/nowhere/rows.csv')
    // All begin alike; how many there are is known beforehand, or only when they have been gone through.
    const some = inRows(rank === 0 ? 77 : 60)
    if (options.what === 'fewer in a stream')
      await m.predict(
        data.from(some).map(({ x }) => x),
        { batchSize: 2 },
      )
    if (options.what === 'fewer of a generator')
      await m.predict(
        data.from(() => some.map(({ x }) => x)),
        { batchSize: 2 },
      )
    if (options.what === 'fewer to evaluate')
      await m.evaluate(
        data.from(() => some),
        { batchSize: 2 },
      )
    if (options.what === 'goes' && rank === 0) await m.predict(tokens)
    if (options.what === 'hangs') {
      if (rank === 1) await new Promise((resolve) => setTimeout(resolve, 30_000))
      await m.predict(tokens)
    }
    if (options.what === 'other') await (rank === 0 ? m.predict(tokens) : m.evaluate(tokens, labels))
    if (options.what === 'stdin') await m.evaluate(data.csv('-', { x: ['a'], y: 'b' }))
    if (options.what === 'averageEvery') {
      const stateful = sequential([
        layers.lstm({ units: 4, batchInputShape: [2, 3, 1], stateful: true }),
        layers.dense({ units: 1 }),
      ])
      stateful.compile({ optimizer: 'sgd', loss: 'mse' })
      const [x, y] = [tensor(new Float32Array(12), [4, 3, 1]), tensor(new Float32Array(4), [4, 1])]
      await stateful.fit(x, y, { batchSize: 2, distributed: { averageEvery: 2 } })
    }
    return {}
  },
}

const found = await all[what]()
writeFileSync(`${results}/${rank}.json`, JSON.stringify({ rank, size, found }))
