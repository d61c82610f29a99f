import { isNumericArray, type NumericArray, sizeOf } from '../../data/tensor.js'
import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'

/** Texts or numbers with a shape, as layers before the graph read and give them. */
export interface Items {
  readonly values: readonly string[] | NumericArray | readonly number[]
  readonly shape: readonly number[]
  /** How many leading elements of each row count, where rows were of different lengths. */
  readonly lengths?: Uint32Array
}

/** Nested arrays of texts. */
export type NestedTexts = readonly (string | NestedTexts)[]

/** Whether items are texts. */
export const areTexts = (items: Items): items is Items & { readonly values: readonly string[] } =>
  Array.isArray(items.values) && typeof items.values[0] === 'string'

/** The greatest depth of nested arrays. */
const deepest = 8

/** Reads texts or numbers as they are given: nested arrays, of which those of the last level may differ in length, or a tensor. `ERR_DATA`, `ERR_SHAPE`. */
export function itemsOf(where: string, given: unknown): Items {
  if (typeof given === 'string' || typeof given === 'number') return { values: [given] as string[], shape: [] }
  if (isNumericArray(given)) return { values: given, shape: [given.length] }
  if (given instanceof BigInt64Array)
    return { values: Array.from(given, (value) => safe(where, value)), shape: [given.length] }
  if (isRecord(given) && 'shape' in given) return ofTensor(where, given)
  if (!Array.isArray(given)) {
    throw new SeqloomError('ERR_DATA', `${where}: expected texts or numbers, or arrays of them, got ${describe(given)}`)
  }
  return ofNested(where, given)
}

function safe(where: string, value: bigint): number {
  const number = Number(value)
  if (Number.isSafeInteger(number)) return number
  throw new SeqloomError('ERR_DATA', `${where}: ${describe(value)} is beyond the integers that numbers hold exactly`)
}

function ofTensor(where: string, given: Record<string, unknown>): Items {
  const data = typeof given.dataSync === 'function' ? given.dataSync() : given.data
  const shape = given.shape as readonly number[]
  const values = isNumericArray(data) || Array.isArray(data) ? (data as NumericArray | string[]) : undefined
  if (!values || sizeOf(shape) !== values.length) {
    throw new SeqloomError('ERR_DATA', `${where}: expected a tensor of texts or numbers, got ${describe(given)}`)
  }
  if (Array.isArray(values)) {
    for (const [index, value] of values.entries()) requireItem(where, value, `element ${index}`, values[0])
  }
  const { lengths } = given
  return { values, shape: [...shape], ...(lengths instanceof Uint32Array && { lengths }) }
}

function requireItem(where: string, value: unknown, place: string, first: unknown): void {
  if (typeof value === 'string' ? typeof first === 'string' : typeof value === 'number' && typeof first === 'number')
    return
  const wanted =
    typeof first === 'string'
      ? 'a text, as the first one'
      : typeof first === 'number'
        ? 'a number, as the first one'
        : 'a text or a number'
  throw new SeqloomError('ERR_DATA', `${where}: ${place} is ${describe(value)}, not ${wanted}`)
}

function ofNested(where: string, given: readonly unknown[]): Items {
  const shape: number[] = []
  for (let each: unknown = given; isList(each) && shape.length <= deepest; each = each[0]) shape.push(each.length)
  if (shape.length > deepest)
    throw new SeqloomError('ERR_SHAPE', `${where}: arrays are nested deeper than ${deepest} levels`)
  const values: (string | number)[] = []
  if (shape.length === 2) return ofRows(where, given as readonly unknown[])
  const take = (each: unknown, depth: number, place: string): void => {
    if (depth === shape.length) {
      requireItem(where, each, place, values[0] ?? each)
      values.push(each as string)
      return
    }
    if (!isList(each) || each.length !== shape[depth]) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `${where}: ${place} is ${describe(each)}; the shape of the first one is [${shape.slice(depth)}]`,
      )
    }
    for (let index = 0; index < each.length; index++) {
      take(each[index], depth + 1, depth === 0 ? `row ${index}` : `${place}, position ${index}`)
    }
  }
  take(given, 0, 'what was given')
  return { values: values as string[], shape }
}

const isList = (value: unknown): value is ArrayLike<unknown> => Array.isArray(value) || isNumericArray(value)

/** Rows, shorter ones filled up with empty texts or zeros. */
function ofRows(where: string, given: readonly unknown[]): Items {
  let width = 0
  for (const [row, each] of given.entries()) {
    if (!isList(each))
      throw new SeqloomError('ERR_SHAPE', `${where}: row ${row} is ${describe(each)}, not an array as the first row`)
    width = Math.max(width, each.length)
  }
  const first = (given as readonly ArrayLike<unknown>[]).find(({ length }) => length > 0)?.[0]
  const fill = typeof first === 'string' ? '' : 0
  const values: (string | number)[] = []
  const lengths = new Uint32Array(given.length)
  for (const [row, each] of (given as readonly ArrayLike<unknown>[]).entries()) {
    lengths[row] = each.length
    for (let index = 0; index < width; index++) {
      const value = index < each.length ? each[index] : fill
      requireItem(where, value, `row ${row}, position ${index}`, first ?? value)
      values.push(value as string)
    }
  }
  const ragged = lengths.some((length) => length !== width)
  return { values: values as string[], shape: [given.length, width], ...(ragged && { lengths }) }
}

/** Some rows of items. */
export function rowsOf({ values, shape, lengths }: Items, from: number, to: number): Items {
  const [rows = 1, ...rest] = shape
  const width = rest.reduce((product, size) => product * size, 1)
  const end = Math.min(to, rows)
  return {
    values: values.slice(from * width, end * width),
    shape: [end - from, ...rest],
    ...(lengths && { lengths: lengths.slice(from, end) }),
  }
}

/** Items after each other; where the last dimensions differ, rows are filled up with zeros. */
export function joined(parts: readonly Items[]): Items {
  const [first, ...others] = parts as [Items, ...Items[]]
  if (others.length === 0) return first
  const rows = parts.reduce((sum, { shape }) => sum + (shape[0] as number), 0)
  const width = Math.max(...parts.map(({ shape }) => (shape.length > 1 ? (shape.at(-1) as number) : 1)))
  const inner = first.shape.length > 1 ? [...first.shape.slice(1, -1), width] : []
  const total = rows * inner.reduce((product, size) => product * size, 1)
  const lengths = parts.some((part) => part.lengths) ? new Uint32Array(rows) : undefined
  const values: NumericArray | string[] = areTexts(first)
    ? Array<string>(total).fill('')
    : isNumericArray(first.values) && !(first.values instanceof Int32Array)
      ? new Float32Array(total)
      : new Int32Array(total)
  let [to, row] = [0, 0]
  for (const part of parts) {
    const own = part.shape.length > 1 ? (part.shape.at(-1) as number) : 1
    for (let from = 0; from < part.values.length; from += own, to += first.shape.length > 1 ? width : 1) {
      for (let index = 0; index < own; index++) (values as unknown[])[to + index] = part.values[from + index]
    }
    const count = part.shape[0] as number
    for (let index = 0; lengths && index < count; index++) lengths[row + index] = part.lengths?.[index] ?? own
    row += count
  }
  return { values, shape: [rows, ...inner], ...(lengths && { lengths }) }
}
