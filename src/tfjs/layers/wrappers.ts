import { SeqloomError } from '../../errors.js'
import * as ops from '../../graph/trace/ops.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import * as layers from '../../layers/index.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { unsupported } from '../failure.js'
import type { Tensor } from '../tensor.js'
import { Activation, Dense, Dropout, Embedding, Flatten, LayerNormalization, Masking, Reshape } from './basic.js'
import { coreName } from './coreName.js'
import {
  type ConfigDict,
  configured,
  type Inputs,
  type Kwargs,
  Layer,
  type LayerArgs,
  StandardLayer,
  toList,
} from './layer.js'
import { maskedLike } from './masks.js'
import { type Recurrence, RNNLayer, runCores, type Stateful } from './recurrent.js'
import type { Shape } from './symbolic.js'
import { written } from './written.js'

/** How the outputs of two directions are merged. */
export type BidirectionalMergeMode = 'sum' | 'mul' | 'concat' | 'ave' | null

/** Options of `tf.layers.bidirectional`. */
export interface BidirectionalLayerArgs extends LayerArgs {
  layer: RNNLayer
  mergeMode?: BidirectionalMergeMode
}

const mergeModes: readonly unknown[] = ['sum', 'mul', 'concat', 'ave', null]

/** Runs a recurrent layer in both directions. */
export class Bidirectional extends StandardLayer<BidirectionalLayerArgs> implements Stateful {
  static override className = 'Bidirectional'
  override supportsMasking = true
  /** @internal */
  kept: Stateful['kept']
  resets = 0
  readonly layer: RNNLayer
  readonly mergeMode: BidirectionalMergeMode

  constructor(args: BidirectionalLayerArgs) {
    super(args)
    if (!(args?.layer instanceof RNNLayer)) {
      throw new SeqloomError('ERR_OPTION', `layer '${this.name}': layer must be a recurrent layer`)
    }
    this.layer = args.layer
    this.mergeMode = args.mergeMode === undefined ? 'concat' : args.mergeMode
    if (!mergeModes.includes(this.mergeMode)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `layer '${this.name}': mergeMode must be 'sum', 'mul', 'concat', 'ave' or null, not '${this.mergeMode}'`,
      )
    }
    this.batchInputShape ??= args.layer.batchInputShape
  }

  override build(inputShape: Shape | Shape[]): void {
    if (!this.layer.built) this.layer.build(inputShape)
    super.build(inputShape)
  }

  get returnState(): boolean {
    return this.layer.returnState
  }

  override get stateful(): boolean {
    return this.layer.stateful
  }

  override resetStates(states?: Tensor | Tensor[]): void {
    if (states != null) throw unsupported(`${this.where}: resetStates(states)`, 'give its layer an initialState')
    this.kept = undefined
    this.resets++
  }

  stateSizes(): readonly (readonly number[])[] {
    return this.layer.stateSizes().map((sizes) => [...sizes, ...sizes])
  }

  /** @internal */
  remade(name: string, how: Recurrence): readonly AnyLayer[] {
    const [inner, ...others] = this.layer.remade(`forward_${this.layer.name}`, {
      ...how,
      goBackwards: false,
    })
    if (others.length > 0) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `layer '${this.name}': a stack of cells in both directions is not there; use one bidirectional layer for each cell`,
      )
    }
    if (this.layer.goBackwards) {
      throw new SeqloomError('ERR_UNSUPPORTED', `layer '${this.name}': its layer must not have goBackwards`)
    }
    const options = { name: coreName(name), layer: inner as never, mergeMode: this.mergeMode }
    return [layers.bidirectional(options) as AnyLayer]
  }

  protected override make(): AnyLayer {
    return this.remade(this.name, this.stateful ? { stateful: true } : {})[0] as AnyLayer
  }

  // biome-ignore lint/suspicious/noExplicitAny: as in Layer.
  override apply(inputs: Inputs, kwargs: Kwargs = {}): any {
    const { initialState, ...others } = kwargs ?? {}
    const states = initialState == null ? [] : toList<Tensor>(initialState as Tensor[])
    return super.apply([...toList(inputs as Tensor[]), ...states], others)
  }

  override lower([x, ...states]: readonly Value[]): readonly Value[] {
    return runCores([this.core], [states.length], [x as Value, ...states], true)
  }

  protected override weightNames(): string[] {
    const specs = this.specs()
    return specs.map(({ name }, at) => {
      return `${at < specs.length / 2 ? 'forward' : 'backward'}_${this.layer.name}/${name}`
    })
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), layer: configured(this.layer), mergeMode: this.mergeMode }
  }
}

