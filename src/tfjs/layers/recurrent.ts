import { describe, SeqloomError } from '../../errors.js'
import * as layers from '../../layers/index.js'
import type { AnyLayer, SymbolicTensor as Value } from '../../layers/layer.js'
import { arraysEqual } from '../shapes.js'
import { type Tensor, Tensor as TensorClass } from '../tensor.js'
import type { Rows } from '../training/data.js'
import { type InitializerIdentifier, requireGiven } from './basic.js'
import { coreName } from './coreName.js'
import { recordCell } from './custom.js'
import {
  type ConfigDict,
  configured,
  coreTensor,
  type Inputs,
  type Kwargs,
  Layer,
  type LayerArgs,
  tensorOf,
  toList,
} from './layer.js'
import { activationName, cellActivationOf, givenOnly, initializerOf, weightConfig } from './options.js'
import { type PenaltyOptions, penalties } from './penalties.js'
import type { Shape } from './symbolic.js'

/** Options of the cells. */
export interface SimpleRNNCellLayerArgs extends LayerArgs, PenaltyOptions<'kernel' | 'recurrent' | 'bias'> {
  units: number
  activation?: string | null
  useBias?: boolean
  kernelInitializer?: InitializerIdentifier
  recurrentInitializer?: InitializerIdentifier
  biasInitializer?: InitializerIdentifier
  /** The share of the input's features that training drops. */
  dropout?: number
  /** The share of the state's features that training drops. */
  recurrentDropout?: number
  /** Not there: what drops values is part of the engine. */
  dropoutFunc?: unknown
}

/** Options of cells with gates. */
export interface GatedCellLayerArgs extends SimpleRNNCellLayerArgs {
  recurrentActivation?: string | null
  /** Whether the forget gate's bias of an LSTM begins at one; default false. */
  unitForgetBias?: boolean
  /** Of a GRU; only false, as in tfjs. */
  resetAfter?: boolean
  /** Accepted: results are the same. */
  implementation?: number
}

/** Options of every recurrent layer. */
export interface BaseRNNLayerArgs extends LayerArgs {
  returnSequences?: boolean
  returnState?: boolean
  goBackwards?: boolean
  stateful?: boolean
  /** Accepted: results are the same. */
  unroll?: boolean
  inputDim?: number
  inputLength?: number
}

export type SimpleRNNLayerArgs = BaseRNNLayerArgs & SimpleRNNCellLayerArgs
export type GatedRNNLayerArgs = BaseRNNLayerArgs & GatedCellLayerArgs

/** @inline What a recurrent layer does besides its cell. */
export type Recurrence = Pick<BaseRNNLayerArgs, 'returnSequences' | 'returnState' | 'goBackwards' | 'stateful'>

/** The kinds of cells. */
type Kind = 'SimpleRNN' | 'LSTM' | 'GRU'

/** How many states a cell has. */
const stateCounts: Readonly<Record<Kind, number>> = { SimpleRNN: 1, LSTM: 2, GRU: 1 }

/** The initializers of recurrent layers where none are given. */
export const recurrentInitializers = { kernel: 'glorotNormal', recurrent: 'orthogonal', bias: 'zeros' } as const

/** The options of cells as they are where none are given. */
const standard = (kind: Kind): ConfigDict => ({
  activation: 'tanh',
  useBias: true,
  dropout: 0,
  recurrentDropout: 0,
  ...(kind !== 'SimpleRNN' && { recurrentActivation: 'hardSigmoid', implementation: 1 }),
  ...(kind === 'LSTM' && { unitForgetBias: false }),
  ...(kind === 'GRU' && { resetAfter: false }),
})

/** A cell's activation, or the one that tfjs has where none is given. */
export function cellActivation(
  where: string,
  args: Partial<GatedCellLayerArgs>,
  option: 'activation' | 'recurrentActivation',
  standard: string,
) {
  const given = args[option]
  return cellActivationOf(where, given === undefined ? standard : activationName(where, given))
}

