import type { LayerScope, Value } from '../graph/builder.js'
import type { Dim, Shape } from '../graph/shape.js'
import { placesOf, reachOf, type WindowPadding, type Windows, windowSettings } from '../graph/trace/windows.js'
import { type Check, custom } from '../options.js'

// What convolutions and pooling have in common: their axes, in front of the channels, are cut into windows.

/** @inline A size for each axis: a number for all of them, or an array with one for each. */
export type PerAxis = number | readonly number[]

/** The check of {@link PerAxis}. */
export function perAxis(axes: number): Check {
  const whole = (value: unknown) => Number.isInteger(value) && (value as number) >= 1 && (value as number) < 2 ** 31
  const what = axes === 1 ? 'an array of one' : `an array of ${axes}`
  return custom(
    `an integer of at least 1, or ${what}`,
    (value) => whole(value) || (Array.isArray(value) && value.length === axes && value.every(whole)),
  )
}

/** The numbers of {@link PerAxis}. */
export const eachAxis = (given: PerAxis, axes: number): readonly number[] =>
  typeof given === 'number' ? Array<number>(axes).fill(given) : given

/** The names of axes in messages. */
export const axisNames = (axes: number): string => ['time', 'height, width', 'depth, height, width'][axes - 1] as string

/** The shape after axes from the first one on were cut into windows, with the elements of windows left out. */
export function placed(shape: Shape, windows: readonly Windows[], wrong: (message: string) => Error): Dim[] {
  return shape.map((dim, axis) => {
    const window = windows[axis - 1]
    if (axis === 0 || window === undefined) return dim
    const settings = windowSettings(axis, window)
    const places = placesOf(dim, settings) as Dim
    if (places === 0) {
      const more = settings.before + settings.after
      const added = more === 0 ? '' : more > 0 ? ` and ${more} that are added` : `, ${-more} of which are left out`
      throw wrong(`windows over ${reachOf(settings) + 1} steps do not fit into ${dim} steps${added}`)
    }
    return places
  })
}

/** A value one axis of which is cut into windows, whose elements are an axis behind it. */
export function cutAxis(scope: LayerScope, x: Value, window: Windows, axis: number): Value {
  const settings = windowSettings(axis, window)
  const places = placesOf(x.shape[axis] as Dim, settings) as Dim
  return scope.node('windows', [x], [], x.shape.toSpliced(axis, 1, places, window.size), settings, 'windows')
}

/** A value whose axes from the first one on are cut into windows: `[batch, …places, …window, channels]`. */
export function cut(scope: LayerScope, x: Value, windows: readonly Windows[]): Value {
  const count = windows.length
  const all = windows.reduce((value, window, at) => cutAxis(scope, value, window, 1 + 2 * at), x)
  if (count === 1) return all
  const axes = windows.map((_, at) => 1 + 2 * at)
  return transposed(scope, all, [0, ...axes, ...axes.map((axis) => axis + 1), 1 + 2 * count])
}

/** A value with its axes in another order. */
export function transposed(scope: LayerScope, value: Value, permutation: number[]): Value {
  const shape = permutation.map((axis) => value.shape[axis] as Dim)
  return scope.node('transpose', [value], [], shape, { permutation }, 'windows')
}

/** A value whose last axis but the channels is cut into windows, each of them one row: `[…, places, window · channels]`. */
export function flatCut(scope: LayerScope, x: Value, window: Windows): Value {
  const axis = x.shape.length - 2
  const settings = windowSettings(axis, window, true)
  const places = placesOf(x.shape[axis] as Dim, settings) as Dim
  const shape = [...x.shape.slice(0, axis), places, (x.shape[axis + 1] as number) * window.size]
  return scope.node('windows', [x], [], shape, settings, 'windows')
}

/** A value, `[batch, steps, …]`, with the mask of another one, whose steps are the same, too. */
export function masked(scope: LayerScope, value: Value, like: Value): Value {
  const ones = like.shape.map((dim, axis): Dim => (axis < 2 ? dim : 1))
  const one = like.shape.slice(2).reduce<Value>((each, _, at) => {
    const shape = each.shape.with(at + 2, 1)
    return scope.node('slice', [each], [], shape, { axis: at + 2, start: 0, end: 1 }, 'mask')
  }, like)
  const zeros = scope.node('elementwise', [one, one], [], ones, { kind: 'less' }, 'mask')
  const rank = value.shape.length
  const fitting = rank === ones.length ? zeros : reduced(scope, zeros, ones.length - rank)
  return scope.node('elementwise', [value, fitting], [], value.shape, { kind: 'add' }, 'mask')
}

/** A value without some of its axes of size 1 at the end. */
function reduced(scope: LayerScope, value: Value, count: number): Value {
  const axes = Array.from({ length: count }, (_, at) => value.shape.length - 1 - at).reverse()
  const settings = { kind: 'sum', axes, keepDims: false } as const
  return scope.node('reduce', [value], [], value.shape.slice(0, -count), settings, 'mask')
}

export type { WindowPadding, Windows }
