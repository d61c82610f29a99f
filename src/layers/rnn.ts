import { Cell, cellFromConfig } from '../cells/cell.js'
import { cellRoles, ruled } from '../cells/ruled.js'
import { scanBody } from '../cells/scanBody.js'
import { deltas, stackedRNNCells } from '../cells/stacked.js'
import { SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import { type Dim, type Shape, showShape, unifyDim, type ValueType } from '../graph/shape.js'
import { type Resolved, resolve } from '../graph/trace/program.js'
import { batch, type TracedShape, wireShape } from '../graph/trace/size.js'
import { custom, flag, integer, isRecord } from '../options.js'
import type { ApplyOptions, Outputs, SavedOptions, SequenceSizeOptions, SymbolicTensor } from './layer.js'
import { type Direction, Recurrence, type RecurrenceOptions } from './recurrence.js'
import { inOrder, type SequenceInputs } from './timed.js'
import { type RuleOptions, ruleChecks } from './weightRules.js'

/**
 * Options of {@link rnn}. `kernelRegularizer`, `recurrentConstraint` and the like are for all kernels, recurrent kernels and
 * biases of the cell that have none of their own.
 */
export interface RNNOptions<C extends Cell = Cell>
  extends RecurrenceOptions,
    SequenceSizeOptions,
    RuleOptions<(typeof cellRoles)[number]> {
  /** What `defineCell`, `cells.*` or `layers.stackedRNNCells` made; an array of cells is stacked. */
  readonly cell: C | readonly [...Cell[], C]
  /**
   * How many steps to run a cell without inputs (`inputs: {}`), which has no sequence to determine it. Such a cell
   * starts from its initial states and constants.
   */
  readonly steps?: number
  /**
   * Whether the states are carried from batch to batch: row i of a batch continues where row i of the previous batch
   * ended. Not with initial states, and not backwards. Default false.
   */
  readonly stateful?: boolean
}

/** One symbolic value for each name. */
export type NamedValues<Names extends readonly string[]> = { readonly [I in keyof Names]: SymbolicTensor }

/** One symbolic value for each key. */
export type KeyedValues<Keys, Found extends readonly SymbolicTensor[] = []> = [Keys] extends [never]
  ? Found
  : string extends Keys
    ? readonly SymbolicTensor[]
    : KeyedValues<Exclude<Keys, LastOf<Keys>>, readonly [...Found, SymbolicTensor]>

/** One of a union's members. */
type LastOf<Union> = (Union extends unknown ? (f: () => Union) => void : never) extends (f: infer F) => void
  ? F extends () => infer Member
    ? Member
    : never
  : never

/** @inline What an {@link rnn} returns with `returnState`: its outputs, then the states. */
export type OutputsAndStates<C extends Cell> =
  C extends Cell<infer Names, infer States>
    ? readonly [...NamedValues<Names>, ...KeyedValues<keyof States & string>]
    : Outputs

/** @inline What an {@link rnn} returns: its output, or a list if the cell has several. */
export type OutputsOf<C extends Cell> =
  C extends Cell<infer Names> ? (Names extends readonly [string] ? SymbolicTensor : NamedValues<Names>) : Outputs

const cell = custom(
  'what defineCell, cells.* or layers.stackedRNNCells makes, or an array of cells',
  (v) => v instanceof Cell || (Array.isArray(v) && v.length > 0 && Array.from(v).every((each) => each instanceof Cell)),
)

/** The layer that {@link rnn} makes. */
export class RNN<Out extends Outputs = Outputs> extends Recurrence<Out> {
  static override readonly className = 'RNN'
  override readonly baseName = 'rnn'
  readonly returnSequences: boolean
  readonly returnState: boolean
  readonly goBackwards: boolean
  readonly units: number | undefined
  readonly stateCount: number
  readonly outputCount: number
  readonly #cell: Cell
  readonly #zeroOutputForMask: boolean
  readonly #steps: number | undefined
  readonly #stateful: boolean

  constructor(options: RNNOptions) {
    super('layers.rnn', options, {
      accepted: {
        cell,
        steps: integer(1),
        stateful: flag,
        returnSequences: flag,
        returnState: flag,
        goBackwards: flag,
        zeroOutputForMask: flag,
        ...ruleChecks(cellRoles),
      },
      required: ['cell'],
      reads: 'steps',
      refused: { unroll: [false, true], timeMajor: [false], dropout: [0], recurrentDropout: [0], zoneout: [0] },
    })
    const given = options.cell instanceof Cell ? options.cell : stackedRNNCells({ cells: options.cell })
    this.#cell = ruled('layers.rnn', given, options)
    this.#steps = options.steps
    this.#stateful = options.stateful ?? false
    if ((this.#cell.inputs.length === 0) !== (options.steps !== undefined)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `layers.rnn: ${
          options.steps === undefined
            ? `cell '${this.#cell.name}' has no inputs, so the option steps must say how often it runs`
            : `steps is for cells without inputs; cell '${this.#cell.name}' runs as often as its sequence has steps`
        }`,
      )
    }
    this.returnSequences = options.returnSequences ?? false
    this.returnState = options.returnState ?? false
    this.goBackwards = options.goBackwards ?? false
    this.#zeroOutputForMask = options.zeroOutputForMask ?? true
    this.units = undefined
    this.stateCount = this.#cell.states.length
    this.outputCount = this.#cell.outputs.length
  }

  /** What it runs at every step. */
  get cell(): Cell {
    return this.#cell
  }

  static override fromConfig(config: SavedOptions): RNN {
    return new RNN({ ...config, cell: isRecord(config.cell) ? cellFromConfig(config.cell) : (config.cell as Cell) })
  }

  override get stateful(): boolean {
    return this.#stateful
  }

  /** Tokens too: they come as numbers. */
  override acceptsType(dtype: ValueType): boolean {
    return dtype !== 'string'
  }

  override sequenceNames(): readonly string[] {
    return this.#cell.inputs
  }

  override constantNames(): readonly string[] {
    return this.#cell.constants
  }

  /**
   * Uses the layer on symbolic values, as every layer is used. A cell with an input `deltas` of size 1 reads the time since
   * the step before there: `apply({ inputs, deltas })`. Errors: `ERR_OPTION` where a cell does not ask for times.
   */
  override apply(inputs: SequenceInputs, options: ApplyOptions = {}): Out {
    const where = `layer '${this.label}'.apply`
    return super.apply(inOrder(where, inputs, this.sequenceNames(), `cell '${this.#cell.name}'`), options)
  }

  /** Which of the cell's inputs is the time since the step before; -1 if none is. */
  get #deltas(): number {
    return this.#cell.inputs.indexOf(deltas)
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    const { rows, time, resolved } = this.#resolve(inputs)
    const shapes = resolved.program.outputs.map((id): Shape => [rows, ...wireShape(resolved.shapes[id] ?? []).slice(1)])
    const outputs = shapes.slice(0, this.outputCount)
    for (const [index, shape] of shapes.entries()) {
      const kept = index >= this.outputCount || !this.returnSequences
      if (kept && shape.slice(1).includes(null)) {
        const what = index < this.outputCount ? `output '${this.#cell.outputs[index]}'` : 'a state'
        const advice = index < this.outputCount ? '; use returnSequences' : ''
        throw this.shapeError(`${what} has a size that is not known, ${showShape(shape)}${advice}`)
      }
    }
    const returned = this.returnSequences ? outputs.map((shape): Shape => [rows, time, ...shape.slice(1)]) : outputs
    return this.returnState ? [...returned, ...shapes.slice(this.outputCount)] : returned
  }

  /** @internal */
  override lowerIn(scope: LayerScope, inputs: readonly Value[], direction: Direction): Value[] {
    const split = this.#split(inputs)
    const { rows, time, resolved } = this.#resolve(inputs.map((value) => value.shape))
    const { program, shapes } = resolved
    const idsOut = program.outputs.slice(0, this.outputCount)
    const idsState = program.outputs.slice(this.outputCount)
    // A last output that is not a state is carried as one: so it is right in any direction, and no sequence is stored
    // for it.
    const carried = this.returnSequences ? [] : [...new Set(idsOut.filter((id) => !idsState.includes(id)))]
    const finals = [...idsState, ...carried]
    const firstConstant = this.#cell.inputs.length + this.stateCount
    const { body, masked, budget } = scanBody(resolved, firstConstant, carried, [
      ...(this.returnSequences ? idsOut : []),
      ...finals,
    ])
    scope.builder.budget.takeAll(budget, this.#steps ?? 1)
    const weights = program.weights.map(({ name, shape, initializer, ...rules }) =>
      scope.weight(name, shape as number[], initializer, rules),
    )
    const masks = masked.map((id) => {
      const value = split.constants[id - firstConstant] as Value
      return scope.node('sequenceMask', [value], [], value.shape.slice(0, 2), {}, 'mask')
    })
    const asFloat = (value: Value) =>
      value.dtype === 'int32' ? scope.node('cast', [value], [], value.shape, {}, 'cast') : value
    const floats = split.sequences.map(asFloat)
    const sequences = floats.map((value, index) =>
      index === this.#deltas ? elapsed(scope, value, floats.toSpliced(index, 1), direction) : value,
    )
    const rowShapes = (ids: readonly number[]) => ids.map((id) => wireShape(shapes[id] ?? []).slice(1))
    const stored = this.returnSequences ? rowShapes(idsOut) : []
    const given = split.initial.length > 0
    const results = scope.nodes(
      'scan',
      [...sequences, ...split.initial.map(asFloat), ...split.constants.map(asFloat), ...masks],
      weights,
      [
        ...stored.map((shape): Shape => [rows, time, ...shape]),
        ...rowShapes(finals).map((shape): Shape => [rows, ...shape]),
      ],
      {
        body,
        sequences: this.#cell.inputs.length,
        ...(this.#steps === undefined ? {} : { steps: this.#steps }),
        stateShapes: rowShapes(finals) as number[][],
        outputs: stored.length,
        ...(given && carried.length > 0 ? { initial: finals.map((_, index) => index < this.stateCount) } : {}),
        ...direction,
        zeroOutputForMask: this.#zeroOutputForMask,
      },
      this.#stateful,
    )
    const states = results.slice(stored.length)
    const last = states.slice(0, this.stateCount)
    if (this.returnSequences) return [...results.slice(0, stored.length), ...last]
    return [...idsOut.map((id) => states[finals.indexOf(id)] as Value), ...last]
  }

  override reversed(name: string | undefined): RNN {
    const { returnSequences, returnState, trainable } = this
    return new RNN({
      cell: this.#cell,
      returnSequences,
      returnState,
      goBackwards: true,
      zeroOutputForMask: this.#zeroOutputForMask,
      ...(this.#steps === undefined ? {} : { steps: this.#steps }),
      stateful: this.#stateful,
      trainable,
      ...this.ruleConfig(),
      ...(name === undefined ? {} : { name }),
    })
  }

  override config(): Record<string, unknown> {
    return {
      cell: this.#cell.config(),
      ...(this.#steps === undefined ? {} : { steps: this.#steps }),
      returnSequences: this.returnSequences,
      returnState: this.returnState,
      goBackwards: this.goBackwards,
      zeroOutputForMask: this.#zeroOutputForMask,
      ...(this.#stateful ? { stateful: true } : {}),
    }
  }

  /** The sequences, the initial states, which may be left out, and the constants. */
  #split<T>(inputs: readonly T[]) {
    const { inputs: steps, constants } = this.#cell
    const states = inputs.length - steps.length - constants.length
    return {
      sequences: inputs.slice(0, steps.length),
      initial: inputs.slice(steps.length, steps.length + Math.max(states, 0)),
      constants: inputs.slice(inputs.length - constants.length),
    }
  }

  /** Checks the cell with the given shapes. */
  #resolve(inputs: readonly Shape[]): { readonly rows: Dim; readonly time: Dim; readonly resolved: Resolved } {
    const { inputs: steps, states, constants, program } = this.#cell
    const count = inputs.length - steps.length - constants.length
    if (count !== 0 && count !== states.length) {
      const parts = [
        steps.length === 1
          ? 'a sequence'
          : steps.length === 0
            ? 'no sequence'
            : `${steps.length} sequences (${steps.join(', ')})`,
        `no initial state or ${states.length} (${states.join(', ')})`,
        ...(constants.length > 0 ? [`the constants ${constants.join(', ')} in { constants }`] : []),
      ]
      throw this.shapeError(`takes ${parts.join(', ')}; got ${inputs.length} values`)
    }
    const split = this.#split(inputs)
    let rows: Dim = null
    let time: Dim = this.#steps ?? null
    const perStep = split.sequences.map((given, index): TracedShape => {
      const shape = index === this.#deltas && given.length === 2 ? [...given, 1] : given
      const both = shape.length < 3 ? undefined : unifyDim(time, shape[1] as Dim)
      if (both === undefined) {
        throw this.shapeError(
          `expected sequences [batch, time, …] of the same length, got ${split.sequences.map(showShape).join(' and ')}`,
        )
      }
      time = both
      rows = unifyDim(rows, shape[0] as Dim) ?? null
      return [batch, ...shape.slice(2)]
    })
    if (steps.length === 0 && inputs.length === 0) {
      throw this.shapeError(
        'a cell without inputs needs an initial state or constants: they say how many rows there are',
      )
    }
    const rowValues = (shapes: readonly Shape[]) => shapes.map((shape): TracedShape => [batch, ...shape.slice(1)])
    const declared = program.inputs.slice(steps.length, steps.length + states.length).map(({ shape }) => shape)
    const initial = split.initial.length > 0 ? rowValues(split.initial) : declared
    const given = [...perStep, ...initial, ...rowValues(split.constants)]
    return { rows, time, resolved: this.inLayer(() => resolve(program, given)) }
  }
}

/**
 * The time since the step that is read before. A step says how long ago the one before it in time was: the one that is
 * read after it where steps are read from the end, which therefore get what the step read before them says. The steps
 * there are those of the other sequences, too.
 */
function elapsed(scope: LayerScope, given: Value, others: readonly Value[], { order }: Direction): Value {
  const [rows = null, time = null] = given.shape
  const shape: Shape = [rows, time, 1]
  const times =
    given.shape.length === 2 ? scope.node('reshape', [given], [], shape, { shape: shape.slice(1) }, 'deltas') : given
  if (order === 'forward') return times
  const inputs = [
    { name: 'deltas', shape: [null, 1] },
    ...others.map(({ shape: other }, index) => ({ name: `sequence ${index}`, shape: [null, ...other.slice(2)] })),
    { name: 'before', shape: [null, 1] },
  ]
  const attributes = {
    body: { inputs, weights: [], nodes: [], outputs: [inputs.length - 1, 0] },
    sequences: inputs.length - 1,
    stateShapes: [[1]],
    outputs: 1,
    order,
    outputOrder: 'time' as const,
    zeroOutputForMask: true,
  }
  return scope.nodes('scan', [times, ...others], [], [shape, [rows, 1]], attributes)[0] as Value
}

/**
 * Runs a traced cell over sequences, or for `steps` steps if it has no inputs.
 *
 * Input `[batch, time, …]`, or an array of sequences if the cell has several inputs. Output `[batch, …]` of the last
 * step, or `[batch, time, …]` with `returnSequences`; a list if the cell has several outputs. With `returnState` the
 * last states follow. Give initial states and constants to `apply`:
 * `rnn.apply(x, { initialState: [h], constants: { memory } })`. For irregular series, a cell with an input `deltas` of size
 * 1 reads the time since the step before: `rnn.apply({ inputs: x, deltas })`. Weights have the names that the cell declares. Masked
 * steps are skipped, as by the fused layers. Errors: `ERR_OPTION`; `ERR_SHAPE`, naming the line in the cell.
 */
export function rnn<const C extends Cell>(
  options: RNNOptions<C> & { readonly returnState: true },
): RNN<OutputsAndStates<C>>
export function rnn<const C extends Cell>(options: RNNOptions<C> & { readonly returnState?: false }): RNN<OutputsOf<C>>
export function rnn(options: RNNOptions): RNN
export function rnn(options: RNNOptions): RNN {
  return new RNN(options)
}
