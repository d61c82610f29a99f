import { Tensor } from '../data/tensor.js'
import { SeqloomError } from '../errors.js'

/** The steps of a row that count, of `time` steps. */
export function validSteps({ lengths, mask }: Tensor, row: number, time: number): number[] {
  const all = Array.from({ length: time }, (_, step) => step)
  if (lengths) return all.slice(0, lengths[row])
  return mask ? all.filter((step) => mask[row * time + step] === 1) : all
}

/** `ERR_DATA` unless there is a word for each step of a row. */
export function checkTokens(where: string, row: number, steps: number, tokens: readonly string[]): void {
  if (tokens.length === steps) return
  throw new SeqloomError('ERR_DATA', `${where}: row ${row} has ${steps} steps, got ${tokens.length} tokens`)
}

/** What a layer gave that reads from the last step to the first, in the order of the input: `[batch, time, …]`. */
export function inOrder(value: Tensor): Tensor {
  const [rows = 0, time = 0, ...rest] = value.shape
  const width = rest.reduce((product, size) => product * size, 1)
  const data = new Float32Array(value.data.length)
  for (let row = 0; row < rows; row++) {
    const steps = validSteps(value, row, time)
    for (const [index, step] of steps.entries()) {
      const from = (row * time + (steps[steps.length - 1 - index] as number)) * width
      data.set(value.data.subarray(from, from + width), (row * time + step) * width)
    }
  }
  const { lengths, mask } = value
  return new Tensor(data, value.shape, { ...(lengths && { lengths }), ...(mask && { mask }) })
}
