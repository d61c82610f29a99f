import { constraintNames } from '../../constraints/constraint.js'
import { describe, SeqloomError } from '../../errors.js'
import { givenOnly, named } from './options.js'

/** Regularizers and constraints of some weights, as names or what `tf.regularizers.*` and `tf.constraints.*` return. */
export type PenaltyOptions<Names extends string> = {
  [Name in Names as `${Name}Regularizer`]?: string | object
} & { [Name in Names as `${Name}Constraint`]?: string | object }

/** The regularizers and constraints of some weights as ours are. */
export function penalties(where: string, args: object, names: readonly string[]): Record<string, never> {
  const found: Record<string, unknown> = {}
  const given = givenOnly(args) as Record<string, unknown>
  for (const name of names) {
    const regularizer = given[`${name}Regularizer`]
    const constraint = given[`${name}Constraint`]
    if (regularizer !== undefined) found[`${name}Regularizer`] = regularizerOf(where, regularizer)
    if (constraint !== undefined) found[`${name}Constraint`] = constraintOf(where, constraint)
  }
  return found as Record<string, never>
}

/** A regularizer as ours are. */
export function regularizerOf(where: string, given: unknown): unknown {
  const { className, config = {} } = named(given) ?? {}
  const { l1, l2 } = config as { l1?: number; l2?: number }
  switch (className?.toLowerCase()) {
    case 'l1l2':
      return { kind: 'l1l2', l1: l1 ?? 0.01, l2: l2 ?? 0.01 }
    case 'l1':
      return { kind: 'l1l2', l1: l1 ?? 0.01, l2: 0 }
    case 'l2':
      return { kind: 'l1l2', l1: 0, l2: l2 ?? 0.01 }
    default:
      throw new SeqloomError(
        'ERR_OPTION',
        `${where}: unknown regularizer ${describe(given)}; there are 'l1l2' and what tf.regularizers.* returns`,
      )
  }
}

/** A constraint as ours are. */
export function constraintOf(where: string, given: unknown): unknown {
  const { className, config = {} } = named(given) ?? {}
  const kind = constraintNames.find((name) => name.toLowerCase() === className?.toLowerCase())
  if (kind !== undefined) return { kind, ...givenOnly(config) }
  throw new SeqloomError(
    'ERR_OPTION',
    `${where}: unknown constraint ${describe(given)}; there are ${constraintNames.map((name) => `'${name}'`).join(', ')} and what tf.constraints.* returns`,
  )
}
