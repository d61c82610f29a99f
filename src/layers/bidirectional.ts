import { deltas } from '../cells/stacked.js'
import { SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape, ValueType } from '../graph/shape.js'
import { custom, oneOf } from '../options.js'
import {
  type AnyLayer,
  type ApplyOptions,
  type InnerLayers,
  Layer,
  type LayerOptions,
  type Outputs,
  type SavedOptions,
  type SymbolicTensor,
} from './layer.js'
import type { LSTM } from './lstm.js'
import { Recurrence, type WithState, type WithStates } from './recurrence.js'
import { layerConfig } from './serialize.js'
import { inOrder, type SequenceInputs } from './timed.js'

/** How the outputs of the two directions are merged. */
export type MergeMode = 'concat' | 'sum' | 'ave' | 'mul'

/** Options of {@link bidirectional}. */
export interface BidirectionalOptions<Inner extends Recurrence = Recurrence> extends LayerOptions {
  /** The forward layer; the backward one is made with the same options. */
  readonly layer: Inner
  /** Default `'concat'`, along the features. With null, both outputs are returned, the forward layer's first. */
  readonly mergeMode?: MergeMode | null
  /** Another layer for the backward direction, with `goBackwards: true`. */
  readonly backwardLayer?: Recurrence
}

/** What {@link bidirectional} returns for an inner layer with one state and `returnState`. */
export type BothWithState = readonly [output: SymbolicTensor, forwardH: SymbolicTensor, backwardH: SymbolicTensor]

/** What {@link bidirectional} returns for an inner layer with two states and `returnState`. */
export type BothWithStates = readonly [
  output: SymbolicTensor,
  forwardH: SymbolicTensor,
  forwardC: SymbolicTensor,
  backwardH: SymbolicTensor,
  backwardC: SymbolicTensor,
]

const mergeOps = { sum: 'add', ave: 'average', mul: 'multiply' } as const

const recurrent = custom(
  'a layer made by layers.simpleRNN, layers.lstm, layers.gru or layers.rnn',
  (value) => value instanceof Recurrence,
)

const modes = oneOf(['concat', 'sum', 'ave', 'mul'])

const mergeMode = custom(`${modes.expected}, or null`, (value) => value === null || modes.accepts(value))

/** The layer that {@link bidirectional} makes. */
export class Bidirectional<Out extends Outputs = Outputs> extends Layer<Out> {
  static override readonly className = 'Bidirectional'
  override readonly baseName = 'bidirectional'
  readonly #forward: Recurrence
  readonly #backward: Recurrence
  readonly #ownBackward: boolean
  readonly #mergeMode: MergeMode | null
  readonly #names: { readonly forward: string; readonly backward: string }

