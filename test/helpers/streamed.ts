import { type FitOptions, layers, optimizers, type Sequential, sequential } from 'seqloom'

/** A row of two numbers and its class. */
export interface Pair {
  readonly x: readonly [number, number]
  readonly y: number
}

/** So many rows, the same each time. */
export const pairs = (count: number): Pair[] =>
  Array.from({ length: count }, (_, i) => {
    const [a, b] = [((i * 37) % 64) / 16 - 2, ((i * 11) % 32) / 8 - 2] as const
    return { x: i === 0 ? [0, b] : [a, b], y: i > 0 && a * b > 0 ? 1 : 0 }
  })

/** Inputs and targets in memory. */
export const memoryOf = (rows: readonly Pair[]) => [rows.map(({ x }) => x), rows.map(({ y }) => y)] as const

/** Classifies such rows. */
export function classifier(): Sequential {
  const m = sequential(
    [
      layers.dense({ units: 8, activation: 'tanh', inputShape: [2] }),
      layers.dropout({ rate: 0.2 }),
      layers.dense({ units: 2, activation: 'softmax' }),
    ],
    { seed: 1 },
  )
  m.compile({
    optimizer: optimizers.adam({ learningRate: 0.02 }),
    loss: 'sparseCategoricalCrossentropy',
    metrics: ['accuracy'],
  })
  return m
}

/** The weights of a model, as numbers. */
export const weightsOf = (m: Sequential): number[][] => m.getWeights().map(({ data }) => [...data])

/** The weights after training with a stream, or with inputs and targets in memory. */
export async function trained(x: unknown, y?: unknown, options?: FitOptions | object): Promise<number[][]> {
  const m = classifier()
  const settings = { batchSize: 16, epochs: 3 }
  if (Array.isArray(x)) await m.fit(x, y as number[], { ...settings, shuffle: false, ...options })
  else await m.fit(x as AsyncIterable<unknown>, clean({ ...settings, ...(y as object) }))
  return weightsOf(m)
}

const clean = (options: object): FitOptions =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))
