import { SeqloomError } from '../errors.js'
import { type Initializer, type InitializerName, initializerCheck } from '../initializers/initializer.js'
import { type Check, flag, integer, number } from '../options.js'
import { activationCheck, type CellActivation, cellActivationCheck } from './activations.js'

/** Options of recurrent layers and of most ready-made cells. */
export interface CellOptions {
  /** The size of the state, and of each step's output. */
  readonly units: number
  /** The activation of the candidate and the output; default `'tanh'`. */
  readonly activation?: CellActivation
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
}

/** The checks of {@link CellOptions}. */
export const cellChecks: Readonly<Record<string, Check>> = {
  units: integer(1),
  activation: activationCheck,
  useBias: flag,
  kernelInitializer: initializerCheck,
  recurrentInitializer: initializerCheck,
  biasInitializer: initializerCheck,
  dropout: number(0, 1),
}

/** Refuses with `ERR_UNSUPPORTED` an activation that layers know and recurrent kernels do not. */
export function requireCellActivation(where: string, name: string, value: string | undefined): void {
  if (value !== undefined && !cellActivationCheck.accepts(value)) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where}: ${name} '${value}' is not supported; it must be ${cellActivationCheck.expected}`,
    )
  }
}
