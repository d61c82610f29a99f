import type { Cell } from '../cells/cell.js'
import { convLSTM } from '../cells/convLstm.js'
import { SeqloomError } from '../errors.js'
import type { LayerScope, Value } from '../graph/builder.js'
import { type Shape, showShape } from '../graph/shape.js'
import { resolveInitializer } from '../initializers/initializer.js'
import { flag, integer, oneOf } from '../options.js'
import { activationCheck, type CellActivation } from './activations.js'
import { type CellOptions, cellChecks, requireCellActivation } from './cellOptions.js'
import type { SymbolicTensor } from './layer.js'
import { type Direction, Recurrence, type RecurrenceOptions, type WithStates } from './recurrence.js'
import { RNN } from './rnn.js'
import { axisNames, eachAxis, type PerAxis, perAxis, placed, type Windows } from './windows.js'

/** Options of {@link convLstm1d} and {@link convLstm2d}. */
export interface ConvLSTMOptions extends RecurrenceOptions, Omit<CellOptions, 'units'> {
  /** The size of the last dimension of the states, and of each step's output. */
  readonly filters: number
  /** The size of a window. */
  readonly kernelSize: PerAxis
  /** From a window of the input to the next; default 1. */
  readonly strides?: PerAxis
  /** `'valid'`, the default, or `'same'`, how windows of the input lie; those of the state are always `'same'`. */
  readonly padding?: 'valid' | 'same'
  /** From an element of a window of the input to the next; default 1. */
  readonly dilationRate?: PerAxis
  /** Only the default, `'channelsLast'`, is supported. */
  readonly dataFormat?: 'channelsLast' | null
  /** The activation of the gates; default `'sigmoid'`. */
  readonly recurrentActivation?: CellActivation
  /** Whether the forget gate's bias starts at one; default true. */
  readonly unitForgetBias?: boolean
  /** Whether the states are carried from batch to batch; default false. */
  readonly stateful?: boolean
}

/** The activation, of which null is `'linear'`. */
const activationOf = ({ activation }: Pick<ConvLSTMOptions, 'activation'>): CellActivation =>
  activation === undefined ? 'tanh' : (activation ?? 'linear')

const { units: _, ...sharedChecks } = cellChecks

/** A convolutional LSTM over one axis or two of each step. */
export abstract class ConvLSTM<
  Out extends SymbolicTensor | WithStates = SymbolicTensor | WithStates,