/** What the recurrent layers of ours are given alike, with tfjs's defaults. */
export function recurrentOptions(
  where: string,
  name: string,
  args: Omit<Partial<GatedCellLayerArgs>, 'units'>,
  how: Recurrence,
) {
  const { dropout, recurrentDropout } = args
  return {
    name: coreName(name),
    activation: cellActivation(where, args, 'activation', 'tanh'),
    useBias: args.useBias ?? true,
    kernelInitializer: initializerOf(where, args.kernelInitializer ?? recurrentInitializers.kernel),
    recurrentInitializer: initializerOf(where, args.recurrentInitializer ?? recurrentInitializers.recurrent),
    biasInitializer: initializerOf(where, args.biasInitializer ?? recurrentInitializers.bias),
    ...(dropout && { dropout: Math.max(0, dropout) }),
    ...(recurrentDropout && { recurrentDropout: Math.max(0, recurrentDropout) }),
    ...penalties(where, args, ['kernel', 'recurrent', 'bias']),
    returnSequences: how.returnSequences ?? false,
    returnState: how.returnState ?? false,
    goBackwards: how.goBackwards ?? false,
    ...(how.stateful && { stateful: true }),
    // Padded steps repeat the last output.
    zeroOutputForMask: false,
  }
}

/** A recurrent layer of ours for a cell's options. */
function coreOf(kind: Kind, where: string, name: string, args: Partial<GatedCellLayerArgs>, how: Recurrence): AnyLayer {
  requireGiven(where, 'units', args.units)
  if (args.dropoutFunc !== undefined) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where}: dropoutFunc is not there; write the cell with defineCell of 'seqloom'`,
    )
  }
  if (kind === 'GRU' && args.resetAfter) {
    throw new SeqloomError('ERR_UNSUPPORTED', `${where}: GRUCell does not support reset_after parameter set to true.`)
  }
  const options = {
    ...recurrentOptions(where, name, args, how),
    units: args.units,
    ...(kind !== 'SimpleRNN' && {
      recurrentActivation: cellActivation(where, args, 'recurrentActivation', 'hardSigmoid'),
    }),
    ...(kind === 'LSTM' && { unitForgetBias: args.unitForgetBias ?? false }),
    ...(kind === 'GRU' && { resetAfter: false }),
  }
  const makers = { SimpleRNN: layers.simpleRNN, LSTM: layers.lstm, GRU: layers.gru } as const
  return (makers[kind] as (given: never) => unknown)(options as never) as AnyLayer
}

/**
 * One step of a recurrent layer, for `tf.layers.rnn`. Programs extend it by `build`, `call` and `stateSize`; `call`,
 * from the input and the states to the output and the new states, is recorded once.
 */
export abstract class RNNCell extends Layer {
  /** The sizes of the states. */
  abstract readonly stateSize: number | number[]

  /** `ERR_SHAPE` unless a step is given an input and all states. */
  protected checkStep(values: readonly Value[]): void {
    const wanted = sizesOf(this).length
    if (values.length === wanted + 1 && values[0]?.shape.length === 2) return
    throw new SeqloomError(
      'ERR_SHAPE',
      `cell '${this.name}' (${this.getClassName()}): a step takes an input [batch, features] and ${wanted} states, not ${values.length} values of the shapes ${values.map(({ shape }) => `[${shape}]`).join(', ')}; over sequences, tf.layers.rnn({ cell }) runs it`,
    )
  }
}

/** `ERR_OPTION` for what is no cell: a layer that says how large its states are. */
function checkCell(name: string, cell: unknown): void {
  const sizes = cell instanceof Layer ? [(cell as Layer & { readonly stateSize?: unknown }).stateSize].flat() : []
  if (sizes.length > 0 && sizes.every((size) => Number.isInteger(size) && (size as number) > 0)) return
  throw new SeqloomError(
    'ERR_OPTION',
    `layer '${name}': a cell must be what tf.layers.*Cell returns, or a tf.layers.RNNCell of one's own whose stateSize is an integer or an array of them, not ${describe(cell)}`,
  )
}

const sizesOf = ({ stateSize }: RNNCell): readonly number[] => [stateSize].flat()

/** A cell that is there. */
export abstract class StandardCell extends RNNCell {
  abstract readonly kind: Kind
  readonly args: Partial<GatedCellLayerArgs>
  readonly units: number
  #core: AnyLayer | undefined

  constructor(args: GatedCellLayerArgs) {
    super(args)
    requireGiven(`cell '${this.name}'`, 'units', args?.units)
    this.args = givenOnly(args)
    this.units = args.units
  }

  override build(inputShape: Shape | Shape[]): void {
    const [input] = (Array.isArray(inputShape[0]) ? inputShape : [inputShape]) as [Shape]
    const states = sizesOf(this).map((size): Shape => [input[0] ?? null, size])
    super.build([input, ...states])
  }

