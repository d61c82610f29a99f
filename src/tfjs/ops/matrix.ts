// Products of matrices and of tensors.
import { convertToTensor } from '../convert.js'
import { check } from '../failure.js'
import { assertAndGetBroadcastShape, fullStrides, sizeFromShape } from '../shapes.js'
import { allocateValues, Tensor, type Tensor1D, type Tensor2D } from '../tensor.js'
import type { TensorLike } from '../types.js'
import { matched } from './elementwise.js'
import { transposed } from './layout.js'
import { op } from './op.js'
import { reshape } from './shape.js'
import { broadcastStrides, eachRun, type Numbers } from './walk.js'

/** `out = a b` for row-major matrices of [rows, inner] and [inner, columns]; sums are in double precision. */
function multiply(
  out: Numbers,
  o: number,
  a: Numbers,
  i: number,
  b: Numbers,
  j: number,
  sizes: readonly number[],
): void {
  const [rows, inner, columns] = sizes as [number, number, number]
  const sums = new Float64Array(columns)
  for (let row = 0; row < rows; row++) {
    sums.fill(0)
    for (let k = 0; k < inner; k++) {
      const factor = a[i + row * inner + k] as number
      const from = j + k * columns
      for (let column = 0; column < columns; column++) {
        sums[column] = (sums[column] as number) + factor * (b[from + column] as number)
      }
    }
    out.set(sums, o + row * columns)
  }
}

const swappedLast = (x: Tensor): Tensor => {
  const order = x.shape.map((_, axis) => axis)
  return transposed(x, [...order.slice(0, -2), x.rank - 1, x.rank - 2])
}

/** The product of matrices, those of the last two dimensions; dimensions of size 1 before these are repeated. */
export const matMul: <T extends Tensor>(
  a: Tensor | TensorLike,
  b: Tensor | TensorLike,
  transposeA?: boolean,
  transposeB?: boolean,
) => T = op<typeof matMul>('matMul', (a, b, transposeA = false, transposeB = false) => {
  const [given, other] = matched('matMul', a, b)
  check(
    given.rank >= 2 && other.rank >= 2,
    'ERR_SHAPE',
    () => `Error in matMul: inputs must be of rank 2 at least, got ranks ${given.rank} and ${other.rank}.`,
  )
  const $a = transposeA ? swappedLast(given) : given
  const $b = transposeB ? swappedLast(other) : other
  const [rows, inner] = $a.shape.slice(-2) as [number, number]
  const [innerB, columns] = $b.shape.slice(-2) as [number, number]
  check(
    inner === innerB,
    'ERR_SHAPE',
    () =>
      `Error in matMul: inner shapes (${inner}) and (${innerB}) of Tensors with shapes ${given.shape} and ${other.shape} and transposeA=${transposeA} and transposeB=${transposeB} must match.`,
  )
  const [batchA, batchB] = [$a.shape.slice(0, -2), $b.shape.slice(0, -2)]
  const batch = assertAndGetBroadcastShape(batchA, batchB)
  const shape = [...batch, rows, columns]
  const out = allocateValues('matMul', $a.dtype, sizeFromShape(shape)) as Numbers
  const times = (strides: number[], size: number) => strides.map((stride) => stride * size)
  eachRun(
    batch,
    [
      times(fullStrides(batch), rows * columns),
      times(broadcastStrides(batchA, batch), rows * inner),
      times(broadcastStrides(batchB, batch), inner * columns),
    ],
    [0, 0, 0],
    (at, n, steps) => {
      const [o, i, j] = at as [number, number, number]
      const [so, si, sj] = steps as [number, number, number]
      for (let k = 0; k < n; k++) {
        multiply(out, o + k * so, $a.values as Numbers, i + k * si, $b.values as Numbers, j + k * sj, [
          rows,
          inner,
          columns,
        ])
      }
    },
  )
  return new Tensor(shape, $a.dtype, out)
})

/** The product of vectors and matrices: of two vectors a scalar. */
export const dot: (t1: Tensor | TensorLike, t2: Tensor | TensorLike) => Tensor = op<typeof dot>('dot', (t1, t2) => {
  const $a = convertToTensor<Tensor>(t1, 't1', 'dot')
  const $b = convertToTensor<Tensor>(t2, 't2', 'dot')
  check(
    [1, 2].includes($a.rank) && [1, 2].includes($b.rank),
    'ERR_SHAPE',
    () => `Error in dot: inputs must all be rank 1 or 2, but got ranks ${$a.rank} and ${$b.rank}.`,
  )
  const [innerA, innerB] = [$a.shape[$a.rank - 1], $b.shape[0]]
  check(
    innerA === innerB,
    'ERR_SHAPE',
    () => `Error in dot: inner dimensions of inputs must match, but got ${innerA} and ${innerB}.`,
  )
  const product = matMul($a.rank === 1 ? reshape($a, [1, $a.size]) : $a, $b.rank === 1 ? reshape($b, [$b.size, 1]) : $b)
  const shape = [...($a.rank === 1 ? [] : [$a.shape[0]]), ...($b.rank === 1 ? [] : [$b.shape[1]])]
  return reshape(product, shape as number[])
})

