import type { LayerScope, Value } from '../graph/builder.js'
import { Layer, type LayerOptions, type Outputs, type SymbolicTensor } from './layer.js'

/** Options of every layer that runs a recurrence. */
export interface RecurrenceOptions extends LayerOptions {
  /** Whether to return every step's output instead of the last one's; default false. */
  readonly returnSequences?: boolean
  /** Whether to return the last states, too, after the output; default false. */
  readonly returnState?: boolean
  /**
   * Whether to process the steps from last to first and return them in that order; default false. A row's outputs stay
   * at its own valid steps: the first output is that of its last step, and the padding stays at the end (in Keras,
   * outputs move by the padding, but their mask does not).
   */
  readonly goBackwards?: boolean
  /** Whether outputs at masked steps are zero; false repeats the last output there, as Keras does. Default true. */
  readonly zeroOutputForMask?: boolean
}

/** The direction of a recurrence and the order of its outputs, as attributes of operations. */
export interface Direction {
  readonly order: 'forward' | 'backward'
  readonly outputOrder: 'time' | 'processing'
}

/** A layer that runs a recurrence over sequences: fused or traced. */
export abstract class Recurrence<Out extends Outputs = Outputs> extends Layer<Out> {
  abstract readonly returnSequences: boolean
  abstract readonly returnState: boolean
  abstract readonly goBackwards: boolean
  /** The size of each step's output; undefined if it follows from the input. */
  abstract readonly units: number | undefined
  /** How many states are carried. */
  abstract readonly stateCount: number
  /** How many outputs each step has. */
  abstract readonly outputCount: number

  /** @internal Adds the recurrence: the outputs as the options ask for them, then the last states. */
  abstract lowerIn(scope: LayerScope, inputs: readonly Value[], direction: Direction): Value[]

  /** A layer with the same options that runs the other way, under another name if one is given. */
  abstract reversed(name: string | undefined): Recurrence

  /** @internal The names of the sequences that it reads side by side. */
  sequenceNames(): readonly string[] {
    return ['x']
  }

  override sequenceCount(): number {
    return this.sequenceNames().length
  }

  override get returnsLastStepAlone(): boolean {
    return !this.returnSequences
  }

  override returnsList(): boolean {
    return this.returnState || this.outputCount > 1
  }

  override takesStates(): boolean {
    return true
  }

  /** @internal */
  override lower(scope: LayerScope, inputs: readonly Value[]): readonly Value[] {
    const direction: Direction = this.goBackwards
      ? { order: 'backward', outputOrder: 'processing' }
      : { order: 'forward', outputOrder: 'time' }
    const all = this.lowerIn(scope, inputs, direction)
    return this.returnState ? all : all.slice(0, this.outputCount)
  }
}

/** What a recurrent layer with one state returns when it returns states. */
export type WithState = readonly [output: SymbolicTensor, h: SymbolicTensor]

/** What a recurrent layer with two states returns when it returns states. */
export type WithStates = readonly [output: SymbolicTensor, h: SymbolicTensor, c: SymbolicTensor]
