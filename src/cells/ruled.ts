import { SeqloomError } from '../errors.js'
import { roleOf, rulesOf } from '../layers/weightRules.js'
import { Cell } from './cell.js'

/** What options call the weights of cells. */
export const cellRoles = ['kernel', 'recurrent', 'bias'] as const

/** The role of a weight of a cell, which may be one of a stack (`lstm_1/kernel`) or of several (`kernels_0`). */
const roleIn = (weight: string): string => roleOf(weight.slice(weight.lastIndexOf('/') + 1).replace(/(e?s)?_\d+$/, ''))

/**
 * A cell of whose weights more is asked: what `options` say of those of a role, unless a weight has such a rule of its
 * own. `ERR_OPTION` where no weight has the role.
 */
export function ruled(where: string, cell: Cell, options: object): Cell {
  const rules = rulesOf(cellRoles, options)
  if (rules.size === 0) return cell
  const { name, inputs, states, constants, outputs, program } = cell
  const missing = [...rules.keys()].find((role) => !program.weights.some((weight) => roleIn(weight.name) === role))
  if (missing !== undefined) {
    const rule = Object.keys(options).find((option) => option.startsWith(missing))
    const all = program.weights.map((weight) => weight.name).join(', ')
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: ${rule} is for weights called ${missing === 'recurrent' ? 'recurrent_kernel' : missing}; ${
        all === '' ? `cell '${name}' has no weights` : `those of cell '${name}' are ${all}`
      } (a weight of defineCell may have rules of its own: { shape, regularizer, constraint })`,
    )
  }
  const weights = program.weights.map((weight) => ({ ...rules.get(roleIn(weight.name)), ...weight }))
  return new Cell(name, { inputs, states, constants, outputs }, { ...program, weights })
}
