import { SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import { type Dim, type Shape, showShape, unifyDim } from '../graph/shape.js'
import { custom, dimensions, number, optionalSeed } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of {@link dropout}. */
export interface DropoutOptions extends LayerOptions {
  /** The share of elements that training sets to zero, from 0 to below 1; the others are scaled by 1 / (1 - rate). */
  readonly rate: number
  /**
   * Along which dimensions, batch first, one draw counts for all: those of 1, where others are null or the input's size.
   * `[null, 1, null]` drops the same features at every step of a sequence (Gal and Ghahramani 2016). By default, as with null, each
   * element is drawn alone.
   */
  readonly noiseShape?: readonly (number | null)[] | null
  /** Makes what is dropped repeatable whatever the model's seed. */
  readonly seed?: number | null
}

const noiseShape = custom(
  `${dimensions.expected} with at least two dimensions, or null`,
  (value) => value === null || (dimensions.accepts(value) && (value as unknown[]).length > 1),
)

/** A seed among other settings, if there is one. */
export const seeded = (seed: number | undefined): { readonly seed?: number } => (seed === undefined ? {} : { seed })

type DropoutSettings = { readonly rate: number; readonly shareSteps: boolean; readonly seed?: number }

/** What layers have in common that drop random elements; `shareSteps` if always the same features at every step. */
export abstract class DropoutLayer extends Layer {
  override readonly stepwise: boolean
  readonly rate: number
  protected readonly seed: number | undefined
  readonly #noiseShape: readonly (number | null)[] | null
  readonly #shareSteps: boolean

  protected constructor(where: string, options: DropoutOptions, shareSteps = false) {
    super(where, options, {
      accepted: { rate: number(0, 1), seed: optionalSeed, ...(shareSteps ? {} : { noiseShape }) },
      required: ['rate'],
    })
    this.rate = options.rate
    this.seed = options.seed ?? undefined
    this.#noiseShape = options.noiseShape ?? null
    this.#shareSteps = shareSteps
    this.stepwise = !shareSteps
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    if (this.#shareSteps) return [this.single(inputs, '[batch, time, features]', 3)]
    const shape = this.single(inputs, '[batch, …]', 2, 8)
    const noise = this.#noiseShape
    if (noise === null) return [shape]
    const fits =
      noise.length === shape.length &&
      noise.every(
        (size, axis) => axis === 0 || size === null || size === 1 || unifyDim(size, shape[axis] as Dim) !== undefined,
      )
    if (fits) return [shape]
    throw this.shapeError(
      `noiseShape ${showShape(noise)} does not fit the input ${showShape(shape)}: each of its dimensions is 1, null or the input's`,
    )
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    return [this.dropped(scope, inputs[0] as Value)]
  }

  /** A value some elements of which are dropped. */
  protected dropped(scope: LayerScope, x: Value, part?: string): Value {
    const shared = this.#sharedAxes(x.shape)
    const steps = this.#shareSteps || (x.shape.length === 3 && shared.join() === '1')
    const attributes = { rate: this.rate, shareSteps: steps, ...seeded(this.seed) }
    if (steps || shared.length === 0) return scope.node('dropout', [x], [], x.shape, attributes, part)
    return this.#drawnOnce(scope, x, shared, attributes)
  }

  /** The dimensions along which one draw counts for all. */
  #sharedAxes(shape: Shape): number[] {
    return (this.#noiseShape ?? []).flatMap((size, axis) => (size === 1 && shape[axis] !== 1 ? [axis] : []))
  }

  /** Factors drawn for dimensions of 1, for all elements along these. */
  #drawnOnce(scope: LayerScope, x: Value, shared: readonly number[], attributes: DropoutSettings): Value {
    if (shared.includes(0)) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `layer '${this.label}' (${this.className}): noiseShape cannot be 1 for the batch: rows are drawn on their own`,
      )
    }
    const shape = x.shape.map((size, axis) => (shared.includes(axis) ? 1 : size))
    const one = scope.node('reduce', [x], [], shape, { kind: 'max', axes: [...shared], keepDims: true }, 'noise')
    const ones = scope.node('elementwise', [one, one], [], shape, { kind: 'equal' }, 'noise')
    const noise = scope.node('dropout', [ones], [], shape, attributes)
    return scope.node('elementwise', [x, noise], [], x.shape, { kind: 'multiply' })
  }

  override config(): Record<string, unknown> {
    return { rate: this.rate, ...(this.#noiseShape && { noiseShape: this.#noiseShape }), ...seeded(this.seed) }
  }
}

/** The layer that {@link dropout} makes. */
export class Dropout extends DropoutLayer {
  static override readonly className = 'Dropout'
  override readonly baseName = 'dropout'

  constructor(options: DropoutOptions) {
    super('layers.dropout', options)
  }
}

/**
 * Sets random elements to zero while training and does nothing otherwise. Shapes stay. The draws depend on the model's
 * seed or the layer's own, the step and the element only. Source: Srivastava et al. 2014. Errors: `ERR_OPTION`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function dropout(options: DropoutOptions): Dropout {
  return new Dropout(options)
}
