import { type Constraint, type ConstraintName, constraintCheck, resolveConstraint } from '../constraints/constraint.js'
import type { WeightRules } from '../graph/builder.js'
import type { Check } from '../options.js'
import {
  type Regularizer,
  type RegularizerName,
  regularizerCheck,
  resolveRegularizer,
} from '../regularizers/regularizer.js'

/** @inline A regularizer as an option: an object, a name, or null for none. */
export type GivenRegularizer = Regularizer | RegularizerName | null

/** @inline A constraint as an option: an object, a name, or null for none. */
export type GivenConstraint = Constraint | ConstraintName | null

/**
 * What is asked of a layer's weights in training, by their names in options: `kernelRegularizer` adds to the loss, `kernelConstraint` changes the weight after
 * every step. Only weights that are trained are meant.
 */
export type RuleOptions<Role extends string> = {
  readonly [Name in `${Role}Regularizer`]?: GivenRegularizer
} & { readonly [Name in `${Role}Constraint`]?: GivenConstraint }

/** The checks of {@link RuleOptions}. */
export function ruleChecks(roles: readonly string[]): Readonly<Record<string, Check>> {
  return Object.fromEntries(
    roles.flatMap((role) => [
      [`${role}Regularizer`, regularizerCheck],
      [`${role}Constraint`, constraintCheck],
    ]),
  )
}

/** What options ask of the weights of some roles. */
export function rulesOf(roles: readonly string[], options: object): ReadonlyMap<string, WeightRules> {
  const given = options as Readonly<Record<string, GivenRegularizer | GivenConstraint | undefined>>
  const found = new Map<string, WeightRules>()
  for (const role of roles) {
    const regularizer = resolveRegularizer(given[`${role}Regularizer`] as GivenRegularizer | undefined)
    const constraint = resolveConstraint(given[`${role}Constraint`] as GivenConstraint | undefined)
    if (regularizer || constraint) {
      found.set(role, { ...(regularizer && { regularizer }), ...(constraint && { constraint }) })
    }
  }
  return found
}

/** The options that {@link rulesOf} reads the same from. */
export function ruleConfig(rules: ReadonlyMap<string, WeightRules>): Record<string, Regularizer | Constraint> {
  return Object.fromEntries(
    [...rules].flatMap(([role, { regularizer, constraint }]) => [
      ...(regularizer ? [[`${role}Regularizer`, regularizer] as const] : []),
      ...(constraint ? [[`${role}Constraint`, constraint] as const] : []),
    ]),
  )
}

/** What options call a weight: `'recurrent'` the recurrent_kernel, `'kernel'` the query_kernel. */
export const roleOf = (weight: string): string =>
  /^(recurrent|depthwise|pointwise)_kernel$/.exec(weight)?.[1] ?? weight.slice(weight.lastIndexOf('_') + 1)
