// Trains one of some models, alone or as one of several ranks, and writes what came of it. Arguments: the model, the folder of the results, and,
// as JSON, what differs from the usual: options of `fit`, a folder for backups, what goes wrong on which rank.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs'
import { backend, callbacks, data, distributed, layers, losses, optimizers, sequential, tensor } from 'seqloom'

const [kind, results, given = '{}'] = process.argv.slice(2)
const { fit = {}, backupDir, csv, wrong = {}, keep = false, optimizer = {} } = JSON.parse(given)
const { rank, size } = distributed()
const isWrong = (what) => wrong.what === what && wrong.rank === rank

const [rows, time] = [101, 9]
const tokens = Int32Array.from({ length: rows * time }, (_, i) => 1 + ((i * 29 + (i >> 3) * 7) % 39))
const lengths = Array.from({ length: rows }, (_, i) => 1 + ((i * 7) % time))
const labels = Int32Array.from({ length: rows }, (_, i) => (i * 5 + (i >> 2)) % 3)
const numbers = Float32Array.from({ length: rows * time * 2 }, (_, i) => Math.sin(i * 1.7) + (i % 5) / 5)
const targets = Float32Array.from({ length: rows }, (_, i) => Math.cos(i / 3))
const sampleWeight = Float32Array.from({ length: rows }, (_, i) => (i % 4) / 2)

const kinds = {
  // Sparse gradients, sequences of different lengths, dropout, clipping, metrics of counts.
  tokens: () => {
    const m = sequential(
      [
        layers.embedding({ inputDim: 40, outputDim: 12, maskZero: true }),
        layers.lstm({ units: isWrong('model') ? 20 : 24, returnSequences: true }),
        layers.dropout({ rate: 0.3 }),
        layers.gru({ units: 16, recurrentDropout: 0.2 }),
        layers.dense({ units: 3, activation: 'softmax', kernelRegularizer: 'l2' }),
      ],
      { seed: 5 },
    )
    m.compile({
      optimizer: optimizers.adam({ learningRate: isWrong('optimizer') ? 0.03 : 0.02, globalClipNorm: 1, ...optimizer }),
      loss: 'sparseCategoricalCrossentropy',
      metrics: ['accuracy'],
    })
    return [m, tensor(tokens, [rows, time], { lengths }), labels, {}]
  },
  // A sum instead of a mean, weights of rows of which some are zero.
  numbers: () => {
    const m = sequential([layers.gru({ units: 8, inputShape: [time, 2], unroll: false }), layers.dense({ units: 1 })], {
      seed: 2,
    })
    m.compile({
      optimizer: optimizers.sgd({ learningRate: 0.01, momentum: 0.9 }),
      loss: losses.huber({ reduction: 'sum' }),
    })
    return [m, tensor(numbers, [rows, time, 2]), tensor(targets, [rows, 1]), { sampleWeight }]
  },
  // Large enough for the sums to be divided among the ranks.
  wide: () => {
    const m = sequential([layers.lstm({ units: 64, inputShape: [time, 2] }), layers.dense({ units: 1 })], { seed: 2 })
    m.compile({ optimizer: 'adamw', loss: 'meanSquaredError' })
    return [m, tensor(numbers, [rows, time, 2]), tensor(targets, [rows, 1]), { sampleWeight }]
  },
  // Large enough for the sums of its layers to be under way while the backward pass goes on.
  deep: () => {
    const m = sequential(
      [
        layers.lstm({ units: 192, inputShape: [time, 2], returnSequences: true }),
        layers.lstm({ units: 256 }),
        layers.dense({ units: 1 }),
      ],
      { seed: 2 },
    )
    m.compile({ optimizer: optimizers.sgd({ learningRate: 0.1, momentum: 0.9 }), loss: 'meanSquaredError' })
    return [m, tensor(numbers, [rows, time, 2]), tensor(targets, [rows, 1]), {}]
  },
  // Rows that come one after another.
  stream: () => {
    const [m] = kinds.tokens()
    const each = Array.from({ length: isWrong('fewer') ? 60 : rows }, (_, i) => ({
      x: tokens.slice(i * time, i * time + lengths[i]),
      y: labels[i],
    }))
    return [m, data.from(each).shuffle(40, { seed: 2 }), undefined, { validationData: data.from(each).take(24) }]
  },
}

/** Writes a file until its disk is full. */
function fill(file) {
  const open = openSync(file, 'w')
  try {
    for (;;) writeSync(open, Buffer.alloc(4096))
  } catch {
    closeSync(open)
  }
}

/** Does what Ctrl-C does to the launcher. */
function interrupt() {
  for (let pid = process.ppid; pid > 1; ) {
    const [parent, name] = execFileSync('ps', ['-o', 'ppid=,comm=', '-p', String(pid)], { encoding: 'utf8' })
      .trim()
      .split(/\s+/)
    if (/^(mpirun|mpiexec|orterun|prterun)/.test(name)) return process.kill(pid, 'SIGINT')
    pid = Number(parent)
  }
  throw new Error('no launcher was found')
}

const [model, x, y, own] = kinds[kind]()
const events = []
const options = {
  epochs: 4,
  batchSize: 13,
  ...(kind === 'stream' ? {} : { validationSplit: 0.2 }),
  ...own,
  ...fit,
  callbacks: [
    callbacks.earlyStopping({ monitor: 'loss', patience: 2, restoreBestWeights: true }),
    ...(backupDir ? [callbacks.backupAndRestore({ backupDir, saveFreq: 2, deleteCheckpoint: !keep })] : []),
    ...(csv ? [callbacks.csvLogger({ file: csv })] : []),
    {
      onEpochEnd: async (epoch, logs, training) => {
        events.push(logs.loss)
        if (wrong.rank !== rank || epoch !== (wrong.epoch ?? 1)) return
        // As a full disk does, it makes the next backup fail.
        if (wrong.what === 'full') mkdirSync(`${backupDir}/.model.json.tmp`)
        if (wrong.what === 'fill') fill(`${wrong.disk}/filled`)
        if (wrong.what === 'throw') throw new Error('no luck')
        if (wrong.what === 'kill') process.kill(process.pid, 'SIGKILL')
        if (wrong.what === 'exit') process.exit(0)
        if (wrong.what === 'uncaught')
          setTimeout(() => {
            throw new Error('no luck')
          })
        if (wrong.what === 'rejected') void Promise.reject(new Error('no luck'))
        if (wrong.what === 'interrupt') {
          interrupt()
          await new Promise((resolve) => setTimeout(resolve, 60_000))
        }
        if (wrong.what === 'stop') training.stop()
        if (wrong.what === 'rate') model.learningRate = 0.5
        if (wrong.what === 'weights')
          model.setWeights(
            model.getWeights().map((w) =>
              tensor(
                w.data.map(() => 0.1),
                w.shape,
              ),
            ),
          )
      },
    },
  ],
}
if (isWrong('data')) labels[0] = (labels[0] + 1) % 3
if (isWrong('label')) labels[0] = 17
const { history, epoch } = await (y === undefined ? model.fit(x, options) : model.fit(x, y, options))
const hash = createHash('sha256')
for (const { data } of model.getWeights()) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
const weights = model.getWeights().flatMap(({ data }) => Array.from(data.slice(0, 40)))
writeFileSync(
  `${results}/${rank}.json`,
  JSON.stringify({
    ...{ rank, size, threads: backend().threads, hash: hash.digest('hex'), weights, history, epoch, events },
    learningRate: model.learningRate,
  }),
)
