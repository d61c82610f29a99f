import type { Data } from '../data/tensor.js'
import { describe, reading, SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape, ValueType } from '../graph/shape.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { flag, integer, isRecord, orNull } from '../options.js'
import { Layer, type LayerOptions } from './layer.js'
import type { RuleOptions } from './weightRules.js'

/** Options of {@link embedding}. */
export interface EmbeddingOptions extends Omit<LayerOptions, 'weights'>, RuleOptions<'embeddings'> {
  /** The number of tokens: ids are from 0 to `inputDim` - 1. May be left out where `weights` say it. */
  readonly inputDim?: number
  /** The size of each token's vector. May be left out if `weights` imply it. */
  readonly outputDim?: number
  /**
   * Initial vectors, such as pretrained ones, one row per token: a tensor or nested arrays, alone or, as in Keras, in
   * an array.
   */
  readonly weights?: Data | readonly [Data]
  /** Whether token 0 is padding, to be skipped by the layers that follow; default false. */
  readonly maskZero?: boolean
  /** Default `'randomUniform'`, between -0.05 and 0.05. */
  readonly embeddingsInitializer?: InitializerName | Initializer
  /** The number of tokens in every sequence, if it is fixed. */
  readonly inputLength?: number | null
}

/** The layer that {@link embedding} makes. */
export class Embedding extends Layer {
  static override readonly className = 'Embedding'
  override readonly baseName = 'embedding'
  override readonly stepwise = true
  readonly inputDim: number
  readonly outputDim: number
  readonly maskZero: boolean
  readonly inputLength: number | undefined
  readonly #initializer: Initializer

  constructor(given: EmbeddingOptions) {
    const options = reading('ERR_OPTION', 'layers.embedding', () => withVectors(given))
    super('layers.embedding', options, {
      accepted: {
        inputDim: integer(1),
        outputDim: integer(1),
        maskZero: flag,
        embeddingsInitializer: initializerCheck,
        inputLength: orNull(integer(1)),
      },
      required: ['inputDim', 'outputDim'],
      roles: ['embeddings'],
      refused: { loraRank: [null], loraAlpha: [null] },
    })
    this.inputDim = options.inputDim as number
    this.outputDim = options.outputDim as number
    this.maskZero = options.maskZero ?? false
    this.inputLength = options.inputLength ?? undefined
    this.#initializer = resolveInitializer(options.embeddingsInitializer ?? 'randomUniform')
  }

  override inputType(): ValueType {
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

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [tokens] = inputs as [Value]
    const table = scope.weight('embeddings', [this.inputDim, this.outputDim], this.#initializer)
    if (tokens.dtype !== 'int32') return [this.#lookUp(scope, tokens, table)]
    return [scope.node('embedding', [tokens], [table], [...tokens.shape, this.outputDim], { maskZero: this.maskZero })]
  }

  /** The same for tokens that are numbers already, as the steps of others are. */
  #lookUp(scope: LayerScope, tokens: Value, weight: number): Value {
    const shape = [...tokens.shape, this.outputDim]
    const table = scope.node('parameter', [], [weight], [this.inputDim, this.outputDim], {}, 'table')
    const vectors = scope.node('gather', [table, tokens], [], shape, {})
    if (!this.maskZero || tokens.shape.length !== 2) return vectors
    const ones: Shape = [...tokens.shape, 1]
    const single = scope.node('reshape', [tokens], [], ones, { shape: ones.slice(1) }, 'mask')
    const padding = scope.node('masking', [single], [], ones, { maskValue: 0 }, 'mask')
    const zeros = scope.node('elementwise', [padding, padding], [], ones, { kind: 'less' }, 'mask')
    return scope.node('elementwise', [vectors, zeros], [], shape, { kind: 'add' }, 'masked')
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

/** The options with the vectors in an array, and the sizes that follow from them. */
function withVectors(options: EmbeddingOptions): Omit<EmbeddingOptions, 'weights'> & Pick<LayerOptions, 'weights'> {
  const { weights, ...others } = { ...options }
  // In Keras and tfjs, null means that there are none; anything that is not an object is refused with the other
  // options.
  if (weights === undefined || weights === null) return isRecord(options) ? others : (options as never)
  const inArray = Array.isArray(weights) && weights.length === 1 && sizesOf(weights)?.length !== 2
  const [vectors] = (inArray ? weights : [weights]) as [Data]
  const sizes = sizesOf(vectors)
  if (sizes?.length !== 2) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `layers.embedding: weights must be one vector for each token, of shape [inputDim, outputDim], not ${describe(sizes ?? weights)}`,
    )
  }
  const [inputDim, outputDim] = sizes as [number, number]
  for (const [name, size] of Object.entries({ inputDim, outputDim }) as ['inputDim' | 'outputDim', number][]) {
    if (options[name] !== undefined && options[name] !== size) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `layers.embedding: ${name} is ${describe(options[name])}, but weights are of shape [${inputDim}, ${outputDim}]`,
      )
    }
  }
  return { ...others, inputDim, outputDim, weights: [vectors] }
}

/** The shape of a tensor, or of the first elements of nested arrays. */
function sizesOf(data: unknown): readonly number[] | undefined {
  if (!Array.isArray(data) && !ArrayBuffer.isView(data)) return isRecord(data) ? (data.shape as number[]) : undefined
  const list = data as ArrayLike<unknown>
  const inner = typeof list[0] === 'object' ? sizesOf(list[0]) : []
  return inner && [list.length, ...inner]
}

/**
 * Looks up a vector for each token.
 *
 * Pretrained vectors: `layers.embedding({ weights: vectors, trainable: false })`. Input int32 `[batch, time]`; output
 * `[batch, time, outputDim]`. Weight: embeddings `[inputDim, outputDim]`. A token outside 0 to `inputDim` - 1 is
 * `ERR_DATA` when the model runs. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function embedding(options: EmbeddingOptions): Embedding {
  return new Embedding(options)
}
