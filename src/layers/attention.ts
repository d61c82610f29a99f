import { requireReadable, SeqloomError } from '../errors.js'
import type { Shape } from '../graph/shape.js'
import { traceFunction } from '../graph/trace/function.js'
import type { Program } from '../graph/trace/program.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { type Initializer, type InitializerName, initializerCheck } from '../initializers/initializer.js'
import { type Check, custom, flag, integer, number, oneOf, optionalSeed, orNull } from '../options.js'
import type { LayerOptions, Outputs, SymbolicTensor } from './layer.js'
import { TracedLayer } from './traced.js'
import type { RuleOptions } from './weightRules.js'

/** Options of every attention layer. */
export interface AttentionBaseOptions extends LayerOptions {
  /** The share of the attention weights that training drops; from 0 to below 1, default 0. */
  readonly dropout?: number
  /** Makes what is dropped repeatable whatever the model's seed. */
  readonly seed?: number | null
  /** Whether to return the attention weights, too, after the output; default false. */
  readonly returnAttentionScores?: boolean
  /** Whether a query reads only the steps up to its own, as decoders do; default false. */
  readonly useCausalMask?: boolean
}

/** Options of {@link attention}. */
export interface AttentionOptions extends AttentionBaseOptions {
  /** Whether to multiply the scores by a learned number; default false. */
  readonly useScale?: boolean
  /**
   * `'dot'`, the product of query and key, or `'concat'`, the sum of tanh(query + key) times a learned number; default
   * `'dot'`.
   */
  readonly scoreMode?: 'dot' | 'concat'
}

/** Options of {@link additiveAttention}. */
export interface AdditiveAttentionOptions extends AttentionBaseOptions {
  /** Whether to multiply tanh(query + key) by learned factors before the sum; default true. */
  readonly useScale?: boolean
}

/** Options of {@link multiHeadAttention}. */
export interface MultiHeadAttentionOptions extends AttentionBaseOptions, RuleOptions<'kernel' | 'bias'> {
  /** How many heads there are. */
  readonly numHeads: number
  /** The size of each head's queries and keys. */
  readonly keyDim: number
  /** The size of each head's values; default `keyDim`. */
  readonly valueDim?: number | null
  /** Whether the projections have biases; default true. */
  readonly useBias?: boolean
  /** The size of the output, default the query's; as in Keras also in an array. */
  readonly outputShape?: number | readonly [number] | null
  /** The axes that attend to each other: only steps do, `[1]`. */
  readonly attentionAxes?: readonly [1] | 1 | null
  /** Default `'glorotUniform'`. */
  readonly kernelInitializer?: InitializerName | Initializer
  /** Default `'zeros'`. */
  readonly biasInitializer?: InitializerName | Initializer
}

/** What an attention layer returns with `returnAttentionScores`. */
export type WithScores = readonly [output: SymbolicTensor, scores: SymbolicTensor]

/** The values that an attention layer reads. */
interface Read {
  readonly query: SymbolicValue
  readonly value: SymbolicValue
  readonly key: SymbolicValue
}

/** A kind of attention: its options and what it computes. */
interface Kind {
  readonly factory: string
  readonly checks: Readonly<Record<string, Check>>
  readonly required?: readonly string[]
  readonly roles?: readonly string[]
  readonly inputs: { readonly query: string; readonly value: string; readonly key: string }
  readonly weights: Readonly<Record<string, unknown>>
  /** The output and the attention weights. */
  readonly call: (
    read: Read,
    weights: Readonly<Record<string, SymbolicValue>>,
  ) => readonly [SymbolicValue, SymbolicValue]
}

/** What the attention layers have in common. */
abstract class AttentionLayer<Out extends Outputs> extends TracedLayer<Out> {
  protected override readonly outputCount: number
  readonly #programs: readonly [keyIsValue: Program, separateKey: Program]
  readonly #config: Record<string, unknown>

