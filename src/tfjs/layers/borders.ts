import { describe, SeqloomError } from '../../errors.js'
import * as layers from '../../layers/index.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { coreName } from './coreName.js'
import { type ConfigDict, type Kwargs, type LayerArgs, StandardLayer } from './layer.js'
import { maskedLike, unmasked } from './masks.js'
import { eachAxis, requireAxes, requireChannelsLast } from './sizes.js'

/** @inline How much on each side: one number, one for the height and one for the width, or two for each. */
type Borders = number | readonly [number, number] | readonly [readonly [number, number], readonly [number, number]]

/** A layer of images without weights. */
abstract class Image<Args extends LayerArgs & { dataFormat?: string }> extends StandardLayer<Args> {
  constructor(args: Args) {
    super(args)
    requireChannelsLast(this.where, args?.dataFormat)
  }

  override lower([x]: readonly Value[], kwargs: Kwargs): readonly Value[] {
    requireAxes(`layer ${this.name}`, (x as Value).shape, 2)
    return super.lower([unmasked(x as Value)], kwargs).map((value) => maskedLike(value, [x as Value]))
  }

  /** The numbers at both ends of the height and of the width. */
  protected borders(name: string, given: Borders | undefined): [number, number][] {
    const list = given ?? 1
    const both = typeof list === 'number' ? [list, list] : list
    if (!Array.isArray(both) || both.length !== 2) {
      throw new SeqloomError(
        'ERR_OPTION',
        `${this.where}: ${name} must be a number, [height, width] or [[top, bottom], [left, right]], not ${describe(given)}`,
      )
    }
    return both.map((each: unknown) => eachAxis(this.where, name, each, 2, 0) as [number, number])
  }
}

/** Options of `tf.layers.zeroPadding2d`. */
export interface ZeroPadding2DLayerArgs extends LayerArgs {
  padding?: Borders
  dataFormat?: string
}

/** Zeros around images. */
export class ZeroPadding2D extends Image<ZeroPadding2DLayerArgs> {
  static override className = 'ZeroPadding2D'
  readonly padding: [number, number][]

  constructor(args: ZeroPadding2DLayerArgs = {}) {
    super(args)
    this.padding = this.borders('padding', args?.padding)
  }

  protected override make(): AnyLayer {
    return layers.zeroPadding2d({ name: coreName(this.name), padding: this.padding as never }) as AnyLayer
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), padding: this.padding, dataFormat: 'channelsLast' }
  }
}

/** Options of `tf.layers.cropping2D`. */
export interface Cropping2DLayerArgs extends LayerArgs {
  cropping: Borders
  dataFormat?: string
}

/** Images without their borders. */
export class Cropping2D extends Image<Cropping2DLayerArgs> {
  static override className = 'Cropping2D'
  readonly cropping: [number, number][]

  constructor(args: Cropping2DLayerArgs) {
    super(args)
    this.cropping = this.borders('cropping', args?.cropping)
  }

  protected override make(): AnyLayer {
    return layers.cropping2d({ name: coreName(this.name), cropping: this.cropping as never }) as AnyLayer
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), cropping: this.cropping, dataFormat: 'channelsLast' }
  }
}

/** Options of `tf.layers.upSampling2d`. */
export interface UpSampling2DLayerArgs extends LayerArgs {
  /** How many rows and columns to make of each; default 2. */
  size?: number | number[]
  dataFormat?: string
  /** `'nearest'`, the default, repeats pixels; `'bilinear'` lets them pass into each other. */
  interpolation?: 'nearest' | 'bilinear'
}

/** Larger images. */
export class UpSampling2D extends Image<UpSampling2DLayerArgs> {
  static override className = 'UpSampling2D'
  readonly size: number[]
  readonly interpolation: 'nearest' | 'bilinear'

  constructor(args: UpSampling2DLayerArgs = {}) {
    super(args)
    this.size = eachAxis(this.where, 'size', args?.size ?? 2, 2)
    this.interpolation = args?.interpolation ?? 'nearest'
    if (!['nearest', 'bilinear'].includes(this.interpolation)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `${this.where}: interpolation must be 'nearest' or 'bilinear', not ${describe(this.interpolation)}`,
      )
    }
  }

  protected override make(): AnyLayer {
    const { size, interpolation } = this
    const options = { name: coreName(this.name), size, interpolation, halfPixelCenters: false }
    return layers.upSampling2d(options) as AnyLayer
  }

  override getConfig(): ConfigDict {
    const { size, interpolation } = this
    return { ...super.getConfig(), size, dataFormat: 'channelsLast', interpolation }
  }
}
