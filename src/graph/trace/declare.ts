import {
  type Constraint,
  type ConstraintName,
  constraintCheck,
  resolveConstraint,
} from '../../constraints/constraint.js'
import { describe, SeqloomError } from '../../errors.js'
import {
  type Initializer,
  type InitializerName,
  initializerCheck,
  resolveInitializer,
} from '../../initializers/initializer.js'
import { isRecord } from '../../options.js'
import {
  type Regularizer,
  type RegularizerName,
  regularizerCheck,
  resolveRegularizer,
} from '../../regularizers/regularizer.js'
import type { WeightRules } from '../builder.js'
import type { Parts } from './operands.js'
import type { ProgramInput, ProgramWeight } from './program.js'
import { batch, canonical, isSize, maxRank, type Size } from './size.js'
import { SymbolicValue } from './symbolic.js'
import type { Trace } from './trace.js'

/** The shape of a value of one row, without the batch: one size, or an array of them. */
export type RowShape = Size | readonly Size[]

/** A weight with its initializer. */
export interface WeightOptions {
  /** Numbers, or names of sizes of the inputs. */
  readonly shape: readonly Size[]
  /** Default `'glorotUniform'`; `'zeros'` for vectors. */
  readonly initializer?: InitializerName | Initializer
  /** What it adds to the loss in training. */
  readonly regularizer?: Regularizer | RegularizerName | null
  /** What it is made to fulfil after every step. */
  readonly constraint?: Constraint | ConstraintName | null
}

/** A weight: its shape, or its shape with an initializer. */
export type WeightDeclaration = readonly Size[] | WeightOptions

/** Weights by name; a list of declarations gives a list of weights. */
export type WeightDeclarations = Readonly<Record<string, WeightDeclaration | readonly WeightDeclaration[]>>

/** The symbolic values of declared names. */
export type ValuesOf<Names> = { readonly [Name in keyof Names]: SymbolicValue }

/** The symbolic values of declared weights. */
export type WeightsOf<Weights> = {
  readonly [Name in keyof Weights]: Weights[Name] extends readonly WeightDeclaration[]
    ? Parts<Weights[Name]['length']>
    : SymbolicValue
}

const identifier = /^[A-Za-z_]\w*$/

const wrong = (where: string, message: string): SeqloomError => new SeqloomError('ERR_OPTION', `${where}: ${message}`)

/** Declared inputs with the batch in front. `ERR_OPTION` for names and shapes that are none. */
export function declareInputs(where: string, what: string, given: unknown): ProgramInput[] {
  if (!isRecord(given)) throw wrong(where, `${what} must be an object of shapes by name, not ${describe(given)}`)
  return Object.entries(given).map(([name, shape]) => {
    checkName(where, name)
    const sizes = Array.isArray(shape) ? shape : [shape]
    if (sizes.length >= maxRank || !sizes.every((size) => isSize(size) && size !== batch)) {
      throw wrong(
        where,
        `the shape of '${name}' must be a size or an array of them, without the batch; a size is a positive integer or a name, not ${describe(shape)}`,
      )
    }
    return { name, shape: [batch, ...sizes.map(canonical)] }
  })
}

/** Declared weights, and for each declaration the numbers of its weights: one, or several of a list. */
export interface DeclaredWeights {
  readonly weights: readonly ProgramWeight[]
  readonly groups: Readonly<Record<string, number | readonly number[]>>
}

/** Checks declared weights and gives them their initializers. `ERR_OPTION`. */
export function declareWeights(where: string, given: unknown): DeclaredWeights {
  if (!isRecord(given)) throw wrong(where, `weights must be an object of shapes by name, not ${describe(given)}`)
  const weights: ProgramWeight[] = []
  const groups: Record<string, number | readonly number[]> = {}
  for (const [name, declaration] of Object.entries(given)) {
    checkName(where, name)
    groups[name] = isList(declaration)
      ? declaration.map((each, index) => weights.push(declareWeight(where, `${name}_${index}`, each)) - 1)
      : weights.push(declareWeight(where, name, declaration)) - 1
  }
  const names = weights.map((weight) => weight.name)
  const repeated = names.find((name, index) => names.indexOf(name) !== index)
  if (repeated !== undefined) throw wrong(where, `two weights are named '${repeated}'`)
  return { weights, groups }
}

function declareWeight(where: string, name: string, declaration: unknown): ProgramWeight {
  const { shape, initializer, regularizer, constraint, ...others }: Record<string, unknown> = Array.isArray(declaration)
    ? { shape: declaration }
    : isRecord(declaration)
      ? declaration
      : { shape: undefined }
  const unknown = Object.keys(others)[0]
  if (unknown !== undefined)
    throw wrong(
      where,
      `weight '${name}' has no option '${unknown}'; it has shape, initializer, regularizer and constraint`,
    )
  if (
    !Array.isArray(shape) ||
    shape.length === 0 ||
    shape.length >= maxRank ||
    !shape.every((size) => isSize(size) && size !== batch)
  ) {
    throw wrong(
      where,
      `weight '${name}' must be an array of sizes, such as ['features', 8], or { shape, initializer }, not ${describe(declaration)}`,
    )
  }
  if (initializer !== undefined && !initializerCheck.accepts(initializer)) {
    throw wrong(
      where,
      `the initializer of weight '${name}' must be ${initializerCheck.expected}, not ${describe(initializer)}`,
    )
  }
  const standard: InitializerName = shape.length === 1 ? 'zeros' : 'glorotUniform'
  return {
    name,
    shape: shape.map(canonical),
    initializer: resolveInitializer((initializer as InitializerName | Initializer | undefined) ?? standard),
    ...declaredRules(`${where}: weight '${name}'`, { regularizer, constraint }),
  }
}

/** What a declaration, or a saved weight, asks of a weight. `ERR_OPTION`. */
export function declaredRules(where: string, given: Readonly<Record<string, unknown>>): WeightRules {
  for (const [name, check] of Object.entries({ regularizer: regularizerCheck, constraint: constraintCheck })) {
    if (given[name] === undefined || check.accepts(given[name])) continue
    throw wrong(where, `the ${name} must be ${check.expected}, not ${describe(given[name])}`)
  }
  const regularizer = resolveRegularizer(given.regularizer as Regularizer | null | undefined)
  const constraint = resolveConstraint(given.constraint as Constraint | null | undefined)
  return { ...(regularizer && { regularizer }), ...(constraint && { constraint }) }
}

const isList = (value: unknown): value is readonly unknown[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => Array.isArray(each) || isRecord(each))

function checkName(where: string, name: string): void {
  if (!identifier.test(name))
    throw wrong(where, `${describe(name)} is no name: letters, digits and _, such as 'kernel'`)
}

/** Refuses a name that is declared twice. */
export function requireDistinct(where: string, inputs: readonly ProgramInput[]): void {
  const names = inputs.map(({ name }) => name)
  const repeated = names.find((name, index) => names.indexOf(name) !== index)
  if (repeated !== undefined)
    throw wrong(where, `'${repeated}' is declared twice; inputs, states and constants need different names`)
}

/** The values of declared weights by name, which follow `first` inputs in a trace. */
export function weightRecord(
  trace: Trace,
  first: number,
  { groups }: DeclaredWeights,
): Readonly<Record<string, SymbolicValue | readonly SymbolicValue[]>> {
  const value = (index: number) => new SymbolicValue(trace, first + index)
  const entries = Object.entries(groups).map(([name, index]) => {
    return [name, typeof index === 'number' ? value(index) : index.map(value)] as const
  })
  return Object.fromEntries(entries)
}
