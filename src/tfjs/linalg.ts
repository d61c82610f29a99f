// tf.linalg.

import { convertToTensor } from './convert.js'
import { check } from './failure.js'
import { div, mul, sub } from './ops/arithmetic.js'
import { stack, unstack } from './ops/join.js'
import { op } from './ops/op.js'
import { norm, sum } from './ops/reduce.js'
import { sizeFromShape } from './shapes.js'
import { Tensor, type Tensor1D, type Tensor2D } from './tensor.js'
import type { TensorLike } from './types.js'

/** The matrices with zeros outside of a band; -1 keeps all on that side of the diagonal. */
export const bandPart: <T extends Tensor>(a: T | TensorLike, numLower: number, numUpper: number) => T = op<
  typeof bandPart
>('bandPart', (a, numLower, numUpper) => {
  const $a = convertToTensor<Tensor>(a, 'a', 'bandPart')
  check($a.rank >= 2, 'ERR_SHAPE', () => `bandPart(): Rank must be at least 2, got ${$a.rank}.`)
  const [rows, columns] = $a.shape.slice(-2) as [number, number]
  const width = (name: string, value: number, most: number, of: string) => {
    check(Number.isInteger(value), 'ERR_OPTION', () => `bandPart(): ${name} must be an integer, got ${value}.`)
    check(
      value <= most,
      'ERR_OPTION',
      () => `bandPart(): ${name} (${value}) must not be greater than the number of ${of} (${most}).`,
    )
    return value < 0 ? most : value
  }
  const lower = width('numLower', numLower, rows, 'rows')
  const upper = width('numUpper', numUpper, columns, 'columns')
  const values = ($a.values as Float32Array).slice()
  for (let i = 0; i < values.length; i++) {
    const [row, column] = [Math.floor(i / columns) % rows, i % columns]
    if (row - column > lower || column - row > upper) values[i] = 0
  }
  return new Tensor($a.shape, $a.dtype, values)
})

/** Vectors of length 1, each orthogonal to those before it, that span what the given ones span. */
export const gramSchmidt: (xs: Tensor1D[] | Tensor2D) => Tensor1D[] | Tensor2D = op<typeof gramSchmidt>(
  'gramSchmidt',
  (xs) => {
    const isMatrix = !Array.isArray(xs)
    const vectors: Tensor[] = isMatrix ? unstack(xs) : xs
    check(vectors.length > 0, 'ERR_DATA', () => 'Gram-Schmidt process: input must not be null, undefined, or empty')
    const size = vectors[0]?.shape[0] as number
    for (const each of vectors) {
      check(
        each.shape[0] === size,
        'ERR_SHAPE',
        () => `Gram-Schmidt: Non-unique lengths found in the input vectors: (${each.shape[0]} vs. ${size})`,
      )
    }
    check(
      vectors.length <= size,
      'ERR_SHAPE',
      () => `Gram-Schmidt: Number of vectors (${vectors.length}) exceeds number of dimensions (${size}).`,
    )
    const found: Tensor[] = []
    for (const vector of vectors) {
      const rest = found.reduce((left, each) => sub(left, mul(sum(mul(each, left)), each)), vector)
      found.push(div(rest, norm(rest)))
    }
    return isMatrix ? stack(found) : found
  },
)

/**
 * The QR decomposition of matrices, by Householder's reflections: an orthogonal matrix and an upper triangular one.
 * With `fullMatrices`, the first is square.
 */
export const qr: (x: Tensor, fullMatrices?: boolean) => [Tensor, Tensor] = op<typeof qr>(
  'qr',
  (x, fullMatrices = false) => {
    check(x.rank >= 2, 'ERR_SHAPE', () => `qr() requires input tensor to have a rank >= 2, but got rank ${x.rank}`)
    const [rows, columns] = x.shape.slice(-2) as [number, number]
    const batch = x.shape.slice(0, -2)
    const kept = fullMatrices ? rows : Math.min(rows, columns)
    const count = sizeFromShape(batch)
    const q = new Float32Array(count * rows * kept)
    const r = new Float32Array(count * kept * columns)
    for (let i = 0; i < count; i++) {
      const part = Float64Array.from((x.values as Float32Array).subarray(i * rows * columns, (i + 1) * rows * columns))
      const turned = triangular(part, rows, columns)
      for (let row = 0; row < rows; row++) {
        for (let k = 0; k < kept; k++) q[(i * rows + row) * kept + k] = turned[row * rows + k] as number
      }
      r.set(part.subarray(0, kept * columns), i * kept * columns)
    }
    return [new Tensor([...batch, rows, kept], 'float32', q), new Tensor([...batch, kept, columns], 'float32', r)]
  },
)

/** Makes a matrix upper triangular, in place. Returns the product of the reflections that did it. */
function triangular(r: Float64Array, rows: number, columns: number): Float64Array {
  const q = new Float64Array(rows * rows)
  for (let i = 0; i < rows; i++) q[i * rows + i] = 1
  const mirror = new Float64Array(rows)
  for (let j = 0; j < Math.min(rows, columns); j++) {
    let length = 0
    for (let i = j; i < rows; i++) length = Math.hypot(length, r[i * columns + j] as number)
    if (length === 0) continue
    const corner = r[j * columns + j] as number
    const end = corner > 0 ? -length : length
    let square = 0
    for (let i = j; i < rows; i++) {
      mirror[i] = (r[i * columns + j] as number) - (i === j ? end : 0)
      square += (mirror[i] as number) ** 2
    }
    if (square === 0) continue
    // Each column of r, and each row of q, is reflected.
    const reflect = (values: Float64Array, start: number, step: number) => {
      let along = 0
      for (let i = j; i < rows; i++) along += (mirror[i] as number) * (values[start + i * step] as number)
      const twice = (2 * along) / square
      for (let i = j; i < rows; i++) {
        const at = start + i * step
        values[at] = (values[at] as number) - twice * (mirror[i] as number)
      }
    }
    for (let column = j; column < columns; column++) reflect(r, column, columns)
    for (let row = 0; row < rows; row++) reflect(q, row * rows, 1)
    for (let i = j + 1; i < rows; i++) r[i * columns + j] = 0
  }
  return q
}