  override cores(): readonly AnyLayer[] {
    if (this.#core === undefined) {
      this.#core = coreOf(this.kind, `cell '${this.name}'`, this.name, this.args, { returnState: true })
      this.#core.trainable = this.trainable
    }
    return [this.#core]
  }

  /** One step: the output and the new states. */
  override lower(values: readonly Value[]): readonly Value[] {
    this.checkStep(values)
    const [x, ...states] = values as readonly [Value, ...Value[]]
    const step = layers.reshape({ targetShape: [1, x.shape[1] as number] }).apply(x) as Value
    return runCores(this.cores(), [states.length], [step, ...states], true)
  }

  override get stateSize(): number | number[] {
    return stateCounts[this.kind] === 1 ? this.units : [this.units, this.units]
  }

  override getConfig(): ConfigDict {
    const config = configured(this.args) as ConfigDict
    return { ...super.getConfig(), ...standard(this.kind), ...config, ...weightConfig(recurrentInitializers, config) }
  }
}

export class SimpleRNNCell extends StandardCell {
  static override className = 'SimpleRNNCell'
  override readonly kind = 'SimpleRNN'
}

export class LSTMCell extends StandardCell {
  static override className = 'LSTMCell'
  override readonly kind = 'LSTM'
}

export class GRUCell extends StandardCell {
  static override className = 'GRUCell'
  override readonly kind = 'GRU'
}

/** Cells on top of each other. */
export class StackedRNNCells extends RNNCell {
  static override className = 'StackedRNNCells'
  readonly cells: readonly RNNCell[]

  constructor(args: LayerArgs & { cells: RNNCell[] }) {
    super(args)
    this.cells = args.cells
  }

  override get stateSize(): number[] {
    return this.cells.toReversed().flatMap(({ stateSize }) => stateSize)
  }

  override build(inputShape: Shape | Shape[]): void {
    const [rows = null, features = null] = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as Shape
    let size = features
    for (const cell of this.cells) {
      cell.build([rows, size])
      size = sizesOf(cell)[0] ?? null
    }
    super.build([[rows, features], ...this.stateSize.map((each): Shape => [rows, each])])
  }

  override cores(): readonly AnyLayer[] {
    return this.cells.flatMap((cell) => cell.cores())
  }

  /** One step of all cells: the output and the new states, those of the last cell first. */
  override lower(values: readonly Value[], kwargs: Kwargs): readonly Value[] {
    this.checkStep(values)
    const [x, ...states] = values as readonly [Value, ...Value[]]
    const own = this.cells
      .toReversed()
      .map((cell) => states.splice(0, sizesOf(cell).length))
      .toReversed()
    let value = x
    const found = this.cells.map((cell, at) => {
      const [output, ...next] = cell.lower([value, ...(own[at] as Value[])], kwargs)
      value = output as Value
      return next
    })
    return [value, ...found.toReversed().flat()]
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), cells: configured(this.cells) }
  }
}

/** A layer whose predictions go on from the states of the last ones. */
export interface Stateful extends Layer {
  readonly returnState: boolean
  /** @internal The states that predictions go on from, those of the last cell first; none for zeros. */
  kept: readonly Rows[] | undefined
  /** How often the states were set. */
  readonly resets: number
  /** The sizes of the states of each layer of ours. */
  stateSizes(): readonly (readonly number[])[]
  /** @internal Layers of ours like its own, for a twin of this layer. */
  remade(name: string, how: Recurrence): readonly AnyLayer[]
}

/** What simple RNN, LSTM, GRU and layers of cells have in common. */
export abstract class RNNLayer extends Layer implements Stateful {
  override supportsMasking = true
  readonly args: Partial<BaseRNNLayerArgs>
  readonly returnSequences: boolean
  readonly returnState: boolean
  readonly goBackwards: boolean
  resets = 0
  /** @internal */
  kept: readonly Rows[] | undefined
  /** @internal Whether the program has set the states to others than zeros. */
  hasGivenStates = false
  #cores: readonly AnyLayer[] | undefined
  readonly #stateful: boolean

  constructor(args: BaseRNNLayerArgs) {
    super(args)
    this.args = givenOnly(args)
    this.returnSequences = args.returnSequences ?? false
    this.returnState = args.returnState ?? false
    this.goBackwards = args.goBackwards ?? false
    this.#stateful = args.stateful ?? false
    if (this.batchInputShape === undefined && args.inputDim != null) {
      this.batchInputShape = [args.batchSize ?? null, args.inputLength ?? null, args.inputDim]
    }
  }

