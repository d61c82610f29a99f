import { describe, SeqloomError, unreadable } from '../errors.js'
import { type Shape, showShape } from '../graph/shape.js'
import { isRecord } from '../options.js'
import { allocate, type Converted, isDetached, placeOf, type Slot, transfer } from './elements.js'
import { convertNested } from './nested.js'
import type { Sliced } from './slices.js'
import { type Staged, stage } from './stage.js'
import {
  checkLengths,
  checkMask,
  type ForeignTensor,
  isNumericArray,
  type NumericArray,
  numericArray,
  sizeOf,
} from './tensor.js'

const sliceElements = 16_384

/**
 * Converts the data for some slots: for a single slot by itself, for several in order or by name. All must have the
 * same number of rows. `look` sees them before large ones go to native memory.
 */
export function* convertAll(
  slots: readonly Slot[],
  given: unknown,
  what: string,
  look: (converted: readonly Converted[]) => void = () => {},
): Sliced<Staged[]> {
  try {
    const converted = yield* convertEach(slots, given, what)
    look(converted)
    const staged: Staged[] = []
    for (const tensor of converted) staged.push(yield* stage(tensor))
    return staged
  } catch (error) {
    throw unreadable('ERR_DATA', what, error)
  }
}

/** The same for a synchronous call, which gains nothing from large ones in native memory. */
export function* convertUnstaged(slots: readonly Slot[], given: unknown, what: string): Sliced<Staged[]> {
  try {
    return yield* convertEach(slots, given, what)
  } catch (error) {
    throw unreadable('ERR_DATA', what, error)
  }
}

function* convertEach(slots: readonly Slot[], given: unknown, what: string): Sliced<Converted[]> {
  const values = assign(slots, given, what)
  const converted: Converted[] = []
  for (const [index, slot] of slots.entries()) converted.push(yield* convertOne(slot, values[index]))
  requireSameRows(slots, converted)
  return converted
}

/** Throws `ERR_SHAPE` unless all have the same number of rows. */
export function requireSameRows(
  slots: readonly { readonly where: string }[],
  converted: readonly { readonly shape: readonly number[] }[],
): void {
  const rows = converted[0]?.shape[0]
  for (const [index, { shape }] of converted.entries()) {
    if (shape[0] !== rows) {
      const [a, b] = [slots[0]?.where, slots[index]?.where]
      throw new SeqloomError('ERR_SHAPE', `${a} has ${rows} rows, ${b} has ${shape[0]}; they must have the same number`)
    }
  }
}

/** Converts what was given for one slot. */
export function* convertOne(slot: Slot, value: unknown): Sliced<Converted> {
  try {
    return yield* convertGiven(slot, value)
  } catch (error) {
    throw unreadable('ERR_DATA', slot.where, error)
  }
}

