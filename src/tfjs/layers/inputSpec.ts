import type { DataType } from '../types.js'
import type { Shape } from './symbolic.js'

/** Options of {@link InputSpec}. */
export interface InputSpecArgs {
  dtype?: DataType
  shape?: Shape
  ndim?: number
  maxNDim?: number
  minNDim?: number
  axes?: { [axis: number]: number }
}

/** What a layer of one's own says of its inputs. Shapes are checked where layers are connected, whatever it says. */
export class InputSpec {
  readonly dtype: DataType | undefined
  readonly shape: Shape | null
  readonly ndim: number | undefined
  readonly maxNDim: number | undefined
  readonly minNDim: number | undefined
  readonly axes: { [axis: number]: number }

  constructor(args: InputSpecArgs = {}) {
    this.dtype = args.dtype
    this.shape = args.shape ?? null
    this.ndim = args.shape?.length ?? args.ndim
    this.maxNDim = args.maxNDim
    this.minNDim = args.minNDim
    this.axes = args.axes ?? {}
  }
}
