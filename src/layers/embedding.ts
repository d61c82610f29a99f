import type { LayerScope, Value } from '../graph/builder.js'
import type { DType, Shape } from '../graph/shape.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { flag, integer } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'

/** Options of {@link embedding}. */
export interface EmbeddingOptions extends LayerOptions {
  /** The number of tokens: ids are from 0 to `inputDim` - 1. */
  readonly inputDim: number
  /** The size of each token's vector. */
  readonly outputDim: number
  /** Whether token 0 is padding, to be skipped by the layers that follow; default false. */
  readonly maskZero?: boolean
  /** Default `'randomUniform'`, which is within 0.05. */
  readonly embeddingsInitializer?: InitializerName | Initializer
  /** The number of tokens of every sequence, where it is fixed. */
  readonly inputLength?: number
}

/** The layer that {@link embedding} makes. */
export class Embedding extends Layer {
  override readonly className = 'Embedding'
  override readonly baseName = 'embedding'
  readonly inputDim: number
  readonly outputDim: number
  readonly maskZero: boolean
  readonly inputLength: number | undefined
  readonly #initializer: Initializer

  constructor(options: EmbeddingOptions) {
    super('layers.embedding', options, {
      accepted: {
        inputDim: integer(1),
        outputDim: integer(1),
        maskZero: flag,
        embeddingsInitializer: initializerCheck,
        inputLength: integer(1),
      },
      required: ['inputDim', 'outputDim'],
      refused: {
        embeddingsRegularizer: [null],
        embeddingsConstraint: [null],
        activityRegularizer: [null],
        loraRank: [null],
      },
    })
    this.inputDim = options.inputDim
    this.outputDim = options.outputDim
    this.maskZero = options.maskZero ?? false
    this.inputLength = options.inputLength
    this.#initializer = resolveInitializer(options.embeddingsInitializer ?? 'randomUniform')
  }

  override inputType(): DType {
    return 'int32'
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, '[batch, time] of tokens', 1, 3)
    const time = shape[1]
    if (this.inputLength !== undefined && typeof time === 'number' && time !== this.inputLength) {
      throw this.shapeError(`expected ${this.inputLength} tokens (inputLength), got ${time}`)
    }
    return [[...shape, this.outputDim]]
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [tokens] = inputs as [Value]
    const table = scope.weight('embeddings', [this.inputDim, this.outputDim], this.#initializer)
    return [scope.node('embedding', [tokens], [table], [...tokens.shape, this.outputDim], { maskZero: this.maskZero })]
  }

  override config(): Record<string, unknown> {
    return {
      inputDim: this.inputDim,
      outputDim: this.outputDim,
      maskZero: this.maskZero,
      embeddingsInitializer: this.#initializer,
      ...(this.inputLength === undefined ? {} : { inputLength: this.inputLength }),
    }
  }
}

/**
 * Looks up a vector for each token.
 *
 * Input int32 `[batch, time]`; output `[batch, time, outputDim]`. Weight: embeddings `[inputDim, outputDim]`. A token outside 0 to
 * `inputDim` - 1 is `ERR_DATA` when the model runs. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function embedding(options: EmbeddingOptions): Embedding {
  return new Embedding(options)
}