function* convertGiven(slot: Slot, value: unknown): Sliced<Converted> {
  if (isTensor(value)) return yield* convertTensor(slot, numericArray(value.data) as NumericArray, value)
  if (isForeign(value)) {
    const given = foreignData(slot, value)
    const data = numericArray(given)
    if (!data) {
      throw new SeqloomError(
        'ERR_DATA',
        `${slot.where}: dataSync() gave ${describe(given)}, not a typed array of numbers`,
      )
    }
    return yield* convertTensor(slot, data, { shape: value.shape })
  }
  const plain = numericArray(value)
  if (plain) {
    const { shape } = seenAs(slot, 1)
    if (shape.length !== 1) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `${slot.where}: a typed array has no shape; give it one with tensor(data, shape), here ${showShape(slot.shape)}`,
      )
    }
    return yield* convertTensor(slot, plain, { shape: [plain.length] })
  }
  if (Array.isArray(value)) {
    const fitted = seenAs(slot, nestedRank(value))
    return reshaped(slot, yield* convertNested(fitted, value))
  }
  if (isSource(value)) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${slot.where}: data that come one by one are taken by fit, evaluate and predict alone, in place of their first argument; make them iterable with data.from, or collect them first, as in Array.fromAsync`,
    )
  }
  if (typeof value === 'function') {
    throw new SeqloomError(
      'ERR_DATA',
      `${slot.where}: a function that opens a stream anew for every epoch is given to data.from`,
    )
  }
  throw new SeqloomError(
    'ERR_DATA',
    `${slot.where}: expected nested arrays or a tensor of shape ${showShape(slot.shape)}, got ${describe(value)}`,
  )
}

/** Whether a value gives others one by one, as generators, streams and data sets do. */
function isSource(value: unknown): boolean {
  try {
    return isRecord(value) && (Symbol.asyncIterator in value || 'forEachAsync' in value || 'next' in value)
  } catch {
    // A proxy that throws.
    return false
  }
}

/** The data of another library's tensor; `ERR_DATA` if reading it throws, as with disposed tfjs tensors. */
function foreignData(slot: Slot, value: ForeignTensor): unknown {
  try {
    return value.dataSync()
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : describe(cause)
    throw new SeqloomError('ERR_DATA', `${slot.where}: dataSync() failed: ${reason}`, { cause })
  }
}

function* convertTensor(
  slot: Slot,
  data: NumericArray,
  given: { readonly shape: readonly number[]; readonly lengths?: unknown; readonly mask?: unknown },
): Sliced<Converted> {
  const size = sizeOf(given.shape)
  if (Number.isNaN(size)) {
    throw new SeqloomError('ERR_SHAPE', `${slot.where}: ${describe(given.shape)} is not a shape`)
  }
  const shape = [...given.shape]
  checkShape(slot, shape)
  if (isDetached(data, size)) {
    throw new SeqloomError('ERR_DATA', `${slot.where}: the buffer of its ${size} elements is detached`)
  }
  if (data.length !== size) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `${slot.where}: the shape ${showShape(shape)} needs ${size} elements, got ${data.length}`,
    )
  }
  const direct = slot.dtype === 'int32' ? data instanceof Int32Array : data instanceof Float32Array
  const target = direct ? (data as Float32Array | Int32Array) : allocate(slot, size)
  // Int32Array elements need no check; floats may be NaN.
  if (!direct || (slot.dtype === 'float32' && !slot.checkedNatively)) {
    for (let from = 0; from < size; from += sliceElements) {
      const to = Math.min(size, from + sliceElements)
      transfer(slot, data, from, to, direct ? undefined : target, from, (i) => placeOf(i, shape))
      yield
    }
  }
  const converted = reshaped(slot, { data: target, shape })
  if (slot.filler !== undefined) return filled(slot, slot.filler, converted, given)
  if (given.lengths !== undefined) converted.lengths = checkLengths(slot.where, given.lengths, shape)
  else if (given.mask !== undefined) converted.mask = checkMask(slot.where, given.mask, shape)
  return converted
}

/** Rows of their own lengths as native code takes them, where what is after their ends says so. */
function filled(
  slot: Slot,
  filler: number,
  { data, shape }: Converted,
  { lengths, mask }: { readonly lengths?: unknown; readonly mask?: unknown },
): Converted {
  if (mask !== undefined) {
    throw new SeqloomError(
      'ERR_DATA',
      `${slot.where}: its rows have lengths, not a mask; give arrays of their own lengths`,
    )
  }
  if (lengths === undefined) return { data, shape }
  const [rows, longest] = shape as [number, number]
  const ends = checkLengths(slot.where, lengths, shape)
  const copy = data.slice()
  for (let row = 0; row < rows; row++) copy.fill(filler, row * longest + (ends[row] as number), (row + 1) * longest)
  return { data: copy, shape }
}

/** The slot for data of a given rank: if its last dimension is loose, with or without a last dimension of size 1. */
function seenAs(slot: Slot, rank: number): Slot {
  const { shape } = slot
  if (!slot.looseLast || rank === shape.length) return slot
  if (rank === shape.length + 1) return { ...slot, shape: [...shape, 1] }
  if (rank === shape.length - 1 && shape.at(-1) === 1) return { ...slot, shape: shape.slice(0, -1) }
  return slot
}

/** Gives data that were read through {@link seenAs} the slot's own rank. */
function reshaped(slot: Slot, converted: Converted): Converted {
  const rank = slot.shape.length
  if (converted.shape.length === rank + 1) converted.shape.pop()
  else if (converted.shape.length === rank - 1) converted.shape.push(1)
  return converted
}

function checkShape(slot: Slot, shape: readonly number[]): void {
  const expected: Shape = seenAs(slot, shape.length).shape
  const fits =
    expected.length === shape.length && expected.every((dim, axis) => axis === 0 || dim === null || dim === shape[axis])
  if (!fits) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `${slot.where}: expected the shape ${showShape(slot.shape)}, got ${showShape(shape)}`,
    )
  }
  if (shape[0] === 0) throw new SeqloomError('ERR_DATA', `${slot.where} has no rows`)
  if (shape.includes(0)) {
    throw new SeqloomError('ERR_DATA', `${slot.where}: the shape ${showShape(shape)} has a dimension of size 0`)
  }
}

/** The number of dimensions of data, as far as it is seen without converting them; a last one of size 1 does not count. */
export function rankOf(value: unknown): number {
  if (isTensor(value) || isForeign(value)) {
    const { shape } = value
    return Array.isArray(shape) ? shape.length - (shape.length > 1 && shape.at(-1) === 1 ? 1 : 0) : 1
  }
  return nestedRank(value)
}

/** How deep arrays are nested, following first elements; at most a few levels, since an array may contain itself. */
function nestedRank(value: unknown): number {
  let rank = 0
  let element = value
  while (rank < 10 && (Array.isArray(element) || isNumericArray(element))) {
    rank++
    element = element[0]
  }
  return rank
}

/** Whether a value looks like a tensor, ours or another library's. */
export function looksLikeTensor(value: unknown): boolean {
  return isTensor(value) || isForeign(value)
}

function isTensor(
  value: unknown,
): value is { data: NumericArray; shape: readonly number[]; lengths?: unknown; mask?: unknown } {
  return isRecord(value) && isNumericArray(value.data) && 'shape' in value
}

function isForeign(value: unknown): value is ForeignTensor {
  return isRecord(value) && typeof value.dataSync === 'function' && 'shape' in value
}

/** What was given for each slot: in order or by name. `ERR_DATA`. */
export function assign(slots: readonly Pick<Slot, 'where' | 'name'>[], given: unknown, what: string): unknown[] {
  const single = slots.length === 1
  const names = slots.map((slot) => slot.name)
  if (isRecord(given) && !looksLikeTensor(given) && !isNumericArray(given)) {
    if (Object.getPrototypeOf(given) === Object.prototype && Object.keys(given).length > 0) {
      const unknown = Object.keys(given).find((name) => !names.includes(name))
      if (unknown !== undefined) {
        throw new SeqloomError('ERR_DATA', `there is no ${what} '${unknown}'; the ${what}s are ${names.join(', ')}`)
      }
      return slots.map((slot) => {
        if (Object.hasOwn(given, slot.name)) return given[slot.name]
        throw new SeqloomError('ERR_DATA', `${slot.where} is missing`)
      })
    }
  }
  if (single) {
    const only = Array.isArray(given) && given.length === 1 && looksLikeTensor(given[0])
    return only ? [given[0]] : [given]
  }
  if (!Array.isArray(given) || given.length !== slots.length) {
    throw new SeqloomError(
      'ERR_DATA',
      `expected ${slots.length} ${what}s (${names.join(', ')}) as an array or by name, got ${describe(given)}`,
    )
  }
  return given
}
