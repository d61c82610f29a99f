// Programs that must compile. They are checked by the compiler and never run.
import {
  type Callback,
  callbacks,
  initializers,
  input,
  layers,
  loadModel,
  losses,
  metrics,
  model,
  optimizers,
  type SymbolicTensor,
  sequential,
  type Tensor,
  tensor,
} from 'seqloom'

const m = sequential(
  [
    layers.embedding({ inputDim: 20_000, outputDim: 64, maskZero: true }),
    layers.bidirectional({ layer: layers.lstm({ units: 128 }), mergeMode: 'sum' }),
    layers.dropout({ rate: 0.5 }),
    layers.dense({ units: 4, activation: 'softmax', kernelInitializer: initializers.heNormal({ seed: 3 }) }),
  ],
  { seed: 7, name: 'news' },
)
m.compile({
  optimizer: optimizers.adam({ learningRate: 1e-3, clipNorm: 1 }),
  loss: 'sparseCategoricalCrossentropy',
  metrics: ['accuracy', metrics.sparseCategoricalAccuracy({ name: 'top' })],
})
m.compile({ optimizer: 'rmsprop', loss: losses.huber({ delta: 2 }) })

const stop: Callback = { onEpochEnd: async (epoch, logs, training) => (logs.loss ?? epoch) < 0.1 && training.stop() }
const history = await m.fit(
  [
    [1, 2, 3],
    [4, 5],
  ],
  Int32Array.of(0, 1),
  {
    epochs: 5,
    batchSize: 64,
    validationSplit: 0.1,
    signal: AbortSignal.timeout(1000),
    callbacks: [callbacks.earlyStopping({ patience: 2, restoreBestWeights: true }), stop],
  },
)
export const losses_: number[] | undefined = history.history.loss
export const p: Tensor = await m.predict(tensor(new Int32Array(6), [2, 3], { lengths: [3, 2] }))
export const values: Float32Array = p.data
export const [loss]: number[] = await m.evaluate({ embedding: [[1]] }, [[0]])
export const again: Tensor = (await loadModel('news')).predictSync([[1, 2]])
export const foreign = m.predict({ shape: [1, 2], dataSync: () => new Int32Array(2) })

const x = input({ shape: [null, 5], name: 'x' })
const [encoded, h, c] = layers.lstm({ units: 8, returnState: true }).apply(x)
const [, forwardH, , backwardH] = layers.bidirectional({ layer: layers.lstm({ units: 8, returnState: true }) }).apply(x)
const [, state] = layers.gru({ units: 8, returnState: true }).apply(x)
const y: SymbolicTensor = layers.lstm({ units: 8, returnSequences: true }).apply(x, { initialState: [h, c] })
const both = model({ inputs: [x], outputs: [y, encoded, state, layers.concatenate().apply([forwardH, backwardH])] })
both.compile({ optimizer: 'adam', loss: ['mse', null, null, 'mae'], metrics: { lstm_1: ['mse'] } })
export const several: Tensor[] = await both.predict([[[1, 2, 3, 4, 5]]])
export const one: Tensor = await model({ inputs: x, outputs: y }).predict([[[1, 2, 3, 4, 5]]])

{
  using session = m.session({ batchSize: 1 })
  const step: Tensor = session.step([1])
  session.reorder([0])
  session.clone()[Symbol.dispose]()
  void step
}
