import { SeqloomError } from '../../errors.js'
import type { Initializer } from '../../initializers/initializer.js'
import type { WeightRules } from '../builder.js'
import type { Location } from './location.js'
import { type Attributes, operation } from './operation.js'
import { problem } from './shapes.js'
import { maxRank, type Size, show, substitute, type TracedDim, type TracedShape, unify } from './size.js'

/** An input of a traced function: its name and its shape, the batch included where it has one. */
export interface ProgramInput {
  readonly name: string
  readonly shape: TracedShape
}

/** A weight of a traced function. */
export interface ProgramWeight extends WeightRules {
  readonly name: string
  readonly shape: readonly Size[]
  readonly initializer: Initializer
}

/** An operation on values; these are numbered: inputs, then weights, then operations. */
export interface ProgramNode {
  readonly op: string
  readonly inputs: readonly number[]
  readonly attributes: Attributes
  /** The user's line. */
  readonly at: Location
}

/** A traced function as its operations. */
export interface Program {
  /** What messages call it: `cell 'lstm'`. */
  readonly label: string
  readonly inputs: readonly ProgramInput[]
  readonly weights: readonly ProgramWeight[]
  readonly nodes: readonly ProgramNode[]
  readonly outputs: readonly number[]
}

/** A program whose names of sizes have become numbers, as far as the inputs tell. */
export interface Resolved {
  readonly program: Program
  /** The shape of every value. */
  readonly shapes: readonly TracedShape[]
}

/** The result's shape; an error names the function, the operation and the user's line. */
export function inferAt(
  label: string,
  op: string,
  inputs: readonly TracedShape[],
  attributes: Attributes,
  at: Location,
): TracedShape {
  try {
    const shape = operation(op).infer(inputs, attributes as never)
    if (shape.length > maxRank)
      throw problem(`values have at most ${maxRank} dimensions, this would have ${show(shape)}`)
    return shape
  } catch (error) {
    if (!(error instanceof SeqloomError)) throw error
    throw new SeqloomError(error.code, located(label, nameOf(op, attributes), at, error.message))
  }
}

/** A message with the function, what was called and the user's line in front. */
export function located(label: string, what: string, at: Location, message: string): string {
  const place = String(at)
  return `${label}: ${what}${place ? ` at ${place}` : ''}: ${message}`
}

/** What the methods of values are called where operations have other names. */
const methods: Readonly<Record<string, string>> = {
  subtract: 'sub',
  multiply: 'mul',
  divide: 'div',
  concatenate: 'concat',
  normalize: 'layerNorm',
}

/** How users call an operation. */
export function nameOf(op: string, { kind }: Attributes): string {
  const name = typeof kind === 'string' ? kind : op
  return methods[name] ?? name
}

/**
 * Finds the sizes that the inputs' shapes stand for and checks every operation again with them. `ERR_SHAPE` names the
 * input that does not fit, or the user's line. Names that the inputs do not tell stay names.
 */
export function bind(program: Program, given: readonly TracedShape[]): Resolved {
  const sizes = new Map<string, TracedDim>()
  const inputs = program.inputs.map(({ name, shape }, index) => {
    const actual = given[index] as TracedShape
    const expected = shape.map((dim) => substitute(dim, sizes))
    const wrong = () =>
      new SeqloomError(
        'ERR_SHAPE',
        `${program.label}: expected '${name}' of shape ${show(expected)}, got ${show(actual)}`,
      )
    if (actual.length !== expected.length) throw wrong()
    return expected.map((dim, axis) => {
      const found = actual[axis] as TracedDim
      const both = unify(dim, found)
      if (both === undefined) throw wrong()
      const unknownName = typeof dim === 'string' && !dim.includes(' ') && !sizes.has(dim)
      if (unknownName && found !== null && dim !== found) sizes.set(dim, found)
      return both
    })
  })
  const known = (shape: TracedShape): TracedShape => shape.map((dim) => substitute(dim, sizes))
  const weights = program.weights.map((weight): ProgramWeight => ({ ...weight, shape: known(weight.shape) as Size[] }))
  const shapes: TracedShape[] = [...inputs.map(known), ...weights.map(({ shape }) => shape)]
  const nodes = program.nodes.map((node): ProgramNode => {
    const attributes = substituteAttributes(node.attributes, sizes)
    const operands = node.inputs.map((id) => shapes[id] as TracedShape)
    shapes.push(inferAt(program.label, node.op, operands, attributes, node.at))
    return { ...node, attributes }
  })
  return { program: { ...program, weights, nodes }, shapes }
}

/** As {@link bind}, where the shapes of all weights must become numbers, or it is `ERR_SHAPE`. */
export function resolve(program: Program, given: readonly TracedShape[]): Resolved {
  const resolved = bind(program, given)
  for (const { name, shape } of resolved.program.weights) {
    if (shape.every((dim) => typeof dim === 'number')) continue
    throw new SeqloomError(
      'ERR_SHAPE',
      `${program.label}: the shape ${show(shape)} of weight '${name}' is not known; its names must be known sizes of the inputs`,
    )
  }
  return resolved
}

function substituteAttributes(attributes: Attributes, sizes: ReadonlyMap<string, TracedDim>): Attributes {
  const { shape } = attributes
  if (!Array.isArray(shape)) return attributes
  return { ...attributes, shape: shape.map((dim: Size | null) => substitute(dim, sizes)) }
}
