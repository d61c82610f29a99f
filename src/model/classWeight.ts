import { describe, reading, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import type { TrainPlan } from './compile.js'

/** A factor for the loss of every row or step by its class: `{ 0: 1, 1: 10 }`. Classes that are left out have 1. */
export type ClassWeight = Readonly<Record<number, number>>

const categorical: readonly string[] = ['sparseCategoricalCrossentropy', 'categoricalCrossentropy']

/**
 * The factors of all classes, in order; none if none were given. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED` for several
 * outputs.
 */
export function classWeights(where: string, { trained }: TrainPlan, given: unknown): readonly number[] {
  if (given === undefined || given === null) return []
  const [output] = trained
  if (!output || trained.length > 1) {
    throw new SeqloomError('ERR_UNSUPPORTED', `${where}: classWeight is for models with one trained output`)
  }
  const { kind } = output.loss
  const columns = output.shape.at(-1) as number
  const classes = categorical.includes(kind) ? columns : kind === 'binaryCrossentropy' && columns === 1 ? 2 : 0
  if (classes === 0) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: classWeight needs classes: a categorical cross-entropy, or a binary one of one value; the loss is ${kind}`,
    )
  }
  if (!isRecord(given)) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: classWeight must be an object of factors by class, not ${describe(given)}`,
    )
  }
  const weights = new Array<number>(classes).fill(1)
  for (const [name, factor] of reading('ERR_OPTION', `${where}: classWeight`, () => Object.entries(given))) {
    const index = Number(name)
    if (!Number.isInteger(index) || index < 0 || index >= classes) {
      throw new SeqloomError(
        'ERR_OPTION',
        `${where}: classWeight has the class '${name}'; classes are 0 to ${classes - 1}`,
      )
    }
    if (typeof factor !== 'number' || !Number.isFinite(factor) || factor < 0) {
      throw new SeqloomError(
        'ERR_OPTION',
        `${where}: classWeight of class ${name} must be a finite number of at least 0, not ${describe(factor)}`,
      )
    }
    weights[index] = factor
  }
  return weights
}
