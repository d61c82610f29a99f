import { reading, SeqloomError } from '../errors.js'
import type { Value } from '../graph/builder.js'
import type { Shape, ValueType } from '../graph/shape.js'
import { checkOptions, custom, dimensions, integer, label, oneOf, orNull } from '../options.js'
import { type Call, Layer, SymbolicTensor } from './layer.js'

/** Options of {@link input}. */
export type InputOptions = InputSettings &
  (
    | {
        /** The shape without the batch; null for a free number of steps: `[null, 5]`. */
        readonly shape: readonly (number | null)[]
        readonly batchShape?: null
      }
    | {
        readonly shape?: undefined
        /** In place of `shape` and `batchSize`: both together, `[2, null, 5]`. */
        readonly batchShape: readonly (number | null)[]
      }
  )

/** What {@link InputOptions} hold besides the shape. */
export interface InputSettings {
  /**
   * A fixed number of rows. Stateful models compute so many rows at once, and take no other number; for others it shows
   * in shapes alone, as in Keras.
   */
  readonly batchSize?: number | null
  /** `'int32'` for tokens, `'string'` for texts; default `'float32'`, or what the first layer reads. */
  readonly dtype?: ValueType
  /** The input's name; default `input_layer` with a number. */
  readonly name?: string | null
}

const batchDimensions = custom(
  `${dimensions.expected}, the batch first`,
  (value) => dimensions.accepts(value) && (value as unknown[]).length > 0,
)

/** An input of a model. */
export class InputLayer extends Layer {
  static override readonly className = 'InputLayer'
  override readonly baseName = 'input_layer'
  readonly shape: Shape
  #dtype: ValueType | undefined

  constructor(options: InputOptions) {
    checkOptions('input', options, {
      accepted: {
        shape: dimensions,
        batchSize: orNull(integer(1)),
        batchShape: orNull(batchDimensions),
        dtype: oneOf(['float32', 'int32', 'string']),
        name: orNull(label),
      },
      required: reading('ERR_OPTION', 'input', () => options?.batchShape) ? [] : ['shape'],
      refused: { sparse: [false], ragged: [false] },
    })
    const { batchSize = null, batchShape } = options
    const given = [batchSize, ...(options.shape ?? batchShape?.slice(1) ?? [])]
    if (batchShape && String(batchShape) !== String([batchShape[0] ?? null, ...given.slice(1)])) {
      throw new SeqloomError('ERR_OPTION', 'input: shape and batchShape say the same in two ways; give one of them')
    }
    super('input', { name: options.name ?? null }, { accepted: {} })
    this.shape = batchShape ? [batchShape[0] ?? batchSize, ...given.slice(1)] : given
    this.#dtype = options.dtype
    const outputs: SymbolicTensor[] = []
    const call: Call = { layer: this, inputs: [], outputs }
    outputs.push(new SymbolicTensor(this.shape, call, 0))
    this.used(call)
  }

  /** Sets the type if none was given; returns false if one was. */
  assumeType(dtype: ValueType): boolean {
    this.#dtype ??= dtype
    return this.#dtype === dtype
  }

  override outputType(): ValueType {
    return this.#dtype ?? 'float32'
  }

  override outputShapes(): readonly Shape[] {
    return [this.shape]
  }

  /** @internal */
  override lower(): readonly Value[] {
    throw new SeqloomError('ERR_STATE', 'an input is not an operation')
  }

  override config(): Record<string, unknown> {
    const [batchSize = null, ...shape] = this.shape
    return { shape, dtype: this.outputType(), ...(batchSize !== null && { batchSize }) }
  }
}

/**
 * An input of a functional model: `input({ shape: [null, 5] })` is a batch of sequences of any length with 5 features
 * per step. Errors: `ERR_OPTION` for a wrong shape, type or option.
 */
export function input(options: InputOptions): SymbolicTensor {
  return new InputLayer(options).output
}
