import type { Shape } from '../../../graph/shape.js'
import type { Mask, Place, Value } from './values.js'

/** The last number that ONNX's slices take to be the end of an axis, or its beginning. */
const far = 2 ** 62

function derive({ derived }: Mask, key: string, make: () => string): string {
  const known = derived.get(key)
  if (known !== undefined) return known
  const made = make()
  derived.set(key, made)
  return made
}

/** The steps that are valid in several values of the shape `out`. */
export function mergedMask({ writer }: Place, inputs: readonly Value[], out: Shape): Mask | undefined {
  // A value that is repeated along the time axis has no steps of its own.
  const found = inputs.filter(({ shape, batched }) => batched && (out[1] === 1 || shape[1] !== 1))
  const masks = [...new Set(found.flatMap(({ mask }) => (mask ? [mask] : [])))]
  const [first, ...rest] = masks
  return rest.reduce<Mask | undefined>((both, mask) => {
    if (!both) return mask
    const lengths = both.lengths && mask.lengths && writer.node('Min', [both.lengths, mask.lengths], 'lengths')
    const valid = writer.node('And', [both.valid, mask.valid], 'mask')
    return { valid, ...(lengths ? { lengths } : {}), derived: new Map() }
  }, first)
}

/** The steps that are valid in sequences one after the other. */
export function joinedMask({ writer, constants }: Place, inputs: readonly Value[]): Mask | undefined {
  if (!inputs.some(({ mask }) => mask)) return undefined
  const parts = inputs.map(({ name, mask }) => {
    if (mask) return mask.valid
    const whole = writer.node('Shape', [name], 'shape')
    const grid = writer.node('Slice', [whole, constants.ints([0]), constants.ints([2])], 'shape')
    const zeros = writer.node('ConstantOfShape', [grid], 'zeros')
    return writer.node('Not', [writer.node('Cast', [zeros], 'none', { to: { int: 9 } })], 'mask')
  })
  return { valid: writer.node('Concat', parts, 'mask', { axis: { int: 1 } }), derived: new Map() }
}

/** The mask of a value whose first steps are valid, as many as `lengths` (int32 `[batch]`) says. */
export function maskOfLengths({ writer, constants }: Place, value: string, lengths: string): Mask {
  const steps = timeNumbers({ writer, constants } as Place, value)
  const wide = writer.node('Cast', [lengths], 'lengths', { to: { int: 7 } })
  const column = writer.node('Unsqueeze', [wide, constants.ints([1])], 'lengths')
  return { valid: writer.node('Less', [steps, column], 'mask'), lengths, derived: new Map() }
}

/** 0, 1, 2 … for the steps of a value. */
export function timeNumbers({ writer, constants }: Place, value: string): string {
  const shape = writer.node('Shape', [value], 'shape')
  const time = writer.node('Gather', [shape, constants.ints(1)], 'time')
  return writer.node('Range', [constants.ints(0), time, constants.ints(1)], 'steps')
}

/** Its mask as numbers. */
export function numbers({ writer }: Place, mask: Mask): string {
  return derive(mask, 'numbers', () => writer.node('Cast', [mask.valid], 'mask', { to: { int: 1 } }))
}

function wholeNumbers({ writer }: Place, mask: Mask): string {
  return derive(mask, 'whole', () => writer.node('Cast', [mask.valid], 'mask', { to: { int: 7 } }))
}

/** How many steps of each row are valid, int64 `[batch]`. */
function counts(place: Place, mask: Mask): string {
  const { writer, constants } = place
  return derive(mask, 'counts', () => {
    if (mask.lengths) return writer.node('Cast', [mask.lengths], 'lengths', { to: { int: 7 } })
    return writer.node('ReduceSum', [wholeNumbers(place, mask), constants.ints([1])], 'lengths', {
      keepdims: { int: 0 },
    })
  })
}

/** The same as int32. */
export function lengthsOf(place: Place, mask: Mask): string {
  if (mask.lengths) return mask.lengths
  return derive(mask, 'lengths', () => place.writer.node('Cast', [counts(place, mask)], 'lengths', { to: { int: 6 } }))
}

