import * as layers from '../../layers/index.js'
import type { AnyLayer } from '../../layers/layer.js'
import { coreName } from './coreName.js'
import { type LayerArgs, StandardLayer } from './layer.js'

/** Options of `tf.layers.gaussianNoise`. */
export interface GaussianNoiseArgs extends LayerArgs {
  stddev: number
}

/** Options of `tf.layers.gaussianDropout` and `tf.layers.alphaDropout`. */
export interface RateArgs extends LayerArgs {
  rate: number
}

// The layers of ours check what they are given.

/** Adds normally distributed numbers while training. */
export class GaussianNoise extends StandardLayer<GaussianNoiseArgs> {
  static override className = 'GaussianNoise'
  override supportsMasking = true

  protected override make(): AnyLayer {
    return layers.gaussianNoise({ name: coreName(this.name), stddev: this.args.stddev as number })
  }
}

/** Multiplies by normally distributed numbers around 1 while training. */
export class GaussianDropout extends StandardLayer<RateArgs> {
  static override className = 'GaussianDropout'
  override supportsMasking = true

  protected override make(): AnyLayer {
    return layers.gaussianDropout({ name: coreName(this.name), rate: this.args.rate as number })
  }
}

/** Sets a share of the values to what keeps mean and variance while training. */
export class AlphaDropout extends StandardLayer<RateArgs> {
  static override className = 'AlphaDropout'
  override supportsMasking = true

  protected override make(): AnyLayer {
    return layers.alphaDropout({ name: coreName(this.name), rate: this.args.rate as number })
  }
}
