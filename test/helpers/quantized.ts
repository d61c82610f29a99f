import { layers, sequential, tensor } from 'seqloom'
import { expect } from 'vitest'
import { wave } from './models.js'

/** A reader of tokens with a layer of every fused cell, all large enough to be quantized. */
export const reader = () =>
  sequential(
    [
      layers.embedding({ inputDim: 50, outputDim: 40, maskZero: true }),
      layers.lstm({ units: 48, returnSequences: true }),
      layers.gru({ units: 40, returnSequences: true }),
      layers.gru({ units: 36, resetAfter: false, returnSequences: true }),
      layers.simpleRNN({ units: 33, returnSequences: true }),
      layers.dense({ units: 50, activation: 'softmax' }),
    ],
    { seed: 3 },
  )

/** Its input: tokens from 1 to 48. */
export const tokens = (rows: number, time: number) =>
  tensor(
    Int32Array.from(wave(rows * time), (x) => 1 + Math.floor((x + 1) * 23)),
    [rows, time],
  )

/** The largest difference between the elements of two results. */
export function largestDifference(a: { data: ArrayLike<number> }, b: { data: ArrayLike<number> }): number {
  expect(a.data.length).toBe(b.data.length)
  return Array.from(a.data).reduce((most, x, i) => Math.max(most, Math.abs(x - (b.data[i] as number))), 0)
}