  constructor(kind: Kind, options: AttentionBaseOptions) {
    super(`layers.${kind.factory}`, options, {
      accepted: {
        dropout: number(0, 1),
        seed: optionalSeed,
        returnAttentionScores: flag,
        useCausalMask: flag,
        ...kind.checks,
      },
      required: kind.required ?? [],
      roles: kind.roles ?? [],
      refused: { flashAttention: [null, false], useGate: [false], slidingWindow: [null] },
    })
    this.outputCount = options.returnAttentionScores === true ? 2 : 1
    const { name, trainable, inputShape, batchInputShape, batchSize, dtype, weights: _, ...config } = options
    this.#config = config
    const { query, value, key } = kind.inputs
    const trace = (separate: boolean): Program => {
      const inputs = {
        query: ['queries', query],
        value: ['steps', separate ? value : key],
        ...(separate && { key: ['steps', key] }),
      }
      const call = (given: Omit<Read, 'key'> & Partial<Read>, weights: Readonly<Record<string, SymbolicValue>>) =>
        kind
          .call({ ...given, key: separate ? (given.key as SymbolicValue) : given.value }, weights)
          .slice(0, this.outputCount)
      const weights = separate ? kind.weights : renamed(kind.weights, value, key)
      return traceFunction(`layers.${kind.factory}`, inputs, weights, call).program
    }
    this.#programs = [trace(false), trace(true)]
  }

  protected override program(inputs: readonly Shape[]): Program {
    return this.#programs[inputs.length === 3 ? 1 : 0]
  }

  override config(): Record<string, unknown> {
    return this.#config
  }
}

/** Declarations of weights with one size name replaced by another. */
function renamed(weights: Readonly<Record<string, unknown>>, from: string, to: string): Record<string, unknown> {
  return JSON.parse(JSON.stringify(weights).replaceAll(JSON.stringify(from), JSON.stringify(to)))
}

/** Attention weights, some of which training drops. */
const dropped = (weights: SymbolicValue, { dropout = 0, seed }: AttentionBaseOptions = {}): SymbolicValue =>
  weights.dropout(dropout, typeof seed === 'number' ? { seed } : {})

/** The output and the attention weights from scores: padded steps get no weight, padded queries give zeros. */
function attend(
  scores: SymbolicValue,
  { query, value }: Read,
  options: AttentionBaseOptions,
): readonly [SymbolicValue, SymbolicValue] {
  const mask = value.mask().expandDims(1)
  const weights = dropped(
    scores.softmax({ mask: options?.useCausalMask ? mask.mul(causal(query, value)) : mask }),
    options,
  )
  return [weights.matmul(value).mul(validIn(query)), weights]
}

/**
 * One at the valid steps of a query and zero at padded ones, `[batch, queries, 1]`. What it is multiplied with is padded
 * there for the layers that follow, too.
 */
const validIn = (query: SymbolicValue): SymbolicValue =>
  query.slice(0, 1).stopGradient().mul(0).add(query.mask().expandDims(2))

/** One where a step of the value is not after the query's, `[batch, queries, steps]`; `ofHeads`, with a 1 for those. */
function causal(query: SymbolicValue, value: SymbolicValue, ofHeads = false): SymbolicValue {
  const numbers = (x: SymbolicValue): SymbolicValue => {
    const first = x.slice(0, 1).stopGradient()
    return first.notEqual(first).add(1).cumulativeSum({ axis: 1 })
  }
  const [steps, queries] = [numbers(value).transpose([0, 2, 1]), numbers(query)]
  // Before they are compared: a shape may have one open size where a dimension is put in.
  return ofHeads ? steps.expandDims(1).lessEqual(queries.expandDims(1)) : steps.lessEqual(queries)
}

/** tanh(factor · (query + key)) for every pair of steps, `[batch, queries, steps, size]`. */
function pairs({ query, key }: Read): SymbolicValue {
  return query.expandDims(2).add(key.expandDims(1))
}

const plainInputs = { query: 'size', value: 'values', key: 'size' } as const

function byProducts(options: AttentionOptions): Kind {
  requireReadable('layers.attention', options)
  const { useScale = false, scoreMode = 'dot' } = options ?? {}
  const one = { shape: [1], initializer: 'ones' }
  const concat = scoreMode === 'concat'
  return {
    factory: 'attention',
    checks: { useScale: flag, scoreMode: oneOf(['dot', 'concat']) },
    inputs: plainInputs,
    weights: { ...(useScale && { scale: one }), ...(concat && { concat_score_weight: one }) },
    call: (read, w) => {
      const scaled = (x: SymbolicValue) => (useScale ? x.mul(w.scale as SymbolicValue) : x)
      const scores = concat
        ? scaled(pairs(read))
            .tanh()
            .sum()
            .mul(w.concat_score_weight as SymbolicValue)
        : scaled(read.query.matmul(read.key, { transposeB: true }))
      return attend(scores, read, options)
    },
  }
}

