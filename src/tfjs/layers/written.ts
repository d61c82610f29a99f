import { type TracedFunctionOf, traceFunction } from '../../graph/trace/function.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import { DefinedLayer } from '../../layers/defineLayer.js'
import type { SymbolicTensor as Value } from '../../layers/layer.js'
import { maskedLike, unmasked } from './masks.js'
import type { ComposedActivation } from './options.js'

/** A function of symbolic values, and of weights if a layer declares some. */
export type Written = (
  values: readonly SymbolicValue[],
  weights: Readonly<Record<string, SymbolicValue>>,
) => SymbolicValue | readonly SymbolicValue[]

/** A weight of a written layer. */
export interface WrittenWeight {
  readonly shape: readonly number[]
  readonly initializer: never
  readonly regularizer?: never
  readonly constraint?: never
}

/** A function of inputs of these shapes as operations of ours. */
export function tracedOf(
  name: string,
  inputs: readonly Value[],
  call: Written,
  weights: Readonly<Record<string, WrittenWeight>> = {},
): TracedFunctionOf {
  // Sizes that are not known are the same where they stand at the same place: batches of sequences.
  const declared = inputs.map(({ shape }, at) => [
    `x${at}`,
    shape.slice(1).map((size, axis) => size ?? `size${axis + 1}`),
  ])
  return traceFunction(
    name,
    Object.fromEntries(declared),
    weights,
    (values: Readonly<Record<string, SymbolicValue>>, given: Readonly<Record<string, SymbolicValue>>) =>
      call(Object.values(values), given),
  )
}

/** Applies a function to values of ours, all steps of which count. */
export function written(name: string, values: readonly Value[], call: Written): Value {
  const plain = values.map(unmasked)
  const { program, outputCount } = tracedOf(name, plain, call)
  return maskedLike(new DefinedLayer(name, program, outputCount, {}).apply(plain) as Value, values)
}

/** Activations that are several operations here. */
const composed: Readonly<Record<ComposedActivation, (x: SymbolicValue) => SymbolicValue>> = {
  gelu_new: (x) => {
    const inner = x.add(x.mul(x).mul(x).mul(0.044715)).mul(Math.sqrt(2 / Math.PI))
    return x.mul(0.5).mul(inner.tanh().add(1))
  },
}

/** Applies an activation that is written out, if one is given. */
export const activated = (value: Value, after: ComposedActivation | undefined): Value =>
  after === undefined ? value : written(after, [value], ([x]) => composed[after](x as SymbolicValue))