> extends Recurrence<Out> {
  readonly returnSequences: boolean
  readonly returnState: boolean
  readonly goBackwards: boolean
  readonly units = undefined
  readonly stateCount = 2
  readonly outputCount = 1
  readonly #axes: number
  readonly #options: ConvLSTMOptions
  readonly #windows: readonly Windows[]
  /** By the shape of a step. */
  readonly #made = new Map<string, RNN>()

  protected constructor(where: string, axes: number, options: ConvLSTMOptions) {
    super(where, options, {
      accepted: {
        ...sharedChecks,
        filters: integer(1),
        kernelSize: perAxis(axes),
        strides: perAxis(axes),
        padding: oneOf(['valid', 'same']),
        dilationRate: perAxis(axes),
        recurrentActivation: activationCheck,
        unitForgetBias: flag,
        returnSequences: flag,
        returnState: flag,
        goBackwards: flag,
        zeroOutputForMask: flag,
        stateful: flag,
      },
      required: ['filters', 'kernelSize'],
      roles: ['kernel', 'recurrent', 'bias'],
      refused: { dataFormat: ['channelsLast', null], unroll: [false] },
    })
    requireCellActivation(where, 'activation', options.activation)
    requireCellActivation(where, 'recurrentActivation', options.recurrentActivation)
    const [strides, rates] = [options.strides ?? 1, options.dilationRate ?? 1].map((each) => eachAxis(each, axes))
    if (strides?.some((stride) => stride > 1) && rates?.some((rate) => rate > 1)) {
      throw new SeqloomError('ERR_OPTION', `${where}: strides and dilationRate cannot both be above 1`)
    }
    this.#axes = axes
    this.#options = options
    this.#windows = eachAxis(options.kernelSize, axes).map((size, axis) => ({
      size,
      stride: strides?.[axis] as number,
      dilation: rates?.[axis] as number,
      padding: options.padding ?? 'valid',
    }))
    this.returnSequences = options.returnSequences ?? false
    this.returnState = options.returnState ?? false
    this.goBackwards = options.goBackwards ?? false
  }

  protected abstract remade(options: ConvLSTMOptions): Recurrence

  override get stateful(): boolean {
    return this.#options.stateful ?? false
  }

  /** The layer that runs the cell for an input. */
  #runner(inputs: readonly Shape[]): RNN {
    const [shape = []] = inputs
    const names = `[batch, time, ${axisNames(this.#axes).replace('time', 'rows')}, channels]`
    if (shape.length !== this.#axes + 3) throw this.shapeError(`expected ${names}, got ${showShape(shape)}`)
    const step = shape.slice(2)
    if (step.includes(null)) throw this.shapeError(`the sizes of a step must be known, got ${showShape(shape)}`)
    const known = this.#made.get(step.join())
    if (known) return known
    placed([null, ...step.slice(0, -1)], this.#windows, (message) => this.shapeError(message))
    const { returnSequences, returnState, goBackwards, stateful } = this
    const layer = new RNN({
      cell: this.#cell(step as number[]),
      returnSequences,
      returnState,
      goBackwards,
      stateful,
      zeroOutputForMask: this.#options.zeroOutputForMask ?? true,
    })
    this.#made.set(step.join(), layer)
    return layer
  }

  #cell(shape: readonly number[]): Cell {
    const { filters, kernelInitializer, recurrentInitializer, unitForgetBias = true, ...options } = this.#options
    const bias = resolveInitializer(options.biasInitializer ?? 'zeros')
    return convLSTM({
      filters,
      windows: this.#windows,
      shape,
      activation: activationOf(options),
      recurrentActivation: options.recurrentActivation ?? 'sigmoid',
      useBias: options.useBias ?? true,
      kernelInitializer: resolveInitializer(kernelInitializer ?? 'glorotUniform'),
      recurrentInitializer: resolveInitializer(recurrentInitializer ?? 'orthogonal'),
      biasInitializer: unitForgetBias ? { kind: 'lstmBias', base: bias } : bias,
      dropout: options.dropout ?? 0,
      recurrentDropout: options.recurrentDropout ?? 0,
      seed: options.seed ?? undefined,
    })
  }

  override outputShapes(inputs: readonly Shape[]): readonly Shape[] {
    return this.inLayer(() => this.#runner(inputs).outputShapes(inputs))
  }

  /** @internal */
  override lowerIn(scope: LayerScope, inputs: readonly Value[], direction: Direction): Value[] {
    return this.#runner(inputs.map(({ shape }) => shape)).lowerIn(scope, inputs, direction)
  }

  override reversed(name: string | undefined): Recurrence {
    return this.remade({
      ...(this.config() as unknown as ConvLSTMOptions),
      ...this.ruleConfig(),
      goBackwards: true,
      trainable: this.trainable,
      ...(name === undefined ? {} : { name }),
    })
  }

  override config(): Record<string, unknown> {
    const options = this.#options
    const list = (name: 'size' | 'stride' | 'dilation') => this.#windows.map((window) => window[name])
    return {
      filters: options.filters,
      kernelSize: list('size'),
      strides: list('stride'),
      padding: options.padding ?? 'valid',
      dilationRate: list('dilation'),
      activation: activationOf(options),
      recurrentActivation: options.recurrentActivation ?? 'sigmoid',
      useBias: options.useBias ?? true,
      unitForgetBias: options.unitForgetBias ?? true,
      kernelInitializer: resolveInitializer(options.kernelInitializer ?? 'glorotUniform'),
      recurrentInitializer: resolveInitializer(options.recurrentInitializer ?? 'orthogonal'),
      biasInitializer: resolveInitializer(options.biasInitializer ?? 'zeros'),
      dropout: options.dropout ?? 0,
      recurrentDropout: options.recurrentDropout ?? 0,
      ...(options.seed === undefined || options.seed === null ? {} : { seed: options.seed }),
      returnSequences: this.returnSequences,
      returnState: this.returnState,
      goBackwards: this.goBackwards,
      zeroOutputForMask: options.zeroOutputForMask ?? true,
      ...(this.stateful ? { stateful: true } : {}),
    }
  }
}
