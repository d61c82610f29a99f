import type { Constraint } from '../../constraints/constraint.js'
import type { WeightRules } from '../../graph/builder.js'
import { isRecord } from '../../options.js'
import type { Regularizer } from '../../regularizers/regularizer.js'
import type { Dialect } from './classes.js'
import { camelCase, snakeCase } from './saved.js'

// Regularizers and constraints, as Keras and TensorFlow.js save them: a class with its options, or a name.

/** Ours by Keras's class. */
const kinds: Readonly<Record<string, Regularizer['kind'] | Constraint['kind']>> = {
  L1: 'l1',
  L2: 'l2',
  L1L2: 'l1l2',
  MaxNorm: 'maxNorm',
  MinMaxNorm: 'minMaxNorm',
  NonNeg: 'nonNeg',
  UnitNorm: 'unitNorm',
}

/** Ours by the names that stand for a class with its defaults. */
const named: Readonly<Record<string, string>> = { l1_l2: 'L1L2', l1l2: 'L1L2', l1: 'L1', l2: 'L2' }

/** Whether an option of a layer is a regularizer or a constraint. */
export const isRule = (key: string): boolean => /_(regularizer|constraint)$/.test(key)

/** A saved regularizer or constraint as ours; undefined for one that we have not. */
export function ruleOf(saved: unknown): Record<string, unknown> | undefined {
  const [given, config] = isRecord(saved) ? [saved.class_name ?? saved.className, saved.config] : [saved, {}]
  if (typeof given !== 'string') return undefined
  const className = Object.hasOwn(named, given) ? named[given] : classNamed(given)
  const kind = className !== undefined && Object.hasOwn(kinds, className) ? kinds[className] : undefined
  if (kind === undefined) return undefined
  const options = Object.entries(isRecord(config) ? config : {}).filter(([, value]) => value !== null)
  return { kind, ...Object.fromEntries(options.map(([key, value]) => [camelCase(key), value])) }
}

/** `max_norm` and `maxNorm` as `MaxNorm`. */
const classNamed = (name: string): string => {
  const camel = camelCase(name)
  return `${camel.slice(0, 1).toUpperCase()}${camel.slice(1)}`
}

/** A regularizer or a constraint of ours as a program saves it. */
export function savedRule(rule: Regularizer | Constraint, dialect: Dialect): unknown {
  const { kind, ...options } = rule
  const config = Object.fromEntries(Object.entries(options).map(([key, value]) => [snakeCase(key), value]))
  const isRegularizer = kind === 'l1' || kind === 'l2' || kind === 'l1l2'
  // TensorFlow.js has one class for all.
  if (isRegularizer && dialect === 'tfjs') return { class_name: 'L1L2', config: { l1: 0, l2: 0, ...config } }
  const [className] = Object.entries(kinds).find(([, ours]) => ours === kind) as [string, unknown]
  if (dialect !== 'keras3') return { class_name: className, config }
  const module = isRegularizer ? 'keras.regularizers' : 'keras.constraints'
  return { module, class_name: className, config, registered_name: null }
}

/** What is asked of weights, by options of ours, under Keras's names. */
export function savedRules(options: Readonly<Record<string, unknown>>, dialect: Dialect): Record<string, unknown> {
  const own = Object.entries(options).filter(([key]) => isRule(snakeCase(key)))
  return Object.fromEntries(own.map(([key, rule]) => [snakeCase(key), savedRule(rule as Regularizer, dialect)]))
}

/** What is asked of a cell's weights by name, under Keras's names. */
export function savedCellRules(weights: ReadonlyMap<string, WeightRules>, dialect: Dialect): Record<string, unknown> {
  const roles = [
    ['kernel', 'kernel'],
    ['recurrent_kernel', 'recurrent'],
    ['bias', 'bias'],
  ] as const
  return Object.fromEntries(
    roles.flatMap(([name, role]) => {
      const { regularizer, constraint } = weights.get(name) ?? {}
      return [
        ...(regularizer ? [[`${role}_regularizer`, savedRule(regularizer, dialect)]] : []),
        ...(constraint ? [[`${role}_constraint`, savedRule(constraint, dialect)]] : []),
      ]
    }),
  )
}
