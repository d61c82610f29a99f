import { describe, SeqloomError } from '../../errors.js'
import * as ops from '../../graph/trace/ops.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { type ConfigDict, Layer, type LayerArgs } from './layer.js'
import { eachAxis, requireAxes, requireChannelsLast } from './sizes.js'
import { written } from './written.js'

/** @inline How much on each side: one number, one for the height and one for the width, or two for each. */
type Borders = number | readonly [number, number] | readonly [readonly [number, number], readonly [number, number]]

/** A layer of images without weights. */
abstract class Image extends Layer {
  constructor(args: LayerArgs & { dataFormat?: string }) {
    super(args)
    requireChannelsLast(this.where, args?.dataFormat)
  }

  protected get where(): string {
    return `layer '${this.name}'`
  }

  override cores(): readonly AnyLayer[] {
    return []
  }

  protected abstract changed(x: SymbolicValue): SymbolicValue

  override lower([x]: readonly Value[]): readonly Value[] {
    requireAxes(`layer ${this.name}`, (x as Value).shape, 2)
    return [written('image', [x as Value], ([given]) => this.changed(given as SymbolicValue))]
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

/** An image with more, or with less, at its borders; what is more is zero. */
const bordered = (x: SymbolicValue, borders: readonly (readonly [number, number])[]): SymbolicValue =>
  borders.reduce((value, padding, at) => value.windows(1, { axis: 1 + at, padding }).squeeze(2 + at), x)

/** Zeros around images. */
export class ZeroPadding2D extends Image {
  static override className = 'ZeroPadding2D'
  readonly padding: [number, number][]

  constructor(args: LayerArgs & { padding?: Borders; dataFormat?: string } = {}) {
    super(args)
    this.padding = this.borders('padding', args?.padding)
  }

  protected override changed(x: SymbolicValue): SymbolicValue {
    return bordered(x, this.padding)
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), padding: this.padding, dataFormat: 'channelsLast' }
  }
}

/** Images without their borders. */
export class Cropping2D extends Image {
  static override className = 'Cropping2D'
  readonly cropping: [number, number][]

  constructor(args: LayerArgs & { cropping: Borders; dataFormat?: string }) {
    super(args)
    this.cropping = this.borders('cropping', args?.cropping)
  }

  protected override changed(x: SymbolicValue): SymbolicValue {
    const less = this.cropping.map(([before, after]) => [0 - before, 0 - after] as const)
    return bordered(x, less)
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), cropping: this.cropping, dataFormat: 'channelsLast' }
  }
}

/** Options of `tf.layers.upSampling2d`. */
export interface UpSampling2DLayerArgs extends LayerArgs {
  /** How often each row and each column stands; default 2. */
  size?: number | number[]
  dataFormat?: string
  /** Only the default, `'nearest'`. */
  interpolation?: 'nearest' | 'bilinear'
}

/** Images whose rows and columns stand several times. */
export class UpSampling2D extends Image {
  static override className = 'UpSampling2D'
  readonly size: number[]

  constructor(args: UpSampling2DLayerArgs = {}) {
    super(args)
    this.size = eachAxis(this.where, 'size', args?.size ?? 2, 2)
    if ((args?.interpolation ?? 'nearest') !== 'nearest') {
      throw new SeqloomError('ERR_UNSUPPORTED', `${this.where}: interpolation must be 'nearest'`)
    }
  }

  protected override changed(x: SymbolicValue): SymbolicValue {
    return this.size.reduce((value, count, at) => {
      const length = value.shape[1 + at]
      if (typeof length !== 'number') {
        throw new SeqloomError('ERR_SHAPE', `${this.where}: the height and the width of its input must be known`)
      }
      const single = value.expandDims(2 + at)
      const shape = value.shape.slice(1).with(at, length * count) as number[]
      return ops.concat(Array<SymbolicValue>(count).fill(single), 2 + at).reshape(shape)
    }, x)
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), size: this.size, dataFormat: 'channelsLast', interpolation: 'nearest' }
  }
}
