import type { GoldenFile, Values } from './safetensors.js'

/** An array of a golden file in one of our shapes. */
export interface Weight {
  readonly data: Float32Array
  readonly shape: readonly number[]
}

/** Our weight from rows `[from, to)` and columns of a matrix that maps `[out, in]`: `[in, out]`. */
export function transposed(
  { data, shape }: Values<Float32Array>,
  rows: readonly [number, number] = [0, shape[0] as number],
  columns: readonly [number, number] = [0, shape[1] as number],
): Weight {
  const [height, width] = [rows[1] - rows[0], columns[1] - columns[0]]
  const result = new Float32Array(height * width)
  for (let row = 0; row < height; row++) {
    for (let column = 0; column < width; column++) {
      result[column * height + row] = data[(row + rows[0]) * (shape[1] as number) + column + columns[0]] as number
    }
  }
  return { data: result, shape: [width, height] }
}

/** A vector `[n]` as a matrix `[n, 1]`. */
export const column = ({ data }: Values<Float32Array>): Weight => ({ data, shape: [data.length, 1] })

/** The weights of `cells.bahdanau` by their own names; `grad.` as prefix gives their gradients. */
export function bahdanauWeights(file: GoldenFile<unknown>, prefix = ''): Record<string, Weight> {
  const take = (name: string) => file.floats(`${prefix}${name}`)
  const [features, units] = [
    file.floats('embedding').shape[1] as number,
    file.floats('initial_state').shape[1] as number,
  ]
  const input = take('cell.input')
  const recurrent = take('cell.recurrent')
  return {
    attention_query: transposed(take('attention.query')),
    attention_key: transposed(take('attention.key')),
    attention_bias: take('attention.bias'),
    attention_v: column(take('attention.v')),
    kernel: transposed(input, undefined, [0, features]),
    context_kernel: transposed(input, undefined, [features, input.shape[1] as number]),
    recurrent_kernel: transposed(recurrent, [0, 2 * units]),
    candidate_kernel: transposed(recurrent, [2 * units, 3 * units]),
    bias: take('cell.bias'),
  }
}

/** The weights of `cells.showAttendTell`. */
export function captionWeights(file: GoldenFile<unknown>, prefix = ''): Record<string, Weight> {
  const take = (name: string) => file.floats(`${prefix}${name}`)
  const features = file.floats('embedding').shape[1] as number
  const input = take('lstm.input')
  return {
    attention_query: transposed(take('attention.query')),
    attention_key: transposed(take('attention.key')),
    attention_bias: take('attention.bias'),
    attention_v: column(take('attention.v')),
    gate_kernel: column(take('gate.weight')),
    gate_bias: take('gate.bias'),
    kernel: transposed(input, undefined, [0, features]),
    context_kernel: transposed(input, undefined, [features, input.shape[1] as number]),
    recurrent_kernel: transposed(take('lstm.recurrent')),
    bias: take('lstm.bias'),
    output_h: transposed(take('output.h')),
    output_z: transposed(take('output.z')),
  }
}

/** The weights of `cells.gridLSTM`. */
export function gridWeights(file: GoldenFile<unknown>, prefix = ''): Record<string, Weight> {
  const take = (name: string) => file.floats(`${prefix}${name}`)
  const weights: Record<string, Weight> = {
    project_h: transposed(take('project.h')),
    project_m: transposed(take('project.m')),
  }
  for (const dimension of ['time', 'depth']) {
    for (let level = 0; file.has(`${prefix}${dimension}.weight.${level}`); level++) {
      weights[`${dimension}_kernel_${level}`] = transposed(take(`${dimension}.weight.${level}`))
      weights[`${dimension}_bias_${level}`] = take(`${dimension}.bias.${level}`)
    }
  }
  return weights
}

/** Rows of an embedding for tokens: `[…, features]`. */
export function embed(table: Values<Float32Array>, tokens: Values<Int32Array>): Weight {
  const width = table.shape[1] as number
  const data = new Float32Array(tokens.data.length * width)
  tokens.data.forEach((token, index) => {
    data.set(table.data.subarray(token * width, (token + 1) * width), index * width)
  })
  return { data, shape: [...tokens.shape, width] }
}
