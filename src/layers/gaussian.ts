import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { type Check, optionalSeed } from '../options.js'
import { seeded } from './dropout.js'
import { Layer, type LayerOptions } from './layer.js'

/** What layers of noise have in common. */
export interface GaussianOptions extends LayerOptions {
  /** Makes the noise repeatable whatever the model's seed. */
  readonly seed?: number | null
}

/** A layer that changes its input by normally distributed noise while training, and does nothing otherwise. */
export abstract class Gaussian extends Layer {
  override readonly stepwise = true
  readonly #seed: number | undefined
  readonly #noise: { readonly noise: 'term' | 'factor'; readonly deviation: number }
  readonly #config: Readonly<Record<string, number>>

  /** `own` is the option that says how strong the noise is, with its check; `deviationOf` what that comes to. */
  protected constructor(
    where: string,
    options: GaussianOptions,
    [own, check]: readonly [name: string, check: Check],
    noise: 'term' | 'factor',
    deviationOf: (strength: number) => number,
  ) {
    super(where, options, { accepted: { [own]: check, seed: optionalSeed }, required: [own] })
    const strength = (options as unknown as Readonly<Record<string, number>>)[own] as number
    this.#seed = options.seed ?? undefined
    this.#noise = { noise, deviation: deviationOf(strength) }
    this.#config = { [own]: strength }
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    return [this.single(inputs, '[batch, …]', 2, 8)]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x] = inputs as [Value]
    const settings = { rate: 0, shareSteps: false, ...this.#noise, ...seeded(this.#seed) }
    return [scope.node('dropout', [x], [], x.shape, settings)]
  }

  override config(): Record<string, unknown> {
    return { ...this.#config, ...seeded(this.#seed) }
  }
}
