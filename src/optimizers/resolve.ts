import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import * as optimizers from './index.js'
import type { Optimizer, OptimizerKind } from './optimizer.js'

const factories: Readonly<Record<OptimizerKind, (options?: object) => Optimizer>> = {
  sgd: optimizers.sgd,
  adam: optimizers.adam,
  adamw: optimizers.adamw,
  nadam: optimizers.nadam,
  adamax: optimizers.adamax,
  rmsprop: optimizers.rmsprop,
  adagrad: optimizers.adagrad,
  adadelta: optimizers.adadelta,
}

/**
 * The optimizer that a name stands for with its defaults, or that an object describes. `ERR_OPTION` for anything else.
 */
export function resolveOptimizer(given: unknown): Optimizer {
  const kind = isRecord(given) ? given.kind : given
  if (typeof kind !== 'string' || !Object.hasOwn(factories, kind)) {
    const names = Object.keys(factories).join("', '")
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: optimizer must be one of '${names}', or what optimizers.* returns, not ${describe(given)}`,
    )
  }
  const { kind: _, ...options } = isRecord(given) ? given : { kind }
  return factories[kind as OptimizerKind](options)
}
