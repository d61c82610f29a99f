import { layers, optimizers, sequential } from 'seqloom'

/** A small classifier of tokens: vocabulary 10, three classes. */
export function tokenClassifier(seed = 1) {
  const m = sequential(
    [
      layers.embedding({ inputDim: 10, outputDim: 4, name: 'words' }),
      layers.lstm({ units: 5, name: 'reader' }),
      layers.dense({ units: 3, activation: 'softmax', name: 'head' }),
    ],
    { seed },
  )
  m.compile({
    optimizer: optimizers.adam({ learningRate: 0.01 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  })
  return m
}

/** A small regression on sequences of two features; `time` fixes their length. */
export function regression(options: { time?: number; learningRate?: number; seed?: number } = {}) {
  const m = sequential(
    [
      layers.gru({ units: 4, inputShape: [options.time ?? null, 2], name: 'reader' }),
      layers.dense({ units: 1, name: 'head' }),
    ],
    { seed: options.seed ?? 1 },
  )
  m.compile({ optimizer: optimizers.sgd({ learningRate: options.learningRate ?? 0.01 }), loss: 'meanSquaredError' })
  return m
}

/** Deterministic values in (−1, 1), for inputs that need not be random. */
export function wave(length: number, phase = 0): Float32Array {
  const data = new Float32Array(length)
  for (let i = 0; i < length; i++) data[i] = (((i + 13 * phase) * 37) % 101) / 50.5 - 0.995
  return data
}

/** A copy of every weight's values, by name. */
export function weightValues(m: { namedWeights(): Record<string, { data: ArrayLike<number> }> }): number[][] {
  return Object.values(m.namedWeights()).map(({ data }) => Array.from(data))
}
