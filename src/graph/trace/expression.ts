import type { GraphBuilder, Value } from '../builder.js'
import { lowerProgram, type Sink } from './lower.js'
import { type ProgramInput, type ProgramWeight, resolve } from './program.js'
import { batch } from './size.js'
import { SymbolicValue } from './symbolic.js'
import { Trace } from './trace.js'

type Expression = (x: SymbolicValue) => SymbolicValue

function lowerOne(
  builder: GraphBuilder,
  name: string,
  given: { readonly input?: Value; readonly weight?: number; readonly shape: readonly (number | null)[] },
  expression: Expression,
): Value {
  const { input, weight } = given
  const inputs: ProgramInput[] = input ? [{ name: 'x', shape: [batch, ...given.shape.slice(1)] }] : []
  const shape = given.shape as number[]
  const weights: ProgramWeight[] = input ? [] : [{ name: 'w', shape, initializer: { kind: 'zeros' } }]
  const trace = new Trace(name, inputs, weights)
  const id = SymbolicValue.idIn(trace, expression(new SymbolicValue(trace, 0)), 'the result')
  const node: Sink['node'] = (op, from, used, result, attributes = {}) =>
    builder.node(op, `${name}/${op}`, from, used, [result], attributes)[0] as Value
  const sink: Sink = {
    stepwise: false,
    node,
    mask: (_, value) => node('sequenceMask', [value], [], value.shape.slice(0, 2)),
  }
  const resolved = resolve(
    trace.finish([id]),
    inputs.map((each) => each.shape),
  )
  return lowerProgram(resolved, sink, input ? [input] : [], weight === undefined ? [] : [weight])[0] as Value
}

/** Adds an expression of a weight, which is its number in the graph, to a graph. */
export const lowerOfWeight = (
  builder: GraphBuilder,
  name: string,
  weight: { readonly index: number; readonly shape: readonly number[] },
  expression: Expression,
): Value => lowerOne(builder, name, { weight: weight.index, shape: weight.shape }, expression)

/** Adds an expression of a value with a batch to a graph. */
export const lowerOfValue = (builder: GraphBuilder, name: string, input: Value, expression: Expression): Value =>
  lowerOne(builder, name, { input, shape: input.shape }, expression)
