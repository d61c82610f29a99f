import type { WeightRules } from '../graph/builder.js'
import type { Initializer, InitializerName } from '../initializers/initializer.js'
import { activationCheck, type CellActivation } from '../layers/activations.js'
import { type CellOptions, cellChecks, requireCellActivation } from '../layers/cellOptions.js'
import { ruleChecks, rulesOf } from '../layers/weightRules.js'
import { type Check, checkOptions, flag, label, orNull } from '../options.js'
import { cellRoles } from './ruled.js'

/** Options of cells with gates. */
export interface GatedCellOptions extends CellOptions {
  /** The activation of the gates; default `'sigmoid'`, and null is `'linear'`. */
  readonly recurrentActivation?: CellActivation | null
}

/** Options of cells that are LSTMs. */
export interface LSTMCellOptions extends GatedCellOptions {
  /** Whether the forget gate's bias starts at one (Jozefowicz et al. 2015); default true. */
  readonly unitForgetBias?: boolean
}

/** The checks that cells with gates add. */
export const gatedChecks: Readonly<Record<string, Check>> = { recurrentActivation: orNull(activationCheck) }

/** The checks that LSTMs add. */
export const lstmChecks: Readonly<Record<string, Check>> = { ...gatedChecks, unitForgetBias: flag }

/** Options of tfjs's and Keras's cells that are accepted with these values only, which ask for nothing. */
const refused: Readonly<Record<string, readonly unknown[]>> = {
  implementation: [0, 1, 2],
  dropoutFunc: [null],
  dtype: [null, 'float32'],
}

/** Options of gated cells that cells without options for them refuse, with what to do instead. */
export const ofLayers: Readonly<Record<string, readonly unknown[]>> = {
  dropout: [0],
  recurrentDropout: [0],
  zoneout: [0],
  ...Object.fromEntries(Object.keys(ruleChecks(cellRoles)).map((name) => [name, [null]])),
}

/** What options ask of a cell's weight, for its declaration. */
export function rulesFor(options: CellOptions, role: 'kernel' | 'recurrent' | 'bias'): WeightRules {
  return rulesOf(cellRoles, options).get(role) ?? {}
}

/** Checks the options of a ready-made cell: `ERR_OPTION`, `ERR_UNSUPPORTED` for what other packages have. */
export function checkCell(name: string, options: CellOptions, own: Readonly<Record<string, Check>> = {}): void {
  const where = `cells.${name}`
  const required = ['units', ...Object.keys(own).filter((each) => each === 'projection')]
  checkOptions(where, options, {
    accepted: { ...cellChecks, ...ruleChecks(cellRoles), ...own, name: orNull(label), trainable: flag },
    required,
    refused,
  })
  for (const each of ['activation', 'recurrentActivation'] as const) {
    requireCellActivation(where, each, (options as GatedCellOptions)[each])
  }
}

/** The activations that options name: null is none. */
export function activationsOf(options: GatedCellOptions): {
  readonly activation: CellActivation
  readonly recurrentActivation: CellActivation
} {
  const { activation = 'tanh', recurrentActivation = 'sigmoid' } = options
  return { activation: activation ?? 'linear', recurrentActivation: recurrentActivation ?? 'linear' }
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
