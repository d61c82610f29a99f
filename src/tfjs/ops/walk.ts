import { fullStrides, sizeFromShape } from '../shapes.js'
import type { DataValues } from '../types.js'

export type Numbers = Float32Array | Int32Array | Uint8Array

/** Work on `n` elements: `at` has where each array's begin, `steps` how far apart they are. */
export type Run = (at: readonly number[], n: number, steps: readonly number[]) => void

/**
 * Walks through several arrays at once that are seen as having one shape, each with its own strides (0 where it is
 * repeated). Neighbouring dimensions are walked as one where all arrays allow it.
 */
export function eachRun(
  shape: readonly number[],
  strides: readonly (readonly number[])[],
  starts: readonly number[],
  run: Run,
): void {
  if (sizeFromShape(shape) === 0) return
  const { dims, steps } = merged(shape, strides)
  const outer = dims.length - 1
  const inner = dims[outer] as number
  const innerSteps = steps.map((each) => each[outer] as number)
  const at = [...starts]
  const index = new Array<number>(outer).fill(0)
  const move = (axis: number, count: number) => {
    for (let k = 0; k < at.length; k++) (at[k] as number) += (steps[k]?.[axis] as number) * count
  }
  for (;;) {
    run(at, inner, innerSteps)
    let axis = outer - 1
    for (; axis >= 0; axis--) {
      const next = (index[axis] as number) + 1
      if (next < (dims[axis] as number)) {
        index[axis] = next
        move(axis, 1)
        break
      }
      index[axis] = 0
      move(axis, 1 - (dims[axis] as number))
    }
    if (axis < 0) return
  }
}

/** The same walk with as few dimensions as possible, but at least one. */
function merged(shape: readonly number[], strides: readonly (readonly number[])[]) {
  const dims: number[] = []
  const steps: number[][] = strides.map(() => [])
  for (let axis = 0; axis < shape.length; axis++) {
    const dim = shape[axis] as number
    if (dim === 1) continue
    const last = dims.length - 1
    const joins = last >= 0 && steps.every((each, k) => each[last] === (strides[k]?.[axis] as number) * dim)
    if (joins) {
      dims[last] = (dims[last] as number) * dim
      steps.forEach((each, k) => {
        each[last] = strides[k]?.[axis] as number
      })
    } else {
      dims.push(dim)
      steps.forEach((each, k) => {
        each.push(strides[k]?.[axis] as number)
      })
    }
  }
  if (dims.length === 0) {
    dims.push(1)
    for (const each of steps) each.push(1)
  }
  return { dims, steps }
}

/** The strides of a shape as it is repeated along the dimensions of a larger one. */
export function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const own = fullStrides(shape)
  const missing = to.length - shape.length
  return to.map((_, axis) => (axis < missing || shape[axis - missing] === 1 ? 0 : (own[axis - missing] as number)))
}

/** Part of an array, seen with strides. */
export interface View {
  readonly values: DataValues
  readonly start: number
  readonly strides: readonly number[]
}

/** Copies the elements of one view, of the given shape, to another. */
export function copyView(shape: readonly number[], from: View, to: View): void {
  const [source, target] = [from.values as Numbers, to.values as Numbers]
  const isTyped = !Array.isArray(from.values)
  eachRun(shape, [from.strides, to.strides], [from.start, to.start], (at, n, steps) => {
    const [i, o] = at as [number, number]
    const [si, so] = steps as [number, number]
    if (isTyped && si === 1 && so === 1 && n > 16) target.set(source.subarray(i, i + n), o)
    else for (let k = 0; k < n; k++) target[o + k * so] = source[i + k * si] as number
  })
}
