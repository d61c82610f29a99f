import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { type Check, custom } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'
import { flatCut, placed, type Windows } from './windows.js'

/** Numbers of steps at both ends of a sequence: one for both, or `[start, end]`. */
export type BothEnds = number | readonly [start: number, end: number]

/** The check of {@link BothEnds}. */
export const bothEnds: Check = custom('an integer of at least 0, or an array of two', (value) => {
  const whole = (each: unknown) => Number.isInteger(each) && (each as number) >= 0 && (each as number) < 2 ** 31
  return whole(value) || (Array.isArray(value) && value.length === 2 && value.every(whole))
})

/** Layers that take steps away at the ends, or add some: windows of one step. */
export abstract class Ends extends Layer {
  protected readonly ends: readonly [start: number, end: number]
  readonly #window: Windows

  protected constructor(where: string, name: string, options: LayerOptions, fallback: BothEnds, sign: 1 | -1) {
    super(where, options, { accepted: { [name]: bothEnds }, refused: { dataFormat: ['channelsLast', null] } })
    const given = (options as Readonly<Record<string, BothEnds | undefined>>)[name] ?? fallback
    this.ends = typeof given === 'number' ? [given, given] : given
    this.#window = { size: 1, padding: [sign * this.ends[0], sign * this.ends[1]] }
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, '[batch, time, features]', 3)
    this.features(shape)
    return [placed(shape, [this.#window], (message) => this.shapeError(message))]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    return [flatCut(scope, x, this.#window)]
  }
}

/** Options of {@link cropping1d}. */
export interface Cropping1DOptions extends LayerOptions {
  /** How many steps to take away; default `[1, 1]`. */
  readonly cropping?: BothEnds
}

/** The layer that {@link cropping1d} makes. */
export class Cropping1D extends Ends {
  static override readonly className = 'Cropping1D'
  override readonly baseName = 'cropping1d'

  constructor(options: Cropping1DOptions) {
    super('layers.cropping1d', 'cropping', options, [1, 1], -1)
  }

  override config(): Record<string, unknown> {
    return { cropping: this.ends }
  }
}

/**
 * Takes steps away at the start and the end: `[batch, time, features]` to `[batch, time - start - end, features]`. Of
 * rows of different lengths, each loses its own last steps. Errors: `ERR_OPTION`, `ERR_SHAPE`.
 */
export function cropping1d(options: Cropping1DOptions = {}): Cropping1D {
  return new Cropping1D(options)
}