/** The layer that {@link attention} makes. */
export class Attention<Out extends Outputs = Outputs> extends AttentionLayer<Out> {
  static override readonly className = 'Attention'
  override readonly baseName = 'attention'

  constructor(options: AttentionOptions) {
    super(byProducts(options), options)
  }
}

/**
 * Attention by products (Luong et al. 2015), as Keras's `Attention`.
 *
 * Inputs query `[batch, queries, size]`, value `[batch, steps, …]` and, if it differs from the value, key
 * `[batch, steps, size]`; output `[batch, queries, values]`, with `returnAttentionScores` also the weights
 * `[batch, queries, steps]`. Padded steps of the value get no weight. Weights: scale `[1]` with `useScale`,
 * concat_score_weight `[1]` with `scoreMode: 'concat'`. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function attention(options: AttentionOptions & { readonly returnAttentionScores: true }): Attention<WithScores>
export function attention(
  options?: AttentionOptions & { readonly returnAttentionScores?: false },
): Attention<SymbolicTensor>
export function attention(options: AttentionOptions = {}): Attention {
  return new Attention(options)
}

function bySums(options: AdditiveAttentionOptions): Kind {
  requireReadable('layers.additiveAttention', options)
  const { useScale = true } = options ?? {}
  return {
    factory: 'additiveAttention',
    checks: { useScale: flag },
    inputs: plainInputs,
    weights: useScale ? { scale: { shape: ['size'], initializer: 'glorotUniform' } } : {},
    call: (read, w) => {
      const activated = pairs(read).tanh()
      return attend((useScale ? activated.mul(w.scale as SymbolicValue) : activated).sum(), read, options)
    },
  }
}

/** The layer that {@link additiveAttention} makes. */
export class AdditiveAttention<Out extends Outputs = Outputs> extends AttentionLayer<Out> {
  static override readonly className = 'AdditiveAttention'
  override readonly baseName = 'additive_attention'

  constructor(options: AdditiveAttentionOptions) {
    super(bySums(options), options)
  }
}

