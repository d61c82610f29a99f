import { SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { custom, oneOf } from '../options.js'
import { GRU } from './gru.js'
import { Layer, type LayerOptions, type Outputs, type SymbolicTensor } from './layer.js'
import { LSTM } from './lstm.js'
import { RecurrentLayer, type WithState, type WithStates } from './recurrent.js'
import { layerConfig } from './serialize.js'
import { SimpleRNN } from './simpleRnn.js'

/** How the two directions' outputs are put together. */
export type MergeMode = 'concat' | 'sum' | 'ave' | 'mul'

/** Options of {@link bidirectional}. */
export interface BidirectionalOptions<Inner extends RecurrentLayer = RecurrentLayer> extends LayerOptions {
  /** The forward layer; the backward one is made like it. */
  readonly layer: Inner
  /** Default `'concat'`, along the features. */
  readonly mergeMode?: MergeMode
  /** Another layer for the backward direction, with `goBackwards: true`. */
  readonly backwardLayer?: RecurrentLayer
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
  'a layer made by layers.simpleRNN, layers.lstm or layers.gru',
  (value) => value instanceof RecurrentLayer,
)

/** The layer that {@link bidirectional} makes. */
export class Bidirectional<Out extends Outputs = Outputs> extends Layer<Out> {
  override readonly className = 'Bidirectional'
  override readonly baseName = 'bidirectional'
  readonly #forward: RecurrentLayer
  readonly #backward: RecurrentLayer
  readonly #ownBackward: boolean
  readonly #mergeMode: MergeMode
  readonly #names: { readonly forward: string; readonly backward: string }

  constructor(options: BidirectionalOptions) {
    super('layers.bidirectional', options, {
      accepted: { layer: recurrent, backwardLayer: recurrent, mergeMode: oneOf(['concat', 'sum', 'ave', 'mul']) },
      required: ['layer'],
      refused: { mergeMode: [null] },
    })
    this.#forward = options.layer
    this.#mergeMode = options.mergeMode ?? 'concat'
    this.#ownBackward = options.backwardLayer !== undefined
    if (this.#forward.goBackwards) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        'layers.bidirectional: layer must not have goBackwards; give the other direction as backwardLayer',
      )
    }
    this.#backward = options.backwardLayer ?? reversed(this.#forward)
    this.#names = {
      forward: this.#forward.givenName ?? `forward_${this.#forward.baseName}`,
      backward: this.#backward.givenName ?? `backward_${this.#backward.baseName}`,
    }
    this.#checkPair()
  }

  /** The input shape that the inner layer's options give. */
  get innerInputShape(): Shape | undefined {
    return this.#forward.inputShape
  }

  override returnsList(): boolean {
    return this.#forward.returnState
  }

  override takesStates(): boolean {
    return true
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [sequence, ...states] = inputs
    const expected = this.#forward.stateCount + this.#backward.stateCount
    if (states.length !== 0 && states.length !== expected) {
      throw this.shapeError(
        `takes ${expected} initial states, the forward layer's first, or none at all; got ${states.length}`,
      )
    }
    const x = sequence ? [sequence] : []
    const forwardStates = states.slice(0, this.#forward.stateCount)
    const [y, ...ahead] = this.#forward.outputShapes([...x, ...forwardStates])
    const [, ...back] = this.#backward.outputShapes([...x, ...states.slice(forwardStates.length)])
    return [this.#mergedShape(y as Shape), ...ahead, ...back]
  }

  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const [x, ...states] = inputs as [Value, ...Value[]]
    const split = states.length > 0 ? this.#forward.stateCount : 0
    const lowered = [
      { layer: this.#forward, order: 'forward', states: states.slice(0, split) },
      { layer: this.#backward, order: 'backward', states: states.slice(split) },
    ] as const
    const [ahead, back] = lowered.map(({ layer, order, states: initial }) => {
      const inner = scope.inside(this.#names[order], layer)
      return layer.lowerCell(inner, [x, ...initial], { order, outputOrder: 'time' })
    }) as [Value[], Value[]]
    const pick = this.#forward.returnSequences ? 0 : 1
    const pair = [ahead[pick] as Value, back[pick] as Value]
    const shape = this.#mergedShape((ahead[pick] as Value).shape)
    const merged =
      this.#mergeMode === 'concat'
        ? scope.node('concatenate', pair, [], shape, { axis: -1 }, 'merge')
        : scope.node(mergeOps[this.#mergeMode], pair, [], shape, {}, 'merge')
    return this.#forward.returnState ? [merged, ...ahead.slice(1), ...back.slice(1)] : [merged]
  }

  override config(): Record<string, unknown> {
    return {
      layer: layerConfig(this.#forward),
      mergeMode: this.#mergeMode,
      ...(this.#ownBackward ? { backwardLayer: layerConfig(this.#backward) } : {}),
    }
  }

  #mergedShape(shape: Shape): Shape {
    if (this.#mergeMode !== 'concat') return shape
    return [...shape.slice(0, -1), this.#forward.units + this.#backward.units]
  }

  #checkPair(): void {
    const [forward, backward] = [this.#forward, this.#backward]
    const own = this.#ownBackward
    const different = this.#mergeMode !== 'concat' && forward.units !== backward.units
    const rules: readonly (readonly [broken: boolean, message: string])[] = [
      [own && !backward.goBackwards, 'backwardLayer must have goBackwards: true'],
      [forward === backward, 'backwardLayer must be another layer than layer'],
      [forward.returnSequences !== backward.returnSequences, 'both layers must have the same returnSequences'],
      [forward.returnState !== backward.returnState, 'both layers must have the same returnState'],
      [different, `mergeMode '${this.#mergeMode}' needs equal units, got ${forward.units} and ${backward.units}`],
      [this.#names.forward === this.#names.backward, `both layers are named '${this.#names.forward}'`],
    ]
    const problem = rules.find(([broken]) => broken)
    if (problem) throw new SeqloomError('ERR_OPTION', `layers.bidirectional: ${problem[1]}`)
  }
}

/** A layer with the same options that runs the other way; its name, if one was given, gets a prefix as in Keras. */
function reversed(layer: RecurrentLayer): RecurrentLayer {
  const options = { ...layer.config(), units: layer.units, goBackwards: true, trainable: layer.trainable }
  const named = layer.givenName === undefined ? options : { ...options, name: `backward_${layer.givenName}` }
  if (layer instanceof LSTM) return new LSTM(named)
  if (layer instanceof GRU) return new GRU(named)
  return new SimpleRNN(named)
}

/**
 * Runs a recurrent layer over the sequence in both directions and merges the outputs at each step's own place.
 *
 * Input `[batch, time, features]`; output `[batch, 2 units]` (last states), or `[batch, time, 2 units]` with the inner `returnSequences`;
 * half as wide for the merge modes other than `concat`. With the inner `returnState` the forward states follow, then the backward ones.
 * Source: Schuster and Paliwal 1997. Errors: `ERR_OPTION`, `ERR_SHAPE`, `ERR_UNSUPPORTED`.
 */
export function bidirectional(options: BidirectionalOptions<LSTM<WithStates>>): Bidirectional<BothWithStates>
export function bidirectional(options: BidirectionalOptions<RecurrentLayer<WithState>>): Bidirectional<BothWithState>
export function bidirectional(
  options: BidirectionalOptions<RecurrentLayer<SymbolicTensor>>,
): Bidirectional<SymbolicTensor>
export function bidirectional(options: BidirectionalOptions): Bidirectional
export function bidirectional(options: BidirectionalOptions): Bidirectional {
  return new Bidirectional(options)
}
