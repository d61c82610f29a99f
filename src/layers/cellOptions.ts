import { SeqloomError } from '../errors.js'
import { type Initializer, type InitializerName, initializerCheck } from '../initializers/initializer.js'
import { type Check, flag, integer, number, optionalSeed, orNull } from '../options.js'
import { activationCheck, type CellActivation, cellActivationCheck } from './activations.js'
import type { RuleOptions } from './weightRules.js'

/** Options of recurrent layers and of most ready-made cells. */
export interface CellOptions extends RuleOptions<'kernel' | 'recurrent' | 'bias'> {
  /** The size of the state, and of each step's output. */
  readonly units: number
  /** The activation of the candidate and the output; default `'tanh'`, and null is `'linear'`. */
  readonly activation?: CellActivation | null
  /** Whether there is a bias; default true. */
  readonly useBias?: boolean
  /** Default `'glorotUniform'`. */
  readonly kernelInitializer?: InitializerName | Initializer
  /** Default `'orthogonal'`. */
  readonly recurrentInitializer?: InitializerName | Initializer
  /** Default `'zeros'`. */
  readonly biasInitializer?: InitializerName | Initializer
  /** The share of input features that training drops, the same ones at every step; from 0 to below 1, default 0. */
  readonly dropout?: number
  /**
   * The share of the state that training drops before the recurrent product, the same units at every step, each gate others (Gal and Ghahramani 2016); from 0 to
   * below 1, default 0. As in Keras, each gate then drops other input features, too. Training takes the cell's single steps, about three times as long.
   */
  readonly recurrentDropout?: number
  /** Makes what is dropped repeatable whatever the model's seed. */
  readonly seed?: number | null
}

/** The checks of {@link CellOptions}. */
export const cellChecks: Readonly<Record<string, Check>> = {
  units: integer(1),
  activation: orNull(activationCheck),
  useBias: flag,
  kernelInitializer: initializerCheck,
  recurrentInitializer: initializerCheck,
  biasInitializer: initializerCheck,
  dropout: number(0, 1),
  recurrentDropout: number(0, 1),
  seed: optionalSeed,
}

/** Refuses with `ERR_UNSUPPORTED` an activation that layers know and recurrent kernels do not. */
export function requireCellActivation(where: string, name: string, value: string | null | undefined): void {
  if (value !== undefined && value !== null && !cellActivationCheck.accepts(value)) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where}: ${name} '${value}' is not supported; it must be ${cellActivationCheck.expected}`,
    )
  }
}
