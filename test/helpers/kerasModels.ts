import type * as seqloom from '../../src/index.js'

type Library = Pick<typeof seqloom, 'input' | 'layers' | 'model' | 'sequential' | 'cells'>

/** Models of all layers that Keras has, by what they show. */
export function kerasModels({ input, layers, model, sequential, cells }: Library) {
  const steps = { inputShape: [5, 3] }
  const encoderDecoder = () => {
    const [source, target] = [input({ shape: [null, 3], name: 'source' }), input({ shape: [null, 2], name: 'target' })]
    const [, h, c] = layers.lstm({ units: 4, returnState: true }).apply(source)
    const decoded = layers.lstm({ units: 4, returnSequences: true }).apply(target, { initialState: [h, c] })
    return model({ inputs: [source, target], outputs: layers.dense({ units: 3 }).apply(decoded) })
  }
  const shared = () => {
    const [a, b] = [input({ shape: [3] }), input({ shape: [3] })]
    const dense = layers.dense({ units: 4, activation: 'relu' })
    const [x, y] = [dense.apply(a), dense.apply(b)]
    const merged = [layers.add(), layers.multiply(), layers.average(), layers.maximum(), layers.minimum()].map(
      (merge) => merge.apply([x, y]),
    )
    const joined = layers.concatenate().apply([...merged, x])
    return model({ inputs: [a, b], outputs: [joined, y] })
  }
  const bothWithStates = () => {
    const x = input({ shape: [5, 3] })
    const states = [4, 4, 4, 4].map((units, at) =>
      layers.dense({ units, name: `s${at}` }).apply(layers.flatten().apply(x)),
    )
    const layer = layers.lstm({ units: 4, returnSequences: true, returnState: true })
    const outputs = layers.bidirectional({ layer }).apply(x, { initialState: states })
    return model({ inputs: x, outputs: [...outputs] })
  }
  const statesOfStack = () => {
    const [x, ...initialState] = [input({ shape: [5, 3] }), ...[4, 4, 2].map((units) => input({ shape: [units] }))]
    const cell = [cells.lstm({ units: 4 }), cells.gru({ units: 2, resetAfter: false })] as const
    const outputs = layers.rnn({ cell, returnState: true }).apply(x as never, { initialState })
    return model({ inputs: [x as never, ...initialState], outputs: outputs as never })
  }
  const attention = (make: 'attention' | 'additiveAttention' | 'multiHeadAttention', options: object) => () => {
    const [q, v] = [input({ shape: [4, 6] }), input({ shape: [5, 6] })]
    const layer = (layers[make] as typeof layers.attention)(options)
    const result = layer.apply([q, v]) as never
    return model({ inputs: [q, v], outputs: result })
  }
  const anywhere: Record<string, () => seqloom.Model> = {
    simpleRNN: () => sequential([layers.simpleRNN({ units: 4, ...steps }), layers.dense({ units: 2 })]),
    lstm: () => sequential([layers.lstm({ units: 4, ...steps }), layers.dense({ units: 2, activation: 'softmax' })]),
    gru: () => sequential([layers.gru({ units: 4, resetAfter: false, ...steps })]),
    'backwards without bias': () =>
      sequential([layers.lstm({ units: 4, goBackwards: true, useBias: false, returnSequences: true, ...steps })]),
    activations: () =>
      sequential([
        layers.lstm({
          units: 4,
          activation: 'softsign',
          recurrentActivation: 'hardSigmoid',
          returnSequences: true,
          ...steps,
        }),
        layers.simpleRNN({ units: 4, activation: 'hardSigmoid', returnSequences: true }),
        layers.gru({ units: 4, resetAfter: false, recurrentActivation: 'hardSigmoid', activation: 'relu' }),
        layers.dense({ units: 3, activation: 'hardSigmoid' }),
        layers.dense({ units: 3, activation: 'silu' }),
        layers.dense({ units: 3, activation: 'gelu' }),
        layers.activation({ activation: 'logSoftmax' }),
      ]),
    tokens: () =>
      sequential([
        layers.embedding({ inputDim: 9, outputDim: 3, maskZero: true }),
        layers.lstm({ units: 4, returnSequences: true }),
        layers.simpleRNN({ units: 4 }),
      ]),
    masking: () => sequential([layers.masking({ maskValue: 0, ...steps }), layers.lstm({ units: 4 })]),
    'each step': () =>
      sequential([
        layers.repeatVector({ n: 4, inputShape: [3] }),
        layers.simpleRNN({ units: 4, returnSequences: true, dropout: 0.2 }),
        layers.dropout({ rate: 0.5 }),
        layers.dropout({ rate: 0.5, noiseShape: [null, 1, null] }),
        layers.layerNormalization({ epsilon: 1e-4 }),
        layers.timeDistributed({ layer: layers.dense({ units: 2, activation: 'tanh' }) }),
        layers.flatten(),
        layers.reshape({ targetShape: [2, 4] }),
        layers.globalMaxPooling1d(),
      ]),
    'learned slopes': () =>
      sequential([
        layers.prelu({ sharedAxes: [1], alphaRegularizer: 'l2', ...steps }),
        layers.flatten(),
        layers.dense({ units: 4 }),
        layers.prelu({ alphaConstraint: 'nonNeg' }),
      ]),
    pooling: () =>
      sequential([layers.lstm({ units: 4, returnSequences: true, ...steps }), layers.globalAveragePooling1d()]),
    ...Object.fromEntries(
      (['concat', 'sum', 'ave', 'mul'] as const).map((mergeMode) => [
        `bidirectional ${mergeMode}`,
        () =>
          sequential([
            layers.bidirectional({ layer: layers.lstm({ units: 4, returnSequences: true }), mergeMode, ...steps }),
            layers.bidirectional({ layer: layers.simpleRNN({ units: 2 }), mergeMode }),
          ]),
      ]),
    ),
    'bidirectional with states': bothWithStates,
    'bidirectional without merging': () => {
      const x = input({ shape: [5, 3] })
      const layer = layers.lstm({ units: 4, returnSequences: true, returnState: true })
      return model({ inputs: x, outputs: layers.bidirectional({ layer, mergeMode: null }).apply(x) })
    },
    'stacked cells': () =>
      sequential([
        layers.rnn({
          cell: [
            cells.lstm({ units: 4 }),
            cells.gru({ units: 3, resetAfter: false }),
            cells.simpleRNN({ units: 2, activation: 'relu' }),
          ],
          returnSequences: true,
          ...steps,
        }),
        layers.rnn({ cell: cells.lstm({ units: 2, recurrentActivation: 'hardSigmoid' }) }),
      ]),
    'stacked alike': () =>
      sequential([
        layers.rnn({ cell: [cells.lstm({ units: 3 }), cells.lstm({ units: 2, useBias: false })], ...steps }),
      ]),
    'states of stacked cells': statesOfStack,
    'encoder and decoder': encoderDecoder,
    'shared layers': shared,
  }
  const keras: Record<string, () => seqloom.Model> = {
    'gru after': () => sequential([layers.gru({ units: 4, ...steps })]),
    'bidirectional gru': () => sequential([layers.bidirectional({ layer: layers.gru({ units: 4 }), ...steps })]),
    'directions of their own': () =>
      sequential([
        layers.bidirectional({
          layer: layers.gru({ units: 4 }),
          backwardLayer: layers.lstm({ units: 3, goBackwards: true }),
          ...steps,
        }),
      ]),
    subtract: () => {
      const [a, b] = [input({ shape: [3] }), input({ shape: [3] })]
      return model({ inputs: [a, b], outputs: layers.subtract().apply([a, b]) })
    },
    attention: attention('attention', { useScale: true }),
    'attention by sums': attention('attention', { useScale: true, scoreMode: 'concat' }),
    'additive attention': attention('additiveAttention', {}),
    'attention with scores': attention('attention', { returnAttentionScores: true }),
    'attention of many heads': attention('multiHeadAttention', { numHeads: 2, keyDim: 3, valueDim: 4 }),
    'attention of many heads with scores': attention('multiHeadAttention', {
      numHeads: 2,
      keyDim: 3,
      useBias: false,
      returnAttentionScores: true,
    }),
  }
  const keras3: Record<string, () => seqloom.Model> = {
    'root mean square': () => sequential([layers.rootMeanSquareNormalization({ inputShape: [4] })]),
    exponential: () => sequential([layers.dense({ units: 3, activation: 'exponential', inputShape: [4] })]),
  }
  return { anywhere, keras, keras3 }
}

/** Inputs for a model: numbers between -1 and 1, and tokens, the last of which are padding. */
export function sampleInputs(
  model: seqloom.Model,
  tensor: typeof seqloom.tensor,
): seqloom.Tensor<Float32Array | Int32Array>[] {
  return model.inputs.map(({ shape, dtype }, index) => {
    const sizes = shape.map((size, axis) => size ?? (axis === 0 ? 2 : 6 + index))
    const count = sizes.reduce((product, size) => product * size, 1)
    const values = Array.from({ length: count }, (_, at) =>
      dtype === 'int32' ? (at % 6 > 3 ? 0 : ((at * 5) % 8) + 1) : Math.sin(1 + at * 1.7 + index),
    )
    return tensor(dtype === 'int32' ? Int32Array.from(values) : Float32Array.from(values), sizes)
  })
}

/** Gives a model weights that are nowhere zero, as biases are at first. */
export function sampleWeights(model: seqloom.Model, tensor: typeof seqloom.tensor): void {
  model.setWeights(
    model.getWeights().map(({ data, shape }, at) =>
      tensor(
        data.map((_, i) => Math.sin(at + i * 1.3) / 2),
        shape,
      ),
    ),
  )
}