/** For each row its valid steps, in order, then the others: int64 `[batch, time]`. */
function order(place: Place, mask: Mask): string {
  const { writer, constants } = place
  return derive(mask, 'order', () => {
    const steps = timeNumbers(place, mask.valid)
    const late = writer.node('Add', [steps, constants.ints(2 ** 40)], 'late')
    const keys = writer.node('Where', [mask.valid, steps, late], 'keys')
    const shape = writer.node('Shape', [mask.valid], 'shape')
    const time = writer.node('Slice', [shape, constants.ints([1]), constants.ints([2])], 'time')
    const settings = { axis: { int: 1 }, largest: { int: 0 }, sorted: { int: 1 } }
    return writer.results('TopK', [keys, time], ['sorted', 'order'], settings)[1] as string
  })
}

/** The number of each step among the valid ones of its row, or, `fromEnd`, how many valid ones come before it or at it, seen from the end. */
function ranks(place: Place, mask: Mask, fromEnd: boolean): string {
  const { writer, constants } = place
  return derive(mask, `ranks ${fromEnd}`, () => {
    const settings = { reverse: { int: fromEnd ? 1 : 0 } }
    const sums = writer.node('CumSum', [wholeNumbers(place, mask), constants.ints(1)], 'ranks', settings)
    if (!fromEnd) return writer.node('Sub', [sums, constants.ints(1)], 'ranks')
    return writer.node('Sub', [column(place, counts(place, mask)), sums], 'ranks')
  })
}

const column = ({ writer, constants }: Place, rows: string): string =>
  writer.node('Unsqueeze', [rows, constants.ints([1])], 'column')

/** The steps of a value `[batch, time, …]` that indices `[batch, time]` name. */
function steps({ writer, constants }: Place, value: string, indices: string): string {
  const single = writer.node('Unsqueeze', [indices, constants.ints([2])], 'indices')
  return writer.node('GatherND', [value, single], 'steps', { batch_dims: { int: 1 } })
}

/** The valid steps of each row first. */
export function packed(place: Place, value: string, mask: Mask): string {
  return mask.lengths ? value : steps(place, value, order(place, mask))
}

/** Zeros in place of a value `[batch, time, …]` where a mask `[batch, time]` has none. */
export function keptWhere(
  { writer, constants }: Place,
  value: string,
  condition: string,
  rank: number,
  zero = constants.float(0),
): string {
  const axes = Array.from({ length: rank - 2 }, (_, index) => 2 + index)
  const wide = axes.length > 0 ? writer.node('Unsqueeze', [condition, constants.ints(axes)], 'mask') : condition
  return writer.node('Where', [wide, value, zero], 'masked')
}

/** Zeros in place of the rows of a value that have no valid step. */
export function keptRows(place: Place, value: string, mask: Mask, rank: number): string {
  const { writer, constants } = place
  const any = anyValid(place, mask)
  const axes = Array.from({ length: rank - 1 }, (_, index) => 1 + index)
  const wide = axes.length > 0 ? writer.node('Unsqueeze', [any, constants.ints(axes)], 'mask') : any
  return writer.node('Where', [wide, value, constants.float(0)], 'masked')
}

/** How the outputs of a recurrence are laid out. */
export interface Layout {
  /** Whether the results at hand are those of the valid steps, one after another; else each is at its own step. */
  readonly packed: boolean
  /** Whether they are to stand in the order in which a recurrence from last to first made them. */
  readonly reversed: boolean
  /** Whether masked steps repeat the one before, in the order of processing; else they are zero. */
  readonly repeat: boolean
  /** Whether the recurrence wrote from the last step to the first. */
  readonly backwards: boolean
}

