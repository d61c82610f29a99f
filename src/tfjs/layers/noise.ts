import * as layers from '../../layers/index.js'
import type { AnyLayer } from '../../layers/layer.js'
import { unsupported } from '../failure.js'
import { coreName } from './input.js'
import { type LayerArgs, StandardLayer } from './layer.js'

/** Options of `tf.layers.gaussianNoise`. */
export interface GaussianNoiseArgs extends LayerArgs {
  stddev: number
}

/** Options of `tf.layers.gaussianDropout` and `tf.layers.alphaDropout`. */
export interface RateArgs extends LayerArgs {
  rate: number
}

/** Layers of ours by name; an engine without one of these has none of its class. */
const made: Readonly<Record<string, unknown>> = { ...layers }

/** A layer that changes values while training, by the one of ours of a name. */
abstract class Noise<Args extends LayerArgs> extends StandardLayer<Args> {
  override supportsMasking = true
  readonly #maker: (options: object) => unknown

  constructor(
    args: Args,
    readonly maker: string,
  ) {
    super(args)
    const found = made[maker]
    if (typeof found !== 'function') throw unsupported(`tf.layers.${maker}`, 'use tf.layers.dropout')
    this.#maker = found as never
  }

  /** What the layer of ours is given. */
  protected abstract settings(): object

  protected override make(): AnyLayer {
    return this.#maker({ name: coreName(this.name), ...this.settings() }) as AnyLayer
  }
}

/** Adds normally distributed numbers while training. */
export class GaussianNoise extends Noise<GaussianNoiseArgs> {
  static override className = 'GaussianNoise'

  constructor(args: GaussianNoiseArgs) {
    super(args, 'gaussianNoise')
  }

  protected override settings(): object {
    return { stddev: this.args.stddev }
  }
}

/** Multiplies by normally distributed numbers around 1 while training. */
export class GaussianDropout extends Noise<RateArgs> {
  static override className = 'GaussianDropout'

  constructor(args: RateArgs) {
    super(args, 'gaussianDropout')
  }

  protected override settings(): object {
    return { rate: this.args.rate }
  }
}

/** Sets a share of the values to what keeps mean and variance while training. */
export class AlphaDropout extends Noise<RateArgs> {
  static override className = 'AlphaDropout'

  constructor(args: RateArgs) {
    super(args, 'alphaDropout')
  }

  protected override settings(): object {
    return { rate: this.args.rate }
  }
}