  /** @internal The layers of ours, the first one's outputs going to the second and so on. */
  abstract make(name: string, how: Recurrence): readonly AnyLayer[]

  /** The sizes of the states that each of them has. */
  abstract stateSizes(): readonly (readonly number[])[]

  /** @internal Layers of ours like these, for a twin of this layer. */
  remade(name: string, how: Recurrence): readonly AnyLayer[] {
    const { returnSequences, returnState, goBackwards } = this
    return this.make(name, { returnSequences, returnState, goBackwards, ...how })
  }

  override cores(): readonly AnyLayer[] {
    if (this.#cores === undefined) {
      this.#cores = this.remade(this.name, this.#stateful ? { stateful: true } : {})
      for (const core of this.#cores) core.trainable = this.trainable
    }
    return this.#cores
  }

  override get stateful(): boolean {
    return this.#stateful
  }

  /** The states that the next predictions of a stateful layer begin with; null where the number of rows is not known. */
  get states(): (Tensor | null)[] {
    if (this.kept) return this.kept.map(tensorOf)
    const rows = this.#stateful ? this.inboundNodes[0]?.inputs[0]?.shape[0] : null
    const sizes = this.stateSizes().toReversed().flat()
    return sizes.map((size) =>
      rows == null ? null : new TensorClass([rows, size], 'float32', new Float32Array(rows * size)),
    )
  }

  override resetStates(states?: Tensor | Tensor[]): void {
    this.kept = states == null ? undefined : this.#checkedStates(toList(states))
    this.hasGivenStates = this.kept !== undefined
    this.resets++
  }

  #checkedStates(states: readonly Tensor[]): readonly Rows[] {
    const sizes = this.stateSizes().toReversed().flat()
    const [first] = states
    const fits = states.every(
      (state, at) => state instanceof TensorClass && arraysEqual(state.shape, [first?.shape[0] ?? 0, sizes[at] ?? 0]),
    )
    if (!fits || states.length !== sizes.length) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `Layer ${this.name} expects ${sizes.length} state(s) of the shapes ${sizes.map((size) => `[batch,${size}]`).join(', ')}, but it received ${describe(states)}`,
      )
    }
    return states.map((state) => coreTensor(state.clone()) as Rows)
  }

  // biome-ignore lint/suspicious/noExplicitAny: as in Layer.
  override apply(inputs: Inputs, kwargs: Kwargs = {}): any {
    const { initialState, constants, ...others } = kwargs ?? {}
    if (constants != null) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `layer '${this.name}': constants are not there; write the cell with defineCell of 'seqloom'`,
      )
    }
    const states = initialState == null ? [] : toList<Tensor>(initialState as Tensor[])
    return super.apply([...toList(inputs as Tensor[]), ...states], others)
  }

  override lower([x, ...states]: readonly Value[]): readonly Value[] {
    const counts = this.stateSizes().map(({ length }) => length)
    return runCores(this.cores(), counts, [x as Value, ...states], this.returnState)
  }

  override getConfig(): ConfigDict {
    const {
      inputShape: _,
      batchInputShape: __,
      batchSize: ___,
      weights: ____,
      inputDim: _____,
      ...own
    } = this.args as BaseRNNLayerArgs
    return {
      ...super.getConfig(),
      ...(configured(own) as ConfigDict),
      returnSequences: this.returnSequences,
      returnState: this.returnState,
      goBackwards: this.goBackwards,
      stateful: this.#stateful,
      unroll: false,
    }
  }
}

/** Runs layers one after the other; states are those of the last layer first. */
export function runCores(
  cores: readonly AnyLayer[],
  counts: readonly number[],
  [x, ...states]: readonly [Value, ...Value[]],
  returnState: boolean,
): readonly Value[] {
  const wanted = counts.reduce((sum, count) => sum + count, 0)
  if (states.length > 0 && states.length !== wanted) {
    throw new SeqloomError(
      'ERR_SHAPE',
      `a recurrent layer with ${wanted} states was given ${states.length} initial states`,
    )
  }
  const left = [...states]
  const initial = counts
    .toReversed()
    .map((count) => left.splice(0, count))
    .toReversed()
  const found: Value[][] = []
  let value = x
  cores.forEach((core, at) => {
    const own = initial[at] as Value[]
    const outputs = toList(core.apply(value, own.length > 0 ? { initialState: own } : {})) as Value[]
    value = outputs[0] as Value
    found.push(outputs.slice(1))
  })
  return returnState ? [value, ...found.toReversed().flat()] : [value]
}

