import * as layers from '../../layers/index.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import type { InitializerIdentifier } from './basic.js'
import { coreName } from './coreName.js'
import { type ConfigDict, type Kwargs, type LayerArgs, StandardLayer } from './layer.js'
import { maskedLike, unmasked } from './masks.js'
import { type PenaltyOptions, penalties } from './penalties.js'

/** Options of `tf.layers.batchNormalization`. */
export interface BatchNormalizationLayerArgs extends LayerArgs, PenaltyOptions<'beta' | 'gamma'> {
  /** The dimension of the channels; default -1. */
  axis?: number
  /** How much of the moving statistics stays after a step of training; default 0.99. */
  momentum?: number
  epsilon?: number
  center?: boolean
  scale?: boolean
  betaInitializer?: InitializerIdentifier
  gammaInitializer?: InitializerIdentifier
  movingMeanInitializer?: InitializerIdentifier
  movingVarianceInitializer?: InitializerIdentifier
}

const standard = { axis: -1, momentum: 0.99, epsilon: 1e-3, center: true, scale: true }

/** Normalizes each channel by the statistics of the batch in training, by moving ones otherwise. */
export class BatchNormalization extends StandardLayer<BatchNormalizationLayerArgs> {
  static override className = 'BatchNormalization'
  protected override readonly initializers = {
    beta: 'zeros',
    gamma: 'ones',
    movingMean: 'zeros',
    movingVariance: 'ones',
  } as const
  override supportsMasking = true

  constructor(args: BatchNormalizationLayerArgs = {}) {
    super(args)
  }

  protected override make(): AnyLayer {
    const { where, args } = this
    return layers.batchNormalization({
      name: coreName(this.name),
      axis: args.axis ?? standard.axis,
      momentum: args.momentum ?? standard.momentum,
      epsilon: args.epsilon ?? standard.epsilon,
      center: args.center ?? standard.center,
      scale: args.scale ?? standard.scale,
      betaInitializer: this.initializer('beta'),
      gammaInitializer: this.initializer('gamma'),
      movingMeanInitializer: this.initializer('movingMean'),
      movingVarianceInitializer: this.initializer('movingVariance'),
      ...penalties(where, args, ['beta', 'gamma']),
    }) as AnyLayer
  }

  override lower([x]: readonly Value[], kwargs: Kwargs): readonly Value[] {
    // Padded steps count in the statistics, and what follows skips them still.
    return super.lower([unmasked(x as Value)], kwargs).map((value) => maskedLike(value, [x as Value]))
  }

  override getConfig(): ConfigDict {
    return { ...standard, ...super.getConfig() }
  }
}