/** Options of `tf.layers.timeDistributed`. */
export interface WrapperLayerArgs extends LayerArgs {
  layer: Layer
}

/** Layers that treat every step alike, so that they can be applied to all of them at once. */
const stepwise = [Activation, Dense, Dropout, Embedding, LayerNormalization, Masking]

/** A model, as far as its layers are concerned. */
interface Chain {
  readonly layers: readonly Layer[]
}

/** Applies a layer to every step of a sequence. */
export class TimeDistributed extends Layer {
  static override className = 'TimeDistributed'
  override supportsMasking = true
  readonly layer: Layer

  constructor(args: WrapperLayerArgs) {
    super(args)
    if (!(args?.layer instanceof Layer)) {
      throw new SeqloomError('ERR_OPTION', `layer '${this.name}': layer must be a layer`)
    }
    this.layer = args.layer
    const inner = args.layer.batchInputShape
    if (this.batchInputShape === undefined && inner) this.batchInputShape = [inner[0] ?? null, null, ...inner.slice(1)]
  }

  override cores(): readonly AnyLayer[] {
    return this.layer.cores()
  }

  override readsTokens(): boolean {
    return this.layer.readsTokens()
  }

  override build(inputShape: Shape): void {
    this.layer.build([inputShape[0] ?? null, ...inputShape.slice(2)])
    this.layer.built = true
    super.build(inputShape)
  }

  override lower(values: readonly Value[], kwargs: Kwargs): readonly Value[] {
    return byStep(this.layer, values, kwargs, this.name)
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), layer: configured(this.layer) }
  }
}

function byStep(layer: Layer, values: readonly Value[], kwargs: Kwargs, name: string): readonly Value[] {
  if (stepwise.some((kind) => layer instanceof kind)) return layer.lower(values, kwargs)
  const [x] = values as [Value]
  const [, steps = null, ...row] = x.shape
  if (layer instanceof Flatten || layer instanceof Reshape) {
    if (row.includes(null)) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `layer '${name}': every dimension after the steps must be known, got [${x.shape}]`,
      )
    }
    const size = (row as number[]).reduce((product, each) => product * each, 1)
    const target = layer instanceof Reshape ? layer.targetShape : [size]
    const known = target.reduce<number>((product, each) => product * (each ?? 1), 1)
    const shape = target.map((each) => each ?? size / known)
    return [layers.reshape({ targetShape: [steps, ...shape] }).apply(x)]
  }
  const inner = (layer as Layer & Partial<Chain>).layers
  if (layer.getClassName() === 'Sequential' && inner) {
    return inner.reduce((each, next) => byStep(next, each, kwargs, name), values)
  }
  if (steps === null) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `layer '${name}': the number of steps must be known, since the ${layer.getClassName()} is applied to each of them; got [${x.shape}]`,
    )
  }
  const made = Array.from({ length: steps }, (_, at) => {
    const row = written('step', [x], ([all]) => (all as SymbolicValue).slice(at, at + 1, 1).squeeze(1))
    return layer.lower([row], kwargs)[0] as Value
  })
  return [
    maskedLike(
      written('steps', made, (all) => ops.stack(all, 1)),
      [x],
    ),
  ]
}
