// Trains with a backup in a folder, going on from it if there is one; prints a line once it begins, then a hash of the weights, and the history.
// Arguments: the folder; what changes the learning rate, 'schedule' or 'plateau', or the name of a stream of streams.mjs; the folder of its files.
import { createHash } from 'node:crypto'
import { callbacks, layers, optimizers, sequential, tensor } from 'seqloom'
import { streams } from './streams.mjs'

const [backupDir, rate, files] = process.argv.slice(2)
const m = sequential(
  [
    layers.embedding({ inputDim: 40, outputDim: 12, maskZero: true }),
    layers.lstm({ units: 24, returnSequences: true }),
    layers.dropout({ rate: 0.3 }),
    layers.gru({ units: 16 }),
    layers.dense({ units: 3, activation: 'softmax' }),
  ],
  { seed: 5 },
)
const cosine = optimizers.schedules.cosineDecay({ initialLearningRate: 0.02, decaySteps: 40 })
const learningRate = rate === 'schedule' ? optimizers.schedules.warmup({ learningRate: cosine, warmupSteps: 10 }) : 0.02
m.compile({
  optimizer: optimizers.adam({
    learningRate,
    globalClipNorm: 1,
    ...(rate === 'accumulation' && { gradientAccumulationSteps: 3 }),
  }),
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy'],
})
const [rows, time] = [120, 15]
const tokens = Int32Array.from({ length: rows * time }, (_, i) => 1 + ((i * 29 + (i >> 3) * 7) % 39))
const lengths = Array.from({ length: rows }, (_, i) => 1 + ((i * 7) % time))
const labels = Int32Array.from({ length: rows }, (_, i) => (i * 5 + (i >> 2)) % 3)
const plateau =
  rate === 'plateau' ? [callbacks.reduceLROnPlateau({ patience: 1, factor: 0.5, minDelta: 0.01, cooldown: 1 })] : []
const options = {
  epochs: 8,
  batchSize: 16,
  classWeight: { 1: 2 },
  callbacks: [
    callbacks.earlyStopping({ patience: 4, restoreBestWeights: true }),
    ...plateau,
    ...(backupDir === 'none' ? [] : [callbacks.backupAndRestore({ backupDir, saveFreq: 4 })]),
  ],
}
console.log('training')
async function train() {
  if (!Object.hasOwn(streams, rate))
    return m.fit(tensor(tokens, [rows, time], { lengths }), labels, { ...options, validationSplit: 0.2 })
  const { source, ...more } = streams[rate](files)
  return m.fit(source, { ...options, epochs: 20, ...more })
}
const { history, epoch } = await train()
const hash = createHash('sha256')
for (const { data } of m.getWeights()) hash.update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
console.log(JSON.stringify({ weights: hash.digest('hex'), history, epoch, learningRate: m.learningRate }))