/** A recurrent layer with a cell of its own. */
abstract class FusedRNN extends RNNLayer {
  abstract readonly kind: Kind

  get units(): number {
    return (this.args as GatedRNNLayerArgs).units
  }

  /** @internal */
  override make(name: string, how: Recurrence): readonly AnyLayer[] {
    return [coreOf(this.kind, `layer '${this.name}'`, name, this.args as GatedRNNLayerArgs, how)]
  }

  override stateSizes(): readonly (readonly number[])[] {
    return [Array<number>(stateCounts[this.kind]).fill(this.units)]
  }

  override getConfig(): ConfigDict {
    const config = super.getConfig()
    return { ...standard(this.kind), ...config, ...weightConfig(recurrentInitializers, config) }
  }
}

export class SimpleRNN extends FusedRNN {
  static override className = 'SimpleRNN'
  override readonly kind = 'SimpleRNN'

  constructor(args: SimpleRNNLayerArgs) {
    super(args)
    requireGiven(`layer '${this.name}'`, 'units', args?.units)
  }
}

export class LSTM extends FusedRNN {
  static override className = 'LSTM'
  override readonly kind = 'LSTM'

  constructor(args: GatedRNNLayerArgs) {
    super(args)
    requireGiven(`layer '${this.name}'`, 'units', args?.units)
  }
}

export class GRU extends FusedRNN {
  static override className = 'GRU'
  override readonly kind = 'GRU'

  constructor(args: GatedRNNLayerArgs) {
    super(args)
    requireGiven(`layer '${this.name}'`, 'units', args?.units)
  }
}

/** Options of `tf.layers.rnn`. */
export interface RNNLayerArgs extends BaseRNNLayerArgs {
  cell: RNNCell | RNNCell[]
}

/** Runs cells over sequences. */
export class RNN extends RNNLayer {
  static override className = 'RNN'
  readonly cell: RNNCell
  /** The sizes of what each cell reads. */
  readonly #features: (number | null)[] = []

  constructor(args: RNNLayerArgs) {
    super(args)
    if (args?.cell == null) {
      throw new SeqloomError('ERR_OPTION', 'cell property is missing for the constructor of RNN.')
    }
    this.cell = Array.isArray(args.cell) ? new StackedRNNCells({ cells: args.cell }) : args.cell
    for (const cell of this.cells) checkCell(this.name, cell)
  }

  /** The cells, the one that reads the input first. */
  get cells(): readonly RNNCell[] {
    return this.cell instanceof StackedRNNCells ? [...(this.cell.cells ?? [])] : [this.cell]
  }

  override build(inputShape: Shape | Shape[]): void {
    const [rows = null, , features] = (Array.isArray(inputShape[0]) ? inputShape[0] : inputShape) as Shape
    let size = features ?? null
    for (const cell of this.cells) {
      if (!cell.built && !(cell instanceof StandardCell)) cell.build([rows, size])
      cell.built = true
      this.#features.push(size)
      size = sizesOf(cell)[0] ?? null
    }
    super.build(inputShape)
  }

  /** @internal */
  override make(name: string, how: Recurrence): readonly AnyLayer[] {
    const { cells } = this
    return cells.map((cell, at) => {
      const own = cells.length === 1 ? name : `${name}.${at}`
      const recurrence = {
        ...how,
        returnSequences: how.returnSequences || at < cells.length - 1,
        // The first layer has turned the steps around already.
        goBackwards: at === 0 && (how.goBackwards ?? false),
      }
      if (cell instanceof StandardCell) return coreOf(cell.kind, `cell '${cell.name}'`, own, cell.args, recurrence)
      const features = this.#features[at] ?? null
      if (features === null) {
        throw new SeqloomError('ERR_SHAPE', `layer '${this.name}': the number of its input's features must be known`)
      }
      return layers.rnn({
        name: coreName(own),
        cell: recordCell(cell, cell.declared, features),
        zeroOutputForMask: false,
        ...recurrence,
      }) as unknown as AnyLayer
    })
  }

  override stateSizes(): readonly (readonly number[])[] {
    return this.cells.map(sizesOf)
  }

  protected override weightNames(): string[] {
    const { cells } = this
    if (cells.length === 1) return super.weightNames()
    const cores = this.cores()
    return this.specs().map(({ name, core }) => `RNNCell_${cores.indexOf(core)}/${name}`)
  }

  override getConfig(): ConfigDict {
    return { ...super.getConfig(), cell: configured(this.cell) }
  }
}
