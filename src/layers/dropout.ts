import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { custom, number, optionalSeed } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of {@link dropout}. */
export interface DropoutOptions extends LayerOptions {
  /** The share of elements that training sets to zero, from 0 to below 1; the others are scaled by 1 / (1 - rate). */
  readonly rate: number
  /**
   * `[null, 1, null]` drops the same features at every step of a sequence (Gal and Ghahramani 2016); by default each
   * element is drawn alone.
   */
  readonly noiseShape?: readonly [null, 1, null]
  /** Makes what is dropped repeatable whatever the model's seed. */
  readonly seed?: number | null
}

const noiseShape = custom(
  '[null, 1, null], the same features at every step',
  (v) => Array.isArray(v) && v.length === 3 && v[0] === null && v[1] === 1 && v[2] === null,
)

/** A seed among other settings, if there is one. */
export const seeded = (seed: number | undefined): { readonly seed?: number } => (seed === undefined ? {} : { seed })

/** What layers have in common that drop random elements. */
export abstract class DropoutLayer extends Layer {
  override readonly stepwise: boolean
  readonly rate: number
  protected readonly seed: number | undefined
  readonly #shareSteps: boolean

  protected constructor(where: string, options: DropoutOptions, shareSteps?: true) {
    super(where, options, {
      accepted: { rate: number(0, 1), seed: optionalSeed, ...(shareSteps ? {} : { noiseShape }) },
      required: ['rate'],
    })
    this.rate = options.rate
    this.seed = options.seed ?? undefined
    this.#shareSteps = shareSteps ?? options.noiseShape !== undefined
    this.stepwise = !shareSteps
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    return [
      this.#shareSteps ? this.single(inputs, '[batch, time, features]', 3) : this.single(inputs, '[batch, …]', 2, 8),
    ]
  }

  /** A value some elements of which are dropped. */
  protected dropped(scope: LayerScope, x: Value, part?: string): Value {
    const attributes = { rate: this.rate, shareSteps: this.#shareSteps, ...seeded(this.seed) }
    return scope.node('dropout', [x], [], x.shape, attributes, part)
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    return [this.dropped(scope, inputs[0] as Value)]
  }

  override config(): Record<string, unknown> {
    return { rate: this.rate, ...(this.#shareSteps ? { noiseShape: [null, 1, null] } : {}), ...seeded(this.seed) }
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
