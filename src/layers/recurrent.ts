import type { Cell } from '../cells/cell.js'
import { type ZoneoutRate, zoneout, zoneoutCheck, zoneoutRates } from '../cells/zoneout.js'
import type { LayerScope, Value } from '../graph/builder.js'
import { type Dim, type Shape, showShape, unifyShapes } from '../graph/shape.js'
import { type Initializer, resolveInitializer } from '../initializers/initializer.js'
import { type Check, flag } from '../options.js'
import { type CellActivation, isFused } from './activations.js'
import { type CellOptions, cellChecks, requireCellActivation } from './cellOptions.js'
import type { Outputs, SequenceSizeOptions } from './layer.js'
import { type Direction, Recurrence, type RecurrenceOptions } from './recurrence.js'
import { RNN } from './rnn.js'

/** Options of every recurrent layer. */
export interface RecurrentOptions extends RecurrenceOptions, CellOptions, SequenceSizeOptions {
  /**
   * Whether each row continues from the last states of the same row in the previous batch, so that a long stream can be
   * learned in parts (truncated back-propagation through time); default false. `fit` begins every epoch with zeros and
   * keeps the rows in order; see `text.languageModelBatches`.
   */
  readonly stateful?: boolean
  /** Changes no result. */
  readonly unroll?: boolean
  /** Changes no result. */
  readonly implementation?: 0 | 1 | 2
  /** Changes no result. */
  readonly useCudnn?: 'auto' | boolean
  /**
   * The share of units of the states that keep their value at a step of training, others at every step; otherwise states are
   * mixed by it (Krueger et al., arXiv 1606.01305): one for all states, or by name, `{ h: 0.05, c: 0.5 }`; from 0 to below 1,
   * default 0. The layer then takes the cell's single steps, in predictions too.
   */
  readonly zoneout?: ZoneoutRate
}

/** What distinguishes the recurrent layers. */
export interface CellKind {
  readonly op: 'simpleRnn' | 'lstm' | 'gru'
  /** The factory's name, for messages. */
  readonly factory: string
  readonly gates: number
  readonly states: number
  readonly checks: Readonly<Record<string, Check>>
}

const recurrentChecks: Readonly<Record<string, Check>> = {
  ...cellChecks,
  returnSequences: flag,
  returnState: flag,
  goBackwards: flag,
  zeroOutputForMask: flag,
  stateful: flag,
  zoneout: zoneoutCheck,
}

const recurrentRefused: Readonly<Record<string, readonly unknown[]>> = {
  unroll: [false, true],
  implementation: [0, 1, 2],
  useCudnn: ['auto', false, true],
  timeMajor: [false],
  dropoutFunc: [null],
}

/** What simple RNN, LSTM and GRU have in common: input `[batch, time, features]`, states `[batch, units]`. */
export abstract class RecurrentLayer<Out extends Outputs = Outputs> extends Recurrence<Out> {
  readonly outputCount = 1
  readonly units: number
  readonly returnSequences: boolean
  readonly returnState: boolean
  readonly goBackwards: boolean
  /** How many states the cell carries: 2 for an LSTM, else 1. */
  readonly stateCount: number
  protected readonly activation: CellActivation
  protected readonly useBias: boolean
  readonly #kind: CellKind
  readonly #zeroOutputForMask: boolean
  readonly #stateful: boolean
  readonly #dropout: number
  readonly #recurrentDropout: number
  readonly #zoneout: ZoneoutRate | undefined
  readonly #seed: number | undefined
  readonly #initializers: { readonly kernel: Initializer; readonly recurrent: Initializer; readonly bias: Initializer }

