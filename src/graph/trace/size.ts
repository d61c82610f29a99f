import { SeqloomError } from '../../errors.js'
import { limits } from '../../limits.js'
import type { Dim } from '../shape.js'

/**
 * A size in a traced function: a number, or a name such as `'features'` for a size that is found when the function is
 * used, or a sum of both, `'features + 64'`.
 */
export type Size = number | string

/** A dimension of a traced value: a size, or null where nothing is known. */
export type TracedDim = Size | null

/** The shape of a traced value; the batch, where there is one, is the first dimension and is called `'batch'`. */
export type TracedShape = readonly TracedDim[]

/** The dimension over rows, which no operation may mix. */
export const batch = 'batch'

/** The largest number of dimensions, the batch included. */
export const maxRank = 8

const maxSize = 2 ** 31 - 1

const name = /^[A-Za-z_]\w*$/

/** Whether a value can be written as a {@link Size}. */
export function isSize(value: unknown): value is Size {
  if (typeof value === 'number') return Number.isInteger(value) && value > 0 && value <= maxSize
  return typeof value === 'string' && parse(value) !== undefined
}

/** A size in its one form: names in order, then the number, or the number alone. */
export function canonical(size: Size): Size {
  if (typeof size === 'number') return size
  const parts = parse(size)
  if (!parts) throw new SeqloomError('ERR_OPTION', `'${size}' is no size`)
  return join(parts.names, parts.constant)
}

/** The sum of two dimensions. */
export function sum(a: TracedDim, b: TracedDim): TracedDim {
  if (a === null || b === null) return null
  const [x, y] = [parts(a), parts(b)]
  const [names, constant] = [[...x.names, ...y.names], x.constant + y.constant]
  if (names.length > limits.sizeTerms || constant > maxSize) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `a size may be a sum of at most ${limits.sizeTerms} names and of numbers up to ${maxSize} in all`,
    )
  }
  return join(names, constant)
}

/** The product of dimensions, where it is known. */
export function product(dims: TracedShape): TracedDim {
  let constant = 1
  let named: string | undefined
  for (const dim of dims) {
    if (dim === null) return null
    if (typeof dim === 'number') constant *= dim
    else if (named === undefined) named = dim
    else return null
  }
  if (named === undefined) return constant
  return constant === 1 ? named : null
}

/** A size with the names that have become known replaced by their numbers. */
export function substitute(dim: TracedDim, sizes: ReadonlyMap<string, TracedDim>): TracedDim {
  if (typeof dim !== 'string' || dim === batch) return dim
  let { names, constant } = parts(dim)
  for (const each of names) {
    const known = sizes.get(each)
    if (known === undefined) continue
    if (known === null) return null
    const other = parts(known)
    const at = names.indexOf(each)
    names = [...names.slice(0, at), ...names.slice(at + 1), ...other.names]
    constant += other.constant
  }
  return join(names, constant)
}

/**
 * The dimension that both can be, or undefined when they contradict each other. Names may still turn out to be any
 * number but the batch.
 */
export function unify(a: TracedDim, b: TracedDim): TracedDim | undefined {
  if (a === b) return a
  if (a === batch || b === batch) return undefined
  if (a === null) return b
  if (b === null) return a
  if (typeof a === 'number' && typeof b === 'number') return undefined
  const [x, y] = [parts(a), parts(b)]
  const sameNames = x.names.join() === y.names.join()
  const tooSmall = (typeof a === 'number' && a <= y.constant) || (typeof b === 'number' && b <= x.constant)
  if (sameNames || tooSmall) return undefined
  return typeof a === 'number' ? a : b
}

/** The dimension of two values combined element by element, as numpy broadcasts, or undefined. */
export function broadcastDim(a: TracedDim, b: TracedDim): TracedDim | undefined {
  if (a === 1) return b
  if (b === 1) return a
  const both = unify(a, b)
  // Of two different names, either may stand for 1.
  return both === undefined || typeof both === 'number' || a === b ? both : null
}

/** The dimension for the wire: unknown where it is no number. */
const wireDim = (dim: TracedDim): Dim => (typeof dim === 'number' ? dim : null)

/** The shape for the wire. */
export const wireShape = (shape: TracedShape): Dim[] => shape.map(wireDim)

/** Whether the first dimension is the batch. */
export const hasBatch = (shape: TracedShape): boolean => shape[0] === batch

/** A shape as messages show it: `[batch, features, 4]`. */
export function show(shape: TracedShape): string {
  return `[${shape.map((dim) => (dim === null ? '?' : String(dim))).join(', ')}]`
}

interface Parts {
  readonly names: readonly string[]
  readonly constant: number
}

function parts(size: Size): Parts {
  if (typeof size === 'number') return { names: [], constant: size }
  return parse(size) as Parts
}

function parse(text: string): Parts | undefined {
  const names: string[] = []
  let constant = 0
  for (const term of text.split('+')) {
    const trimmed = term.trim()
    if (name.test(trimmed)) names.push(trimmed)
    else if (/^\d{1,10}$/.test(trimmed)) constant += Number(trimmed)
    else return undefined
  }
  if (constant > maxSize || names.length > limits.sizeTerms || (names.length === 0 && constant === 0)) return undefined
  return { names: names.sort(), constant }
}

function join(names: readonly string[], constant: number): Size {
  if (names.length === 0) return constant
  const sorted = [...names].sort().join(' + ')
  return constant === 0 ? sorted : `${sorted} + ${constant}`
}
