import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { type ConfigDict, Layer, type LayerArgs } from './layer.js'
import { eachAxis, requireAxes, requireChannelsLast, type Sizes } from './sizes.js'
import { larger, largest } from './ties.js'
import { written } from './written.js'

/** Options of the pooling layers that reduce everything. */
export interface GlobalPoolingLayerArgs extends LayerArgs {
  dataFormat?: string
}

/** Options of the pooling layers with windows. */
export interface PoolingLayerArgs extends LayerArgs {
  poolSize?: Sizes
  strides?: Sizes | null
  padding?: 'valid' | 'same'
  dataFormat?: string
}

/** What pooling layers have in common: as in tfjs, padded steps count. */
abstract class Pooling extends Layer {
  protected abstract readonly axes: number

  constructor(args: GlobalPoolingLayerArgs) {
    super(args)
    requireChannelsLast(`layer '${this.name}'`, args?.dataFormat)
  }

  override cores(): readonly AnyLayer[] {
    return []
  }

  protected abstract pooled(x: SymbolicValue): SymbolicValue

  override lower([x]: readonly Value[]): readonly Value[] {
    requireAxes(`layer ${this.name}`, (x as Value).shape, this.axes)
    return [written('pooling', [x as Value], ([given]) => this.pooled(given as SymbolicValue))]
  }
}

/** Reduces all places. */
abstract class GlobalPooling extends Pooling {
  constructor(args: GlobalPoolingLayerArgs = {}) {
    super(args)
  }

  protected get places(): number[] {
    return Array.from({ length: this.axes }, (_, at) => 1 + at)
  }
}

abstract class GlobalAveragePooling extends GlobalPooling {
  protected override pooled(x: SymbolicValue): SymbolicValue {
    return x.mean({ axis: this.places })
  }
}

abstract class GlobalMaxPooling extends GlobalPooling {
  protected override pooled(x: SymbolicValue): SymbolicValue {
    return largest(x, this.places)
  }
}

export class GlobalAveragePooling1D extends GlobalAveragePooling {
  static override className = 'GlobalAveragePooling1D'
  protected override readonly axes = 1
}

export class GlobalAveragePooling2D extends GlobalAveragePooling {
  static override className = 'GlobalAveragePooling2D'
  protected override readonly axes = 2
}

export class GlobalMaxPooling1D extends GlobalMaxPooling {
  static override className = 'GlobalMaxPooling1D'
  protected override readonly axes = 1
}

export class GlobalMaxPooling2D extends GlobalMaxPooling {
  static override className = 'GlobalMaxPooling2D'
  protected override readonly axes = 2
}

/** Windows of more elements along an axis are reduced at once: each element is an operation otherwise. */
const mostElements = 64

/** Reduces windows. */
abstract class WindowPooling extends Pooling {
  readonly poolSize: number[]
  readonly strides: number[]
  readonly padding: 'valid' | 'same'
  protected override readonly axes: number

  constructor(args: PoolingLayerArgs, axes: number) {
    super(args)
    this.axes = axes
    const where = `layer '${this.name}'`
    this.poolSize = eachAxis(where, 'poolSize', args?.poolSize ?? 2, axes)
    this.strides = eachAxis(where, 'strides', args?.strides ?? this.poolSize, axes)
    this.padding = args?.padding ?? 'valid'
  }

  /** Reduces windows along one axis after the other, the last one first; the elements of each are an axis behind it. */
  protected reduced(
    x: SymbolicValue,
    filler: number,
    reduce: (cut: SymbolicValue, axis: number) => SymbolicValue,
  ): SymbolicValue {
    const { poolSize, strides, padding } = this
    return poolSize.reduceRight(
      (value, size, at) =>
        reduce(value.windows(size, { axis: 1 + at, stride: strides[at] as number, padding, filler }), 2 + at),
      x,
    )
  }

  override getConfig(): ConfigDict {
    const { poolSize, strides, padding } = this
    return { ...super.getConfig(), poolSize, strides, padding }
  }
}

/** The lowest number of float32, which no maximum sees. */
const lowest = -3.4028234663852886e38

abstract class MaxPooling extends WindowPooling {
  protected override pooled(x: SymbolicValue): SymbolicValue {
    return this.reduced(x, lowest, (cut, axis) => {
      const size = cut.shape[axis] as number
      if (size > mostElements) return cut.max({ axis })
      // Of equal elements of a window, the first one gets the gradient.
      const parts = Array.from({ length: size }, (_, index) => cut.slice(index, index + 1, axis))
      return parts.reduce(larger).squeeze(axis)
    })
  }
}

abstract class AveragePooling extends WindowPooling {
  protected override pooled(x: SymbolicValue): SymbolicValue {
    if (this.padding === 'valid') return this.reduced(x, 0, (cut, axis) => cut.mean({ axis }))
    // Only elements of the input count.
    const sums = (value: SymbolicValue) => this.reduced(value, 0, (cut, axis) => cut.sum({ axis }))
    const one = x.slice(0, 1, -1)
    return sums(x).div(sums(one.less(one).add(1)))
  }
}

export class MaxPooling1D extends MaxPooling {
  static override className = 'MaxPooling1D'

  constructor(args: PoolingLayerArgs = {}) {
    super(args, 1)
  }
}

export class MaxPooling2D extends MaxPooling {
  static override className = 'MaxPooling2D'

  constructor(args: PoolingLayerArgs = {}) {
    super(args, 2)
  }
}

export class MaxPooling3D extends MaxPooling {
  static override className = 'MaxPooling3D'

  constructor(args: PoolingLayerArgs = {}) {
    super(args, 3)
  }
}

export class AveragePooling1D extends AveragePooling {
  static override className = 'AveragePooling1D'

  constructor(args: PoolingLayerArgs = {}) {
    super(args, 1)
  }
}

export class AveragePooling2D extends AveragePooling {
  static override className = 'AveragePooling2D'

  constructor(args: PoolingLayerArgs = {}) {
    super(args, 2)
  }
}

export class AveragePooling3D extends AveragePooling {
  static override className = 'AveragePooling3D'

  constructor(args: PoolingLayerArgs = {}) {
    super(args, 3)
  }
}
