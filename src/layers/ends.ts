import type { LayerScope, Value } from '../graph/builder.js'
import type { Dim, Shape } from '../graph/shape.js'
import { windowSettings } from '../graph/trace/windows.js'
import { type Check, custom } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'
import { axisNames, placed, type Windows } from './windows.js'

/** Numbers of steps at both ends of a sequence: one for both, or `[start, end]`. */
export type BothEnds = number | readonly [start: number, end: number]

/** Numbers of pixels at the borders of images: one for all, `[height, width]`, or `[[top, bottom], [left, right]]`. */
export type Borders = number | readonly [height: BothEnds, width: BothEnds]

type Pair = readonly [start: number, end: number]

const isWhole = (each: unknown): boolean =>
  Number.isInteger(each) && (each as number) >= 0 && (each as number) < 2 ** 31
const isPair = (value: unknown, accepts: (each: unknown) => boolean): boolean =>
  Array.isArray(value) && value.length === 2 && value.every(accepts)

const bothEnds: Check = custom(
  'an integer of at least 0, or an array of two',
  (value) => isWhole(value) || isPair(value, isWhole),
)

const borders: Check = custom(
  'an integer of at least 0, [height, width] or [[top, bottom], [left, right]]',
  (value) => isWhole(value) || isPair(value, bothEnds.accepts),
)

const pairOf = (given: BothEnds): Pair => (typeof given === 'number' ? [given, given] : given)

/** What the constructor of such a layer is told. */
interface Kind {
  readonly where: string
  readonly axes: 1 | 2
  /** The option that has the numbers, and what it is by default. */
  readonly name: string
  readonly fallback: number
  /** Whether elements are added, or taken away. */
  readonly sign: 1 | -1
}

/** Layers that add elements at the ends of each axis, or take some away: windows of one element. */
export abstract class Ends extends Layer {
  /** What is added, or taken away, at both ends of each axis. */
  protected readonly ends: readonly Pair[]
  readonly #windows: readonly Windows[]

  protected constructor(options: LayerOptions, { where, axes, name, fallback, sign }: Kind) {
    super(where, options, {
      accepted: { [name]: axes === 1 ? bothEnds : borders },
      refused: { dataFormat: ['channelsLast', null] },
    })
    const given = (options as Readonly<Record<string, BothEnds | Borders | undefined>>)[name] ?? fallback
    const each = axes === 1 ? [given as BothEnds] : typeof given === 'number' ? [given, given] : given
    this.ends = each.map(pairOf)
    this.#windows = this.ends.map(([start, end]) => ({ size: 1, padding: [sign * start, sign * end] }))
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const axes = this.#windows.length
    const shape = this.single(inputs, `[batch, ${axisNames(axes)}, ${axes === 1 ? 'features' : 'channels'}]`, axes + 2)
    this.features(shape)
    return [placed(shape, this.#windows, (message) => this.shapeError(message))]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const [shape] = this.outputShapes([x.shape]) as [Shape]
    const changed = this.#windows.reduce((value, window, at) => {
      const [axis, size] = [1 + at, shape[1 + at] as Dim]
      return scope.node(
        'windows',
        [value],
        [],
        value.shape.with(axis, size),
        windowSettings(axis, window, true),
        'ends',
      )
    }, x)
    return [changed]
  }
}