  constructor(options: BidirectionalOptions) {
    super('layers.bidirectional', options, {
      accepted: { layer: recurrent, backwardLayer: recurrent, mergeMode },
      required: ['layer'],
    })
    this.#forward = options.layer
    this.#mergeMode = options.mergeMode === undefined ? 'concat' : options.mergeMode
    this.#ownBackward = options.backwardLayer !== undefined
    if (this.#forward.goBackwards) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        'layers.bidirectional: layer must not have goBackwards; give the other direction as backwardLayer',
      )
    }
    const { givenName } = this.#forward
    this.#backward =
      options.backwardLayer ?? this.#forward.reversed(givenName === undefined ? undefined : `backward_${givenName}`)
    this.#names = {
      forward: this.#forward.givenName ?? `forward_${this.#forward.baseName}`,
      backward: this.#backward.givenName ?? `backward_${this.#backward.baseName}`,
    }
    this.#checkPair()
  }

  static override fromConfig(config: SavedOptions, inner: InnerLayers): Bidirectional {
    const { layer, backwardLayer, ...others } = config
    const backward = backwardLayer === undefined ? {} : { backwardLayer: inner(backwardLayer) }
    return new Bidirectional({
      ...others,
      ...(layer === undefined ? {} : { layer: inner(layer) }),
      ...backward,
    } as never)
  }

  /** The layer that reads forwards. */
  get forwardLayer(): Recurrence {
    return this.#forward
  }

  /** The layer that reads backwards. */
  get backwardLayer(): Recurrence {
    return this.#backward
  }

  /** The input shape that the inner layer's options give. */
  get innerInputShape(): Shape | undefined {
    return this.#forward.inputShape
  }

  override innerLayers(): readonly AnyLayer[] {
    return [this.#forward, this.#backward] as readonly AnyLayer[]
  }

  /** Whether one of the two directions carries its states from batch to batch. */
  override get stateful(): boolean {
    return this.#forward.stateful || this.#backward.stateful
  }

  override get returnsLastStepAlone(): boolean {
    return !this.#forward.returnSequences
  }

  override returnsList(): boolean {
    return this.#forward.returnState || this.#mergeMode === null
  }

  override takesStates(): boolean {
    return true
  }

  /** What both layers read: the sequences of the forward layer, and the times if the backward one alone asks for them. */
  get #sequences(): readonly string[] {
    const [ahead, back] = [this.#forward.sequenceNames(), this.#backward.sequenceNames()]
    return back.includes(deltas) && !ahead.includes(deltas) ? [...ahead, deltas] : ahead
  }

  override sequenceCount(): number {
    return this.#sequences.length
  }

  override constantNames(): readonly string[] {
    return this.#forward.constantNames()
  }

  override acceptsType(dtype: ValueType): boolean {
    return this.#forward.acceptsType(dtype) && this.#backward.acceptsType(dtype)
  }

  /**
   * Uses the layer on symbolic values, as every layer is used. If a cell of its layers asks for the times between steps, by
   * an input `deltas` of size 1: `apply({ inputs, deltas })`, where deltas are the times since the step before for both
   * directions. Errors: `ERR_OPTION` where no cell asks for times.
   */
  override apply(inputs: SequenceInputs, options: ApplyOptions = {}): Out {
    return super.apply(inOrder(`layer '${this.label}'.apply`, inputs, this.#sequences, 'its layer'), options)
  }

  /** @internal What the forward and the backward layer read, of all that is read. */
  divided<T>(inputs: readonly T[]): readonly [forward: readonly T[], backward: readonly T[]] {
    const names = this.#sequences
    const lastState = inputs.length - this.constantNames().length
    const sequences = inputs.slice(0, names.length)
    const states = inputs.slice(names.length, lastState)
    const split = states.length > 0 ? this.#forward.stateCount : 0
    const own = (layer: Recurrence, initial: readonly T[]) => {
      const timed = layer.sequenceNames().indexOf(deltas)
      const others = sequences.filter((_, at) => names[at] !== deltas)
      const read = timed < 0 ? others : others.toSpliced(timed, 0, sequences[names.indexOf(deltas)] as T)
      return [...read, ...initial, ...inputs.slice(lastState)]
    }
    return [own(this.#forward, states.slice(0, split)), own(this.#backward, states.slice(split))]
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [sequences, constants] = [this.#sequences, this.constantNames()]
    const states = inputs.length - sequences.length - constants.length
    if (states < 0) {
      const several = sequences.length === 1 ? 'a sequence' : `${sequences.length} sequences (${sequences.join(', ')})`
      const more = constants.length > 0 ? ` and the constants ${constants.join(', ')} in { constants }` : ''
      throw this.shapeError(`takes ${several}${more}; got ${inputs.length} values`)
    }
    const expected = this.#forward.stateCount + this.#backward.stateCount
    if (states !== 0 && states !== expected) {
      throw this.shapeError(
        `takes ${expected} initial states, the forward layer's first, or none at all; got ${states}`,
      )
    }
    const [before, behind] = this.divided(inputs)
    const [y, ...ahead] = this.#forward.outputShapes(before)
    const [z, ...back] = this.#backward.outputShapes(behind)
    return [...this.#mergedShapes(y as Shape, z as Shape), ...ahead, ...back]
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [before, behind] = this.divided(inputs)
    const lowered = [
      { layer: this.#forward, order: 'forward', read: before },
      { layer: this.#backward, order: 'backward', read: behind },
    ] as const
    const [ahead, back] = lowered.map(({ layer, order, read }) => {
      const inner = scope.inside(this.#names[order], layer)
      const outputs = layer.lowerIn(inner, read, { order, outputOrder: 'time' })
      layer.penalise(inner, layer.returnState ? outputs : outputs.slice(0, layer.outputCount))
      return outputs
    }) as [Value[], Value[]]
    const pair = [ahead[0] as Value, back[0] as Value] as const
    const outputs = this.#merge(scope, pair)
    return this.#forward.returnState ? [...outputs, ...ahead.slice(1), ...back.slice(1)] : outputs
  }

  #merge(scope: LayerScope, pair: readonly [Value, Value]): readonly Value[] {
    if (this.#mergeMode === null) return pair
    const [shape] = this.#mergedShapes(pair[0].shape, pair[1].shape) as [Shape]
    if (this.#mergeMode === 'concat') return [scope.node('concatenate', pair, [], shape, { axis: -1 }, 'merge')]
    return [scope.node(mergeOps[this.#mergeMode], pair, [], shape, {}, 'merge')]
  }

  override config(): Record<string, unknown> {
    return {
      layer: layerConfig(this.#forward),
      mergeMode: this.#mergeMode,
      ...(this.#ownBackward ? { backwardLayer: layerConfig(this.#backward) } : {}),
    }
  }

  #mergedShapes(forward: Shape, backward: Shape): readonly Shape[] {
    if (this.#mergeMode === null) return [forward, backward]
    const [ahead, back] = [this.features(forward), this.features(backward)]
    if (this.#mergeMode === 'concat') return [[...forward.slice(0, -1), ahead + back]]
    if (ahead === back) return [forward]
    throw this.shapeError(`mergeMode '${this.#mergeMode}' needs outputs of one size, got ${ahead} and ${back}`)
  }

  #checkPair(): void {
    const [forward, backward] = [this.#forward, this.#backward]
    const own = this.#ownBackward
    const known = forward.units !== undefined && backward.units !== undefined
    const isSeparate = this.#mergeMode === 'concat' || this.#mergeMode === null
    const different = !isSeparate && known && forward.units !== backward.units
    const others = (layer: Recurrence) => layer.sequenceNames().filter((name) => name !== deltas).length
    const constants = (layer: Recurrence) => layer.constantNames().join(', ')
    const rules: readonly (readonly [broken: boolean, message: string])[] = [
      [own && !backward.goBackwards, 'backwardLayer must have goBackwards: true'],
      [forward === backward, 'backwardLayer must be another layer than layer'],
      [forward.returnSequences !== backward.returnSequences, 'both layers must have the same returnSequences'],
      [forward.returnState !== backward.returnState, 'both layers must have the same returnState'],
      [forward.outputCount > 1 || backward.outputCount > 1, 'the layers must have one output'],
      [
        others(forward) !== others(backward),
        `both layers must read as many sequences besides ${deltas}, not ${others(forward)} and ${others(backward)}`,
      ],
      [
        constants(forward) !== constants(backward),
        `both layers must take the same constants, not ${constants(forward) || 'none'} and ${constants(backward) || 'none'}`,
      ],
      [different, `mergeMode '${this.#mergeMode}' needs equal units, got ${forward.units} and ${backward.units}`],
      [this.#names.forward === this.#names.backward, `both layers are named '${this.#names.forward}'`],
    ]
    const problem = rules.find(([broken]) => broken)
    if (problem) throw new SeqloomError('ERR_OPTION', `layers.bidirectional: ${problem[1]}`)
  }
}

/**
 * Runs a recurrent layer over the sequence in both directions and merges the outputs of each step.
 *
 * Input `[batch, time, features]`; output `[batch, 2 units]` (last states), or `[batch, time, 2 units]` with the inner
 * `returnSequences`; half as wide for the merge modes other than `concat`, and two such outputs for `mergeMode: null`.
 * With the inner `returnState` the forward states follow, then the backward ones. A cell with several inputs, or with
 * constants, reads here what it reads in `layers.rnn`; one that asks for the times between steps gets them in both
 * directions: `apply({ inputs, deltas })`. Backwards, delta is the time until the step that was read before. Source: Schuster and Paliwal 1997. Errors: `ERR_OPTION`, `ERR_SHAPE`,
 * `ERR_UNSUPPORTED`.
 */
export function bidirectional(
  options: BidirectionalOptions & { readonly mergeMode: null },
): Bidirectional<readonly SymbolicTensor[]>
export function bidirectional(options: BidirectionalOptions<LSTM<WithStates>>): Bidirectional<BothWithStates>
export function bidirectional(options: BidirectionalOptions<Recurrence<WithState>>): Bidirectional<BothWithState>
export function bidirectional(options: BidirectionalOptions<Recurrence<SymbolicTensor>>): Bidirectional<SymbolicTensor>
export function bidirectional(options: BidirectionalOptions): Bidirectional
export function bidirectional(options: BidirectionalOptions): Bidirectional {
  return new Bidirectional(options)
}
