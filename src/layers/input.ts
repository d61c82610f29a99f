import { SeqloomError } from '../errors.js'
import type { Value } from '../graph/builder.js'
import type { DType, Shape } from '../graph/shape.js'
import { checkOptions, dimensions, label, oneOf } from '../options.js'
import { type Call, Layer, SymbolicTensor } from './layer.js'

/** Options of {@link input}. */
export interface InputOptions {
  /** The shape without the batch; null for a free number of steps: `[null, 5]`. */
  readonly shape: readonly (number | null)[]
  /** `'int32'` for tokens; default `'float32'`, or what the first layer reads. */
  readonly dtype?: DType
  /** The input's name; default `input_layer` with a number. */
  readonly name?: string
}

/** An input of a model. */
export class InputLayer extends Layer {
  static override readonly className = 'InputLayer'
  override readonly baseName = 'input_layer'
  readonly shape: Shape
  #dtype: DType | undefined

  constructor(options: InputOptions) {
    checkOptions('input', options, {
      accepted: { shape: dimensions, dtype: oneOf(['float32', 'int32']), name: label },
      required: ['shape'],
      refused: { batchSize: [null], sparse: [false], ragged: [false], batchShape: [null] },
    })
    super('input', options.name === undefined ? {} : { name: options.name }, { accepted: {} })
    this.shape = [null, ...options.shape]
    this.#dtype = options.dtype
    const outputs: SymbolicTensor[] = []
    const call: Call = { layer: this, inputs: [], outputs }
    outputs.push(new SymbolicTensor(this.shape, call, 0))
    this.used(call)
  }

  /** Sets the type if none was given; returns false if one was. */
  assumeType(dtype: DType): boolean {
    this.#dtype ??= dtype
    return this.#dtype === dtype
  }

  override outputType(): DType {
    return this.#dtype ?? 'float32'
  }

  override outputShapes(): readonly Shape[] {
    return [this.shape]
  }

  override lower(): readonly Value[] {
    throw new SeqloomError('ERR_STATE', 'an input is not an operation')
  }

  override config(): Record<string, unknown> {
    return { shape: this.shape.slice(1), dtype: this.outputType() }
  }
}

/**
 * An input of a functional model: `input({ shape: [null, 5] })` is a batch of sequences of any length with 5 features
 * per step. Errors: `ERR_OPTION` for a wrong shape, type or option.
 */
export function input(options: InputOptions): SymbolicTensor {
  return new InputLayer(options).output
}