/** The products of each element of one vector with each of another. */
export const outerProduct: (v1: Tensor1D | TensorLike, v2: Tensor1D | TensorLike) => Tensor2D = op<typeof outerProduct>(
  'outerProduct',
  (v1, v2) => {
    const $a = convertToTensor<Tensor>(v1 as Tensor, 'v1', 'outerProduct')
    const $b = convertToTensor<Tensor>(v2 as Tensor, 'v2', 'outerProduct')
    check(
      $a.rank === 1 && $b.rank === 1,
      'ERR_SHAPE',
      () => `Error in outerProduct: inputs must be rank 1, but got ranks ${$a.rank} and ${$b.rank}.`,
    )
    return matMul(reshape($a, [$a.size, 1]), reshape($b, [1, $b.size]))
  },
)

/** Sums of products by Einstein's convention: `einsum('bij,bjk->bik', a, b)`. */
export const einsum: (equation: string, ...tensors: Tensor[]) => Tensor = op<typeof einsum>(
  'einsum',
  (equation, ...tensors) => {
    const list = tensors.map((each, i) => convertToTensor<Tensor>(each, `tensors${i}`, 'einsum'))
    const { inputs, output } = parsed(equation, list.length)
    const sizes = new Map<string, number>()
    inputs.forEach((labels, i) => {
      const shape: readonly number[] = (list[i] as Tensor).shape
      check(
        labels.length === shape.length,
        'ERR_SHAPE',
        () => `einsum: '${labels}' names ${labels.length} dimensions, but the tensor has the shape ${shape}`,
      )
      ;[...labels].forEach((label, axis) => {
        const dim = shape[axis] as number
        check(
          (sizes.get(label) ?? dim) === dim,
          'ERR_SHAPE',
          () => `einsum: expected dimension ${sizes.get(label)} at axis ${axis} of the shape ${shape}, but got ${dim}`,
        )
        sizes.set(label, dim)
      })
    })
    const labels = [...output, ...[...sizes.keys()].filter((label) => !output.includes(label))]
    const shape = [...output].map((label) => sizes.get(label) as number)
    const out = new Float64Array(sizeFromShape(shape))
    const stridesOf = (own: string, of: readonly number[]) => {
      const strides = fullStrides(of)
      return labels.map((label) =>
        [...own].reduce((sum, each, axis) => sum + (each === label ? (strides[axis] as number) : 0), 0),
      )
    }
    const all = [stridesOf(output, shape), ...inputs.map((own, i) => stridesOf(own, (list[i] as Tensor).shape))]
    const values = list.map((each) => each.values as Numbers)
    eachRun(
      labels.map((label) => sizes.get(label) as number),
      all,
      all.map(() => 0),
      (at, n, steps) => {
        for (let k = 0; k < n; k++) {
          let product = 1
          for (let i = 0; i < values.length; i++) {
            product *= (values[i] as Numbers)[(at[i + 1] as number) + k * (steps[i + 1] as number)] as number
          }
          const o = (at[0] as number) + k * (steps[0] as number)
          out[o] = (out[o] as number) + product
        }
      },
    )
    const dtype = list.every((each) => each.dtype === 'int32') ? 'int32' : 'float32'
    const target = allocateValues('einsum', dtype, out.length)
    target.set(out)
    return new Tensor(shape, dtype, target)
  },
)

function parsed(equation: string, count: number): { inputs: string[]; output: string } {
  const [left, output, ...more] = equation.replace(/\s/g, '').split('->')
  check(
    output !== undefined && more.length === 0,
    'ERR_OPTION',
    () => "Equations without an arrow are not supported; write 'ij,jk->ik'.",
  )
  const inputs = (left as string).split(',')
  check(
    [...inputs, output].every((labels) => /^[a-zA-Z]*$/.test(labels)),
    'ERR_OPTION',
    () => `einsum: labels must be letters, not '${equation}'`,
  )
  check(
    inputs.length === count && count > 0,
    'ERR_OPTION',
    () => `Expected ${inputs.length} input tensors, received ${count}`,
  )
  check(
    [...output].every((label) => (left as string).includes(label)),
    'ERR_OPTION',
    () => `Output subscripts contain a label not present in the input subscripts: '${equation}'`,
  )
  return { inputs, output }
}
