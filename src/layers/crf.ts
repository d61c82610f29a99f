import { describe, SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import { type Dim, type Shape, showShape } from '../graph/shape.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../initializers/initializer.js'
import { custom, flag, integer, orNull } from '../options.js'
import { Layer, type LayerOptions, type Outputs, type SymbolicTensor } from './layer.js'
import { follows, isOfScheme, type TagScheme, tagSchemes } from './tagScheme.js'
import type { RuleOptions } from './weightRules.js'

/** A tag, by its name or its number; null stands for the start of a sequence before a tag, and for the end after one. */
export type TagOrEdge = string | number | null

/** Options of {@link crf}. */
export interface CRFOptions extends LayerOptions, RuleOptions<'transitions'> {
  /** The names of the tags, in the order of the scores and of the targets' numbers; or how many there are. */
  readonly tags: number | readonly string[]
  /**
   * Transitions that are impossible, in training and in predictions; default none. The name of a scheme that the tags'
   * names follow: `'BIO'` (I-PER only after B-PER or I-PER), `'BIOES'`, `'BILOU'`, `'BMES'`, or `'IOB'`, where B- only
   * separates an entity from one of the same type before it. Or pairs `[before, after]`, such as `[null, 'I-PER']`.
   */
  readonly constraints?: TagScheme | readonly (readonly [before: TagOrEdge, after: TagOrEdge])[] | null
  /** How many of the most probable paths are returned, with their log-probabilities; default none but the best. */
  readonly nBest?: number | null
  /** Whether to return the probability of every tag at every step, too; default false. */
  readonly returnMarginals?: boolean
  /** Of the weights; default uniform from -0.1 to 0.1. */
  readonly transitionsInitializer?: InitializerName | Initializer
}

const isEdge = (value: unknown): boolean => value === null || typeof value === 'string' || Number.isInteger(value)
const isPair = (value: unknown): boolean => Array.isArray(value) && value.length === 2 && value.every(isEdge)

const checks = {
  tags: custom(
    'an array of different names, or how many tags there are',
    (value) =>
      integer(1).accepts(value) ||
      (Array.isArray(value) &&
        value.length > 0 &&
        value.every((tag) => typeof tag === 'string') &&
        new Set(value).size === value.length),
  ),
  constraints: orNull(
    custom(
      `one of ${tagSchemes.map((scheme) => `'${scheme}'`).join(', ')}, or an array of pairs [before, after]`,
      (value) => tagSchemes.includes(value as TagScheme) || (Array.isArray(value) && value.every(isPair)),
    ),
  ),
  nBest: orNull(integer(1)),
  returnMarginals: flag,
  transitionsInitializer: initializerCheck,
}

/** The layer that {@link crf} makes. */
export class CRF<Out extends Outputs = Outputs> extends Layer<Out> {
  static override readonly className = 'CRF'
  override readonly baseName = 'crf'
  /** How many tags there are. */
  readonly size: number
  /** Their names, if they have any. */
  readonly names: readonly string[] | undefined
  readonly #constraints: CRFOptions['constraints']
  /** The pairs `before · (size + 1) + after` of impossible transitions, where `size` stands for the start and the end. */
  readonly #forbidden: readonly number[]
  readonly #nBest: number | undefined
  readonly #returnMarginals: boolean
  readonly #initializer: Initializer

  constructor(options: CRFOptions) {
    super('layers.crf', options, { accepted: checks, required: ['tags'], roles: ['transitions'] })
    const { tags } = options
    this.names = typeof tags === 'number' ? undefined : [...tags]
    this.size = typeof tags === 'number' ? tags : tags.length
    this.#constraints = options.constraints ?? null
    this.#forbidden = this.#readConstraints()
    this.#nBest = options.nBest ?? undefined
    this.#returnMarginals = options.returnMarginals ?? false
    this.#initializer = resolveInitializer(
      options.transitionsInitializer ?? { kind: 'randomUniform', minval: -0.1, maxval: 0.1 },
    )
  }

  #readConstraints(): number[] {
    const { size, names } = this
    const constraints = this.#constraints
    const pair = (before: number, after: number) => before * (size + 1) + after
    if (!constraints) return []
    if (typeof constraints !== 'string') {
      return constraints.map(([before, after]) => {
        if (before !== null || after !== null) return pair(this.#numberOf(before), this.#numberOf(after))
        throw new SeqloomError('ERR_OPTION', 'layers.crf: constraints: [null, null] is no transition')
      })
    }
    const wrong = names ? names.find((tag) => !isOfScheme(constraints, tag)) : size
    if (!names || wrong !== undefined) {
      throw new SeqloomError(
        'ERR_OPTION',
        `layers.crf: constraints '${constraints}' are of names such as 'O' and 'B-PER'; tags has ${describe(wrong)}`,
      )
    }
    const edges = [...names.entries(), [size, undefined]] as [number, string | undefined][]
    return edges.flatMap(([before, a]) =>
      edges.flatMap(([after, b]) => (follows(constraints, a, b) ? [] : [pair(before, after)])),
    )
  }

  #numberOf(tag: TagOrEdge): number {
    if (tag === null) return this.size
    const found = typeof tag === 'number' ? tag : (this.names?.indexOf(tag) ?? -1)
    if (found >= 0 && found < this.size) return found
    const known = this.names ? this.names.join(', ') : `0 to ${this.size - 1}`
    throw new SeqloomError('ERR_OPTION', `layers.crf: constraints: ${describe(tag)} is no tag; they are ${known}`)
  }

  override returnsList(): boolean {
    return this.#nBest !== undefined || this.#returnMarginals
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const shape = this.single(inputs, `[batch, time, ${this.size}]`, 3)
    if (this.features(shape) !== this.size) {
      throw this.shapeError(`expected a score for each of ${this.size} tags, got ${showShape(shape)}`)
    }
    return this.#returned(this.#shapes(shape))
  }

  /** The shapes of the operation's outputs. */
  #shapes(scores: Shape): Shape[] {
    const [batch, time] = scores as [Dim, Dim, Dim]
    const count = this.#nBest ?? 1
    return [[batch, time], scores, scores, [batch, time, count], [batch, count]]
  }

  /** Of what the operation gives, what the layer returns. */
  #returned<V>([tags, , marginals, paths, scores]: readonly V[]): V[] {
    const best = this.#nBest === undefined ? [] : [paths, scores]
    return [tags, ...best, ...(this.#returnMarginals ? [marginals] : [])] as V[]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [scores] = inputs as [Value]
    const { size } = this
    const weights = [
      scope.weight('start_transitions', [size], this.#initializer),
      scope.weight('end_transitions', [size], this.#initializer),
      scope.weight('transitions', [size, size], this.#initializer),
    ]
    const attributes = { nBest: this.#nBest ?? 1, forbidden: this.#forbidden }
    return this.#returned(scope.nodes('crf', [scores], weights, this.#shapes(scores.shape), attributes))
  }

  override config(): Record<string, unknown> {
    return {
      tags: this.names ?? this.size,
      constraints: this.#constraints,
      nBest: this.#nBest ?? null,
      returnMarginals: this.#returnMarginals,
      transitionsInitializer: this.#initializer,
    }
  }
}

/** What a CRF with `nBest` returns: the best tags, then the best paths and their log-probabilities. */
export type WithPaths = readonly [tags: SymbolicTensor, paths: SymbolicTensor, scores: SymbolicTensor]

/**
 * A linear-chain conditional random field as the last layer of a tagger: it learns which tag follows which, and predicts
 * the most probable sequence of tags as a whole (Viterbi 1967).
 *
 * Input: scores of tags `[batch, time, tags]`, logits without an activation. Output: the tags' numbers `[batch, time]`.
 * With `nBest` also the n most probable paths `[batch, time, n]`, best first, and their log-probabilities `[batch, n]`,
 * -Infinity where there are fewer paths; with `returnMarginals` also the probability of every tag at every step
 * `[batch, time, tags]`. No gradient flows through these outputs: train the first one with `losses.crf()`. Masked
 * steps are left out, so that what is before them is followed by what is after them. Weights: start_transitions `[tags]`,
 * end_transitions `[tags]` and transitions `[from, to]`, as in pytorch-crf. It cannot stream: the first tag depends on the
 * last step. Source: Lafferty et al. 2001. Errors: `ERR_OPTION`, `ERR_SHAPE`; `ERR_UNSUPPORTED` in sessions.
 */
export function crf(
  options: CRFOptions & { readonly nBest: number; readonly returnMarginals: true },
): CRF<readonly [...WithPaths, marginals: SymbolicTensor]>
export function crf(options: CRFOptions & { readonly nBest: number; readonly returnMarginals?: false }): CRF<WithPaths>
export function crf(
  options: CRFOptions & { readonly nBest?: null; readonly returnMarginals: true },
): CRF<readonly [tags: SymbolicTensor, marginals: SymbolicTensor]>
export function crf(
  options: CRFOptions & { readonly nBest?: null; readonly returnMarginals?: false },
): CRF<SymbolicTensor>
export function crf(options: CRFOptions): CRF
export function crf(options: CRFOptions): CRF {
  return new CRF(options)
}
