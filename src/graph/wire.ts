import type { Initializer } from '../initializers/initializer.js'
import type { GivenOf } from '../settings.js'
import type { operations } from '../table.js'
import type { DType, Shape } from './shape.js'

/** An input of the graph. */
export interface WireInput {
  readonly name: string
  readonly dtype: DType
  readonly shape: Shape
}

/** A weight of the graph; several nodes may use the same one. */
export interface WireWeight {
  readonly name: string
  readonly shape: readonly number[]
  readonly trainable: boolean
  /** A factor on the optimizer's learning rate; default 1. */
  readonly learningRateMultiplier?: number
  readonly initializer: Initializer
}

/** The names of operations. */
export type OperationName = keyof typeof operations

/** The settings of an operation. */
export type SettingsOf<Name extends OperationName> = GivenOf<(typeof operations)[Name]['settings']>

/** One operation; `inputs` and `outputs` are value ids, `weights` are indices. */
export interface WireNode {
  readonly name: string
  readonly op: OperationName
  readonly inputs: readonly number[]
  readonly weights: readonly number[]
  readonly outputs: readonly number[]
  readonly attributes: Readonly<Record<string, unknown>>
  /** Whether training and prediction carry the states of a recurrence from batch to batch. */
  readonly stateful?: true
}

/** A graph of operations as the native side reads it. */
export interface GraphSpec {
  readonly version: 1
  readonly inputs: readonly WireInput[]
  readonly weights: readonly WireWeight[]
  /** Whether weights are int8 where all operations that use them can compute with such; none is trained then. */
  readonly int8?: true
  readonly nodes: readonly WireNode[]
  readonly outputs: readonly number[]
}

/**
 * A graph with losses and metrics; `output` is an index into the graph's outputs: of a mean, whose next one is the
 * count, or of counts.
 */
export interface TrainSpec {
  readonly graph: GraphSpec
  /** `summed` says that the output is a sum over the batch instead of a mean. */
  readonly losses: readonly { readonly output: number; readonly weight: number; readonly summed?: boolean }[]
  /** `summary` says what is reported, by default the mean. */
  readonly metrics: readonly { readonly name: string; readonly output: number; readonly summary?: object }[]
  /** Outputs that replace weights without a gradient after every step. */
  readonly updates?: readonly { readonly weight: number; readonly output: number }[]
  /** Outputs, of weights alone, that replace weights after every step. */
  readonly constraints?: readonly { readonly weight: number; readonly output: number }[]
  /** What products with weights are computed in, by default float32. */
  readonly precision?: Precision
  /** After how many steps a state is kept for the backward pass; by default all steps are. */
  readonly checkpointEvery?: number
}

/** @inline What the factors of products are. */
export type Precision = 'float32' | 'bfloat16'