  protected constructor(kind: CellKind, options: RecurrentOptions) {
    const where = `layers.${kind.factory}`
    super(where, options, {
      accepted: { ...recurrentChecks, ...kind.checks },
      required: ['units'],
      roles: ['kernel', 'recurrent', 'bias'],
      reads: 'steps',
      refused: recurrentRefused,
    })
    requireCellActivation(where, 'activation', options.activation)
    this.#kind = kind
    this.units = options.units
    this.stateCount = kind.states
    this.activation = options.activation === undefined ? 'tanh' : (options.activation ?? 'linear')
    this.useBias = options.useBias ?? true
    this.returnSequences = options.returnSequences ?? false
    this.returnState = options.returnState ?? false
    this.goBackwards = options.goBackwards ?? false
    this.#zeroOutputForMask = options.zeroOutputForMask ?? true
    this.#stateful = options.stateful ?? false
    this.#dropout = options.dropout ?? 0
    this.#recurrentDropout = options.recurrentDropout ?? 0
    const rates = zoneoutRates(where, options.zoneout ?? 0, kind.states === 2 ? ['h', 'c'] : ['h'])
    this.#zoneout = rates.some((rate) => rate > 0) ? options.zoneout : undefined
    this.#seed = options.seed ?? undefined
    this.#initializers = {
      kernel: resolveInitializer(options.kernelInitializer ?? 'glorotUniform'),
      recurrent: resolveInitializer(options.recurrentInitializer ?? 'orthogonal'),
      bias: resolveInitializer(options.biasInitializer ?? 'zeros'),
    }
  }

  override get stateful(): boolean {
    return this.#stateful
  }

  /** The cell's own attributes in the wire format, which are also its own options. */
  protected abstract cellAttributes(): Record<string, unknown>

  /** The same recurrence as single steps, for what the kernels do not have. */
  protected abstract cell(options: CellOptions): Cell

  /** The shape of the bias. */
  protected biasShape(): readonly number[] {
    return [this.#kind.gates * this.units]
  }

  /** The initializer of the bias in the wire format. */
  protected biasInitializer(base: Initializer): Initializer {
    return base
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const [sequence, ...states] = inputs
    const [batch, time] = this.single(sequence ? [sequence] : [], '[batch, time, features]', 3) as [Dim, Dim, Dim]
    this.features(sequence as Shape)
    const state: Shape = [batch, this.units]
    if (states.length !== 0 && states.length !== this.stateCount) {
      throw this.shapeError(`takes ${this.stateCount} initial states, got ${states.length}`)
    }
    for (const given of states) {
      if (!unifyShapes(given, state)) {
        throw this.shapeError(`expected initial states of shape [batch, ${this.units}], got ${showShape(given)}`)
      }
    }
    const output = this.returnSequences ? [batch, time, this.units] : state
    return this.returnState ? [output, ...Array<Shape>(this.stateCount).fill(state)] : [output]
  }

  /** @internal */
  override lowerIn(scope: LayerScope, inputs: readonly Value[], direction: Direction): Value[] {
    const [sequence, ...states] = this.#lowerCell(scope, inputs, direction)
    return [(this.returnSequences ? sequence : states[0]) as Value, ...states]
  }

  /** Adds the recurrence itself: the sequence of outputs, then the last states. */
  #lowerCell(scope: LayerScope, inputs: readonly Value[], direction: Direction): Value[] {
    if (this.#isStepwise(scope)) return this.#traced().lowerIn(scope, inputs, direction)
    const [given, ...initial] = inputs as [Value, ...Value[]]
    const [batch, time] = given.shape as [Dim, Dim]
    const features = this.features(given.shape)
    const x =
      this.#dropout > 0 ? scope.node('dropout', [given], [], given.shape, this.#dropoutAttributes(), 'dropout') : given
    const width = this.#kind.gates * this.units
    const weights = [
      scope.weight('kernel', [features, width], this.#initializers.kernel),
      scope.weight('recurrent_kernel', [this.units, width], this.#initializers.recurrent),
    ]
    if (this.useBias) {
      weights.push(scope.weight('bias', this.biasShape(), this.biasInitializer(this.#initializers.bias)))
    }
    const state: Shape = [batch, this.units]
    const shapes = [[batch, time, this.units], ...Array<Shape>(this.stateCount).fill(state)]
    const attributes = {
      units: this.units,
      activation: this.activation,
      ...this.cellAttributes(),
      ...direction,
      zeroOutputForMask: this.#zeroOutputForMask,
    }
    return scope.nodes(this.#kind.op, [x, ...initial], weights, shapes, attributes, this.#stateful)
  }

  /** Whether the kernels have not what the layer does: some activations, zoneout, and dropout of the state while training. */
  #isStepwise({ builder }: LayerScope): boolean {
    const { recurrentActivation = 'linear' } = this.cellAttributes()
    const isFusedCell = isFused(this.activation) && isFused(recurrentActivation)
    return !isFusedCell || this.#zoneout !== undefined || (this.#recurrentDropout > 0 && builder.training)
  }

  #dropoutAttributes() {
    return { rate: this.#dropout, shareSteps: true, ...(this.#seed === undefined ? {} : { seed: this.#seed }) }
  }

  /** A layer that gives all outputs and the last states, as the kernels do. */
  #traced(): RNN {
    const cell = this.cell(this.cellOptions())
    const seed = this.#seed === undefined ? {} : { seed: this.#seed }
    return new RNN({
      cell: this.#zoneout === undefined ? cell : zoneout({ cell, rate: this.#zoneout, ...seed }),
      returnSequences: true,
      zeroOutputForMask: this.#zeroOutputForMask,
      stateful: this.#stateful,
    })
  }

  override reversed(name: string | undefined): Recurrence {
    const options = {
      ...this.config(),
      ...this.ruleConfig(),
      units: this.units,
      goBackwards: true,
      trainable: this.trainable,
    }
    return this.remade(name === undefined ? options : { ...options, name })
  }

  /** Another layer of this class. */
  protected abstract remade(options: RecurrentOptions): Recurrence

  /** @internal The options of the layer's cell. */
  cellOptions(): CellOptions {
    return {
      units: this.units,
      activation: this.activation,
      ...this.cellAttributes(),
      useBias: this.useBias,
      kernelInitializer: this.#initializers.kernel,
      recurrentInitializer: this.#initializers.recurrent,
      biasInitializer: this.#initializers.bias,
      dropout: this.#dropout,
      ...(this.#recurrentDropout > 0 ? { recurrentDropout: this.#recurrentDropout } : {}),
      ...(this.#seed === undefined ? {} : { seed: this.#seed }),
    }
  }

  override config(): Record<string, unknown> {
    return {
      ...this.cellOptions(),
      returnSequences: this.returnSequences,
      returnState: this.returnState,
      goBackwards: this.goBackwards,
      zeroOutputForMask: this.#zeroOutputForMask,
      ...(this.#stateful ? { stateful: true } : {}),
      ...(this.#zoneout === undefined ? {} : { zoneout: this.#zoneout }),
    }
  }
}