/** Lays results `[batch, time, …]` in time order out as a layer gives them. */
export function laidOut(place: Place, value: string, rank: number, mask: Mask | undefined, layout: Layout): string {
  const { writer, constants } = place
  const { reversed, repeat } = layout
  if (!mask) return reversed ? turned(place, value) : value
  const simple = layout.packed ? mask.lengths !== undefined : true
  if (simple && !reversed && !repeat) return layout.packed ? value : keptWhere(place, value, mask.valid, rank)
  const fromEnd = repeat && layout.backwards
  const plain = ranks(place, mask, fromEnd)
  const total = column(place, counts(place, mask))
  let kept = mask.valid
  if (repeat) {
    kept = fromEnd
      ? writer.node('Less', [plain, total], 'kept')
      : writer.node('GreaterOrEqual', [plain, constants.ints(0)], 'kept')
  }
  let at = plain
  if (reversed) {
    const last = writer.node('Sub', [total, constants.ints(1)], 'last')
    at = writer.node('Sub', [last, plain], 'ranks')
  }
  const shape = writer.node('Shape', [mask.valid], 'shape')
  const time = writer.node('Gather', [shape, constants.ints(1)], 'time')
  const largest = writer.node('Sub', [time, constants.ints(1)], 'largest')
  at = writer.node('Min', [writer.node('Max', [at, constants.ints(0)], 'ranks'), largest], 'ranks')
  if (!layout.packed && !mask.lengths) {
    at = writer.node('GatherElements', [order(place, mask), at], 'places', { axis: { int: 1 } })
  }
  return keptWhere(place, steps(place, value, at), kept, rank)
}

/** The steps of a value from last to first. */
function turned({ writer, constants }: Place, value: string): string {
  const ends = [constants.ints([-1]), constants.ints([-far]), constants.ints([1]), constants.ints([-1])]
  return writer.node('Slice', [value, ...ends], 'turned')
}

/** How many steps of each row there are up to the last valid one, int64 `[batch]`. */
export function ends(place: Place, mask: Mask): string {
  if (mask.lengths) return counts(place, mask)
  const { writer, constants } = place
  return derive(mask, 'ends', () => {
    const number = writer.node('Add', [timeNumbers(place, mask.valid), constants.ints(1)], 'numbers')
    const valid = writer.node('Mul', [number, wholeNumbers(place, mask)], 'numbers')
    return reduced(place, 'Max', valid, [1], false)
  })
}

/** The last valid step of a value, zeros where there is none. */
export function lastStep(place: Place, { name, shape, mask }: Value): string {
  const { writer, constants } = place
  if (!mask) return writer.node('Gather', [name, constants.ints(-1)], 'last', { axis: { int: 1 } })
  const end = column(place, ends(place, mask))
  const index = writer.node('Max', [writer.node('Sub', [end, constants.ints(1)], 'last'), constants.ints(0)], 'last')
  const found = writer.node('GatherND', [name, index], 'last', { batch_dims: { int: 1 } })
  return keptRows(place, found, mask, shape.length - 1)
}

/** Whether a row has a valid step, `[batch]`. */
function anyValid(place: Place, mask: Mask): string {
  const { writer, constants } = place
  return derive(mask, 'any', () => writer.node('Greater', [counts(place, mask), constants.ints(0)], 'any'))
}

/** The number of valid steps as a number, at least 1, with `rank` dimensions. */
export function divisor(place: Place, mask: Mask, rank: number): string {
  const { writer, constants } = place
  const atLeast = writer.node('Max', [counts(place, mask), constants.ints(1)], 'count')
  const count = writer.node('Cast', [atLeast], 'count', { to: { int: 1 } })
  const axes = Array.from({ length: rank - 1 }, (_, index) => index + 1)
  return axes.length > 0 ? writer.node('Unsqueeze', [count, constants.ints(axes)], 'count') : count
}

/** A reduction, whose axes are a setting or an input, as the version of the operators has it. */
export function reduced(
  { writer, constants }: Place,
  kind: 'Sum' | 'Mean' | 'Max',
  value: string,
  axes: readonly number[],
  keep: boolean,
): string {
  const keepdims = { int: keep ? 1 : 0 }
  const asInput = kind === 'Sum' || writer.opset >= 18
  const inputs = asInput ? [value, constants.ints(axes)] : [value]
  return writer.node(`Reduce${kind}`, inputs, kind.toLowerCase(), {
    keepdims,
    ...(asInput ? {} : { axes: { ints: axes } }),
  })
}
