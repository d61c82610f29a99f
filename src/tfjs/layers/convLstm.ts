import { SeqloomError } from '../../errors.js'
import * as layers from '../../layers/index.js'
import type { AnyLayer } from '../../layers/layer.js'
import { requireGiven } from './basic.js'
import type { ConfigDict } from './layer.js'
import { givenOnly, weightConfig } from './options.js'
import {
  type BaseRNNLayerArgs,
  cellActivation,
  type GatedCellLayerArgs,
  type Recurrence,
  RNNLayer,
  recurrentInitializers,
  recurrentOptions,
} from './recurrent.js'
import { eachAxis, requireChannelsLast, type Sizes } from './sizes.js'

/** Options of `tf.layers.convLstm2d`. */
export interface ConvLSTM2DArgs extends BaseRNNLayerArgs, Omit<GatedCellLayerArgs, 'units' | 'resetAfter'> {
  filters: number
  kernelSize: Sizes
  strides?: Sizes
  padding?: 'valid' | 'same'
  dataFormat?: string
  dilationRate?: Sizes
}

/** An LSTM over sequences of images, whose products are convolutions. */
export class ConvLSTM2D extends RNNLayer {
  static override className = 'ConvLSTM2D'
  readonly filters: number

  constructor(args: ConvLSTM2DArgs) {
    super(args)
    const where = `layer '${this.name}'`
    requireGiven(where, 'filters', args?.filters)
    requireGiven(where, 'kernelSize', args.kernelSize)
    requireChannelsLast(where, args.dataFormat)
    if (args.unroll) {
      throw new SeqloomError('ERR_OPTION', 'Unrolling is not possible with convolutional RNNs.')
    }
    this.filters = args.filters
  }

  /** The options that a layer of ours has as well. */
  #sizes() {
    const where = `layer '${this.name}'`
    const args = this.args as Partial<ConvLSTM2DArgs>
    return {
      kernelSize: eachAxis(where, 'kernelSize', args.kernelSize, 2),
      strides: eachAxis(where, 'strides', args.strides ?? 1, 2),
      dilationRate: eachAxis(where, 'dilationRate', args.dilationRate ?? 1, 2),
      padding: args.padding ?? 'valid',
    }
  }

  override make(name: string, how: Recurrence): readonly AnyLayer[] {
    const where = `layer '${this.name}'`
    const args = givenOnly(this.args as ConvLSTM2DArgs)
    const layer = layers.convLstm2d({
      ...(recurrentOptions(where, name, args, how) as object),
      filters: this.filters,
      ...this.#sizes(),
      recurrentActivation: cellActivation(where, args, 'recurrentActivation', 'hardSigmoid') as 'tanh',
      unitForgetBias: args.unitForgetBias ?? false,
    })
    return [layer as unknown as AnyLayer]
  }

  override stateSizes(): readonly (readonly number[])[] {
    return [[this.filters, this.filters]]
  }

  override getConfig(): ConfigDict {
    const config = super.getConfig()
    return { ...config, ...weightConfig(recurrentInitializers, config), ...this.#sizes() }
  }
}
