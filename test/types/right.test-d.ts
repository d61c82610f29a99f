// Programs that must compile. They are checked by the compiler and never run.
import {
  type Callback,
  callbacks,
  cells,
  defineCell,
  defineLayer,
  initializers,
  input,
  layers,
  loadModel,
  losses,
  metrics,
  model,
  ops,
  optimizers,
  type SymbolicTensor,
  type SymbolicValue,
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

const stop: Callback = {
  onEpochEnd: async (epoch, logs, training) => {
    if ((logs.loss ?? epoch) < 0.1) training.stop()
  },
}
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

const grown = defineCell({
  name: 'grown',
  states: { h: 8, c: [2, 4] },
  inputs: { x: 'features', gain: 1 },
  constants: { memory: ['steps', 'size'] },
  outputs: ['output', 'alignment'],
  weights: {
    kernel: ['features + 8', 16],
    bias: { shape: [16], initializer: initializers.constant({ value: 1 }) },
    levels: [[8, 8], { shape: ['size', 8] }],
  },
  step({ x, h, c, gain, memory }, w) {
    const [a, b] = x.concat(h).matmul(w.kernel).add(w.bias).split(2)
    const alignment = memory.matmul(w.levels[1]).sum().softmax({ mask: memory.mask() })
    const next: SymbolicValue = a.sigmoid().mul(b.tanh()).mul(gain).add(h.matmul(w.levels[0]))
    return { h: next, c: c.mul(0.5), output: ops.concat([next, h]), alignment: ops.sub(1, alignment) }
  },
})
const sequences = [x, input({ shape: [null, 1] })]
const [words, alignment] = layers
  .rnn({ cell: grown, returnSequences: true })
  .apply(sequences, { constants: { memory: x } })
const [, , lastH, lastC] = layers.rnn({ cell: grown, returnSequences: true, returnState: true }).apply(sequences)
const [lastOutput, carriedH, carriedC] = layers.rnn({ cell: cells.lstm({ units: 3 }), returnState: true }).apply(x)
const single: SymbolicTensor = layers.rnn({ cell: [cells.gru({ units: 3 }), cells.lstm({ units: 3 })] }).apply(x)
const twoWays: SymbolicTensor = layers
  .bidirectional({ layer: layers.rnn({ cell: cells.peepholeLSTM({ units: 3 }) }) })
  .apply(x)
const scaled = defineLayer({
  inputs: { x: ['time', 'features'] },
  weights: { scale: ['features'] },
  call({ x }, w, { addLoss }) {
    addLoss(w.scale.square().sum())
    return x.mul(w.scale)
  },
})
const stretched: SymbolicTensor = scaled({ name: 'scaled' }).apply(x)
const [attended, scores] = layers
  .multiHeadAttention({ numHeads: 2, keyDim: 3, returnAttentionScores: true })
  .apply([x, x])
export const traced = [
  words,
  alignment,
  lastH,
  lastC,
  lastOutput,
  carriedH,
  carriedC,
  single,
  twoWays,
  stretched,
  attended,
  scores,
]
m.compile({
  optimizer: 'adam',
  loss: (yTrue, yPred) => yPred.sub(yTrue).abs(),
  metrics: ['mse', (yTrue: SymbolicValue, yPred: SymbolicValue) => yPred.sub(yTrue).square()],
})
const vectorize = layers.textVectorization({ outputSequenceLength: 4, vocabulary: ['a'] })
const sentences = sequential([vectorize, layers.embedding({ inputDim: 3, outputDim: 2 }), layers.gru({ units: 1 })])
void sentences.fit(['a', 'b'], [[1], [0]])
void sentences.predict([['a']])
export const texts = [
  vectorize.call(['a']).shape,
  model({
    inputs: input({ batchShape: [2, 3] }),
    outputs: layers.dense({ units: 1, activation: null }).apply(input({ shape: [3], batchSize: 2 })),
  }).weights,
  layers.timeDistributed({ layer: sentences }),
  layers.timeDistributed({ layer: layers.lstm({ units: 3, unroll: true, implementation: 2 }) }),
]
