import { expect } from 'vitest'

/** The bound for outputs and losses, relative to the largest magnitude in the tensor. */
export const outputBound = 1e-5
/** The bound for gradients and trained weights, relative to the largest magnitude in the tensor. */
export const gradientBound = 1e-4

/** Anything with values and a shape. */
export interface Shaped {
  readonly data: ArrayLike<number>
  readonly shape: readonly number[]
}

/** The largest difference of two arrays divided by the largest magnitude that is expected; infinite where a value is not finite. */
export function relativeError(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let difference = 0
  let magnitude = 0
  for (let i = 0; i < expected.length; i++) {
    const gap = Math.abs((actual[i] ?? Number.NaN) - (expected[i] as number))
    if (!Number.isFinite(gap)) return Number.POSITIVE_INFINITY
    difference = Math.max(difference, gap)
    magnitude = Math.max(magnitude, Math.abs(expected[i] as number))
  }
  return magnitude === 0 ? difference : difference / magnitude
}

/** Asserts equal shapes, and values within `bound` relative to the largest expected magnitude. */
export function expectClose(actual: Shaped | undefined | null, expected: Shaped, bound: number, what: string): void {
  if (actual === undefined || actual === null) throw new Error(`${what} is missing`)
  expect([...actual.shape], `shape of ${what}`).toEqual([...expected.shape])
  expect(actual.data.length, `size of ${what}`).toBe(expected.data.length)
  expect(relativeError(actual.data, expected.data), `relative error of ${what}`).toBeLessThanOrEqual(bound)
}
