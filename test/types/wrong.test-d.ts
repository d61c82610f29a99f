// Programs that must not compile: each line marked so has an error, and a mark without one is an error too. Never run.
import {
  callbacks,
  cells,
  defineCell,
  initializers,
  input,
  layers,
  losses,
  metrics,
  model,
  optimizers,
  sequential,
  tensor,
} from 'seqloom'

// @ts-expect-error units is missing
layers.lstm({})
// @ts-expect-error unknown option
layers.lstm({ units: 8, unitz: 3 })
// @ts-expect-error wrong type
layers.lstm({ units: '8' })
// @ts-expect-error unknown activation
layers.lstm({ units: 8, activation: 'tanhh' })
// @ts-expect-error no activation of a recurrent cell
layers.gru({ units: 8, recurrentActivation: 'softmax' })
// @ts-expect-error wrong type
layers.lstm({ units: 8, stateful: 'yes' })
// @ts-expect-error wrong type
layers.gru({ units: 8, recurrentDropout: '0.5' })
// @ts-expect-error no regularizer
layers.gru({ units: 8, recurrentRegularizer: 'l3' })
// @ts-expect-error no such weight
layers.dense({ units: 8, recurrentConstraint: 'maxNorm' })
// @ts-expect-error only the GRU has it
layers.lstm({ units: 8, resetAfter: true })
// @ts-expect-error Python's spelling
layers.lstm({ units: 8, return_sequences: true })
// @ts-expect-error unknown initializer
layers.dense({ units: 8, kernelInitializer: 'glorot' })
// @ts-expect-error unknown layer
layers.conv1d({ filters: 3 })
// @ts-expect-error not a recurrent layer
layers.bidirectional({ layer: layers.dense({ units: 3 }) })
// @ts-expect-error unknown merge mode
layers.bidirectional({ layer: layers.lstm({ units: 3 }), mergeMode: 'max' })
// @ts-expect-error not a layer
layers.timeDistributed({ layer: 'lstm' })
// @ts-expect-error rate is missing
layers.dropout({})
// @ts-expect-error unknown option
initializers.constant({ val: 3 })
// @ts-expect-error unknown optimizer
optimizers.adamm()
// @ts-expect-error another optimizer's option
optimizers.adam({ rho: 0.9 })
// @ts-expect-error unknown option
optimizers.sgd({ lr: 0.1 })
// @ts-expect-error unknown option
losses.huber({ fromLogits: true })
// @ts-expect-error unknown option
metrics.accuracy({ threshold: 1 })
// @ts-expect-error unknown option
callbacks.earlyStopping({ patience: 2, restoreBest: true })
// @ts-expect-error unknown function
callbacks.lambda({ onEpochStart: () => undefined })
// @ts-expect-error unknown type
input({ shape: [null, 5], dtype: 'float64' })
// @ts-expect-error shape is missing
input({ name: 'x' })
// @ts-expect-error 64-bit integers
tensor(new BigInt64Array(2), [2])
// @ts-expect-error shape is missing
tensor(new Float32Array(2))

const m = sequential([layers.embedding({ inputDim: 9, outputDim: 2 }), layers.lstm({ units: 2 })])
// @ts-expect-error not a layer
sequential([{ units: 3 }])
// @ts-expect-error unknown option
sequential([], { sead: 3 })
// @ts-expect-error loss is missing
m.compile({ optimizer: 'adam' })
// @ts-expect-error unknown optimizer
m.compile({ optimizer: 'adamm', loss: 'mse' })
// @ts-expect-error unknown loss
m.compile({ optimizer: 'adam', loss: 'mse2' })
// @ts-expect-error unknown metric
m.compile({ optimizer: 'adam', loss: 'mse', metrics: ['acc2'] })
// @ts-expect-error unknown option
void m.fit([[1]], [1], { epoch: 3 })
// @ts-expect-error no such way of showing
void m.fit([[1]], [1], { verbose: 3 })
// @ts-expect-error unknown callback function
void m.fit([[1]], [1], { callbacks: { onEpochStart: () => undefined } })
// @ts-expect-error symbols are no data
void m.predict([[Symbol('a')]])
// @ts-expect-error unknown option
m.predictSync([[1]], { signal: new AbortController().signal })
// @ts-expect-error outputs are missing
model({ inputs: input({ shape: [3] }) })
// @ts-expect-error a data array is no symbolic value
layers.dense({ units: 3 }).apply([[1, 2]])
// @ts-expect-error a layer without states returns one value
const [a, b] = layers.lstm({ units: 3 }).apply(input({ shape: [null, 3] }))
void [a, b]

const sizes = { states: { h: 8 }, weights: { kernel: ['features', 8] } } as const
// @ts-expect-error states are missing
defineCell({ step: () => ({}) })
// @ts-expect-error a weight that is not declared
defineCell({ ...sizes, step: ({ x }, w) => ({ h: x.matmul(w.kernal) }) })
// @ts-expect-error a value that is not declared
defineCell({ ...sizes, step: ({ y }, w) => ({ h: y.matmul(w.kernel) }) })
// @ts-expect-error the new state is missing
defineCell({ ...sizes, step: ({ x }, w) => ({ output: x.matmul(w.kernel) }) })
// @ts-expect-error an output is missing
defineCell({ ...sizes, outputs: ['output', 'alignment'], step: ({ x, h }) => ({ h, output: x }) })
// @ts-expect-error a number is no symbolic value
defineCell({ ...sizes, step: () => ({ h: 3 }) })
// @ts-expect-error arithmetic on symbolic values
defineCell({ ...sizes, step: ({ x, h }) => ({ h: x + h }) })
// @ts-expect-error unknown option
defineCell({ ...sizes, step: ({ h }) => ({ h: h.softmax({ maks: h }) }) })
// @ts-expect-error only four parts
defineCell({ ...sizes, step: ({ h }) => ({ h: h.split(4)[4] }) })
// @ts-expect-error units are missing
cells.lstm({})
// @ts-expect-error only the GRU has it
cells.lstm({ units: 8, resetAfter: true })
// @ts-expect-error a layer is no cell
layers.rnn({ cell: layers.lstm({ units: 8 }) })
// @ts-expect-error a loss has a symbolic result
m.compile({ optimizer: 'adam', loss: () => 3 })

// @ts-expect-error callbacks return nothing
callbacks.lambda({ onEpochEnd: (epoch) => epoch + 1 })
// @ts-expect-error nor may their promises hold anything
callbacks.lambda({ onTrainEnd: async () => 'done' })
