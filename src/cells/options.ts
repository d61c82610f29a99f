import { SeqloomError } from '../errors.js'
import { type Initializer, type InitializerName, initializerCheck } from '../initializers/initializer.js'
import { activationCheck, type CellActivation, cellActivationCheck } from '../layers/activations.js'
import { type Check, checkOptions, flag, integer, number } from '../options.js'

/** Options that most ready-made cells have. */
export interface CellOptions {
  /** The size of the state. */
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

/** Options of cells with gates. */
export interface GatedCellOptions extends CellOptions {
  /** The activation of the gates; default `'sigmoid'`. */
  readonly recurrentActivation?: CellActivation
}

/** Options of cells that are LSTMs. */
export interface LSTMCellOptions extends GatedCellOptions {
  /** Whether the forget gate's bias starts at one (Jozefowicz et al. 2015); default true. */
  readonly unitForgetBias?: boolean
}

const checks: Readonly<Record<string, Check>> = {
  units: integer(1),
  activation: activationCheck,
  useBias: flag,
  kernelInitializer: initializerCheck,
  recurrentInitializer: initializerCheck,
  biasInitializer: initializerCheck,
  dropout: number(0, 1),
}

/** The checks that cells with gates add. */
export const gatedChecks: Readonly<Record<string, Check>> = { recurrentActivation: activationCheck }

/** The checks that LSTMs add. */
export const lstmChecks: Readonly<Record<string, Check>> = { ...gatedChecks, unitForgetBias: flag }

/** Options of tfjs's and Keras's cells that ask for nothing when they have these values. */
const refused: Readonly<Record<string, readonly unknown[]>> = {
  recurrentDropout: [0],
  implementation: [1, 2],
  seed: [null],
  name: [],
  dtype: [null, 'float32'],
  kernelRegularizer: [null],
  recurrentRegularizer: [null],
  biasRegularizer: [null],
  kernelConstraint: [null],
  recurrentConstraint: [null],
  biasConstraint: [null],
}

/** Checks the options of a ready-made cell: `ERR_OPTION`, `ERR_UNSUPPORTED` for what other packages have. */
export function checkCell(name: string, options: CellOptions, own: Readonly<Record<string, Check>> = {}): void {
  const where = `cells.${name}`
  const required = ['units', ...Object.keys(own).filter((each) => each === 'projection')]
  checkOptions(where, options, { accepted: { ...checks, ...own }, required, refused })
  for (const each of ['activation', 'recurrentActivation'] as const) {
    const value = (options as GatedCellOptions)[each]
    if (value === undefined || cellActivationCheck.accepts(value)) continue
    throw new SeqloomError('ERR_UNSUPPORTED', `${where}: ${each} '${value}' must be ${cellActivationCheck.expected}`)
  }
}

/** The initializer of an LSTM's bias. */
export function lstmBias({
  biasInitializer = 'zeros',
  unitForgetBias = true,
}: LSTMCellOptions): InitializerName | Initializer {
  if (!unitForgetBias) return biasInitializer
  const base: Initializer =
    typeof biasInitializer === 'string' ? ({ kind: biasInitializer } as Initializer) : biasInitializer
  return { kind: 'lstmBias', base }
}