/**
 * Additive attention (Bahdanau et al. 2015), as Keras's `AdditiveAttention`: scores are the sum of scale·tanh(query +
 * key).
 *
 * Inputs query `[batch, queries, size]`, value `[batch, steps, …]` and, if it differs from the value, key
 * `[batch, steps, size]`; output `[batch, queries, values]`, with `returnAttentionScores` also the weights
 * `[batch, queries, steps]`. Padded steps of the value get no weight. Weights: scale `[size]` with `useScale`. Errors:
 * `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function additiveAttention(
  options: AdditiveAttentionOptions & { readonly returnAttentionScores: true },
): AdditiveAttention<WithScores>
export function additiveAttention(
  options?: AdditiveAttentionOptions & { readonly returnAttentionScores?: false },
): AdditiveAttention<SymbolicTensor>
export function additiveAttention(options: AdditiveAttentionOptions = {}): AdditiveAttention {
  return new AdditiveAttention(options)
}

function byHeads(options: MultiHeadAttentionOptions): Kind {
  const checks = {
    numHeads: integer(1, 1024),
    keyDim: integer(1),
    valueDim: orNull(integer(1)),
    useBias: flag,
    outputShape: custom('a size, or an array of one', (value) => value === null || isSize(sizeOf(value))),
    attentionAxes: custom(
      'an axis or an array of axes',
      (value) => value === null || axesOf(value).every(Number.isInteger),
    ),
    kernelInitializer: initializerCheck,
    biasInitializer: initializerCheck,
  }
  requireReadable('layers.multiHeadAttention', options)
  const { useBias = true, kernelInitializer = 'glorotUniform', biasInitializer = 'zeros' } = options ?? {}
  const axes = axesOf(options?.attentionAxes ?? 1)
  if (axes.length !== 1 || axes[0] !== 1) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `layers.multiHeadAttention: attentionAxes [${axes.join(', ')}] is not supported: steps attend to steps, [1]`,
    )
  }
  const given = options?.outputShape ?? null
  const size = given !== null && isSize(sizeOf(given)) ? (sizeOf(given) as number) : 'size'
  // The layer refuses values that are not numbers.
  const [numHeads, keyDim] = [
    Number(checks.numHeads.accepts(options?.numHeads) && options.numHeads),
    Number(checks.keyDim.accepts(options?.keyDim) && options.keyDim),
  ]
  const valueDim = integer(1).accepts(options?.valueDim) ? Number(options.valueDim) : keyDim
  const widths = { query: numHeads * keyDim, key: numHeads * keyDim, value: numHeads * valueDim }
  const kernel = (shape: readonly (number | string)[]) => ({ shape, initializer: kernelInitializer })
  const bias = (width: number | string) => ({ shape: [width], initializer: biasInitializer })
  const projection = (name: 'query' | 'key' | 'value', from: string) => ({
    [`${name}_kernel`]: kernel([from, widths[name]]),
    ...(useBias && { [`${name}_bias`]: bias(widths[name]) }),
  })
  return {
    factory: 'multiHeadAttention',
    checks,
    required: ['numHeads', 'keyDim'],
    roles: ['kernel', 'bias'],
    inputs: { query: 'size', value: 'values', key: 'keys' },
    weights: {
      ...projection('query', 'size'),
      ...projection('key', 'keys'),
      ...projection('value', 'values'),
      output_kernel: kernel([numHeads * valueDim, size]),
      ...(useBias && { output_bias: bias(size) }),
    },
    call: (read, w) => {
      const project = (x: SymbolicValue, name: string) => {
        const projected = x.matmul(w[`${name}_kernel`] as SymbolicValue)
        return useBias ? projected.add(w[`${name}_bias`] as SymbolicValue) : projected
      }
      const heads = (name: 'query' | 'key' | 'value') =>
        project(read[name], name)
          .reshape([null, numHeads, widths[name] / numHeads])
          .transpose([0, 2, 1, 3])
      const scores = heads('query')
        .mul(1 / Math.sqrt(keyDim))
        .matmul(heads('key'), { transposeB: true })
      const valid = read.value.mask().expandDims(1).expandDims(1)
      const mask = options?.useCausalMask ? valid.mul(causal(read.query, read.value, true)) : valid
      const weights = dropped(scores.softmax({ mask }), options)
      const joined = weights.matmul(heads('value')).transpose([0, 2, 1, 3]).reshape([null, widths.value])
      return [project(joined, 'output').mul(validIn(read.query)), weights]
    },
  }
}

const sizeOf = (given: unknown): unknown => (Array.isArray(given) && given.length === 1 ? given[0] : given)
const isSize = (value: unknown): boolean => integer(1).accepts(value)
const axesOf = (given: unknown): readonly unknown[] => (Array.isArray(given) ? given : [given])

/** The layer that {@link multiHeadAttention} makes. */
export class MultiHeadAttention<Out extends Outputs = Outputs> extends AttentionLayer<Out> {
  static override readonly className = 'MultiHeadAttention'
  override readonly baseName = 'multi_head_attention'

  constructor(options: MultiHeadAttentionOptions) {
    super(byHeads(options), options)
  }
}

/**
 * Multi-head attention (Vaswani et al. 2017), as Keras's `MultiHeadAttention`: projections of query, key and value are
 * split into heads, each attends by products scaled with 1/√keyDim, and the heads' results are projected to the query's
 * size.
 *
 * Inputs query `[batch, queries, size]`, value `[batch, steps, …]` and, if it differs from the value, key; output
 * `[batch, queries, size]`, with `returnAttentionScores` also the weights `[batch, heads, queries, steps]`. Padded
 * steps of the value get no weight. Weights: query_kernel `[size, heads · keyDim]`, key_kernel, value_kernel,
 * output_kernel `[heads · valueDim, size]`, each with a bias. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function multiHeadAttention(
  options: MultiHeadAttentionOptions & { readonly returnAttentionScores: true },
): MultiHeadAttention<WithScores>
export function multiHeadAttention(
  options: MultiHeadAttentionOptions & { readonly returnAttentionScores?: false },
): MultiHeadAttention<SymbolicTensor>
export function multiHeadAttention(options: MultiHeadAttentionOptions): MultiHeadAttention {
  return new MultiHeadAttention(options)
}
