import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import type { Optimizer, OptimizerKind } from './rules.js'
import * as functions from './rules.js'

/** The functions that make optimizers, by kind. */
export const rules = functions as unknown as Readonly<Record<OptimizerKind, (options?: object) => Optimizer>>

/** Kinds whose formula became a choice: those that were saved before have PyTorch's. */
const chosenLater: readonly unknown[] = [
  'rmsprop',
  'nadam',
  'sgd',
  'adam',
  'adamw',
  'adamax',
  'adagrad',
] satisfies OptimizerKind[]

/** What is saved of how a model is compiled, with what earlier versions did not say of its optimizer. */
export function upgraded(options: unknown): unknown {
  const optimizer = isRecord(options) ? options.optimizer : undefined
  if (!isRecord(optimizer) || !chosenLater.includes(optimizer.kind) || optimizer.formula !== undefined) return options
  return { ...(options as object), optimizer: resolveOptimizer({ ...optimizer, formula: 'pytorch' }) }
}

/**
 * The optimizer that a name stands for with its defaults, or that an object describes. `ERR_OPTION` for anything else.
 */
export function resolveOptimizer(given: unknown): Optimizer {
  const kind = isRecord(given) ? given.kind : given
  if (typeof kind !== 'string' || !Object.hasOwn(rules, kind)) {
    const names = Object.keys(rules).join("', '")
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: optimizer must be one of '${names}', or what optimizers.* returns, not ${describe(given)}`,
    )
  }
  const { kind: _, ...options } = isRecord(given) ? given : { kind }
  return rules[kind as OptimizerKind](options)
}
