import type { Cell } from '../../cells/cell.js'
import { defineCell } from '../../cells/defineCell.js'
import { describe, SeqloomError } from '../../errors.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import type { DefinedLayer } from '../../layers/defineLayer.js'
import type { SymbolicTensor as Value } from '../../layers/layer.js'
import { unsupported } from '../failure.js'
import type { Tensor } from '../tensor.js'
import type { Kwargs } from './layer.js'
import { Recorded } from './recorded.js'
import type { LayerVariable } from './variable.js'
import { writtenLayer } from './written.js'

/** A weight that `addWeight` has declared. */
export interface Declared {
  readonly variable: LayerVariable
  readonly initializer: never
  readonly regularizer?: never
  readonly constraint?: never
}

/** A layer of one's own, as far as its recording is concerned. */
export interface Custom {
  readonly name: string
  readonly trainable: boolean
  call(inputs: Tensor | Tensor[], kwargs: Kwargs): Tensor | Tensor[]
}

/** A layer of ours that does what `call` does, which is called once. */
export function recordCall(
  layer: Custom,
  name: string,
  declared: readonly Declared[],
  values: readonly Value[],
  kwargs: Kwargs,
): DefinedLayer {
  return writtenLayer(
    layer.name,
    values,
    (inputs, weights) => called(layer, declared, inputs, weights, kwargs),
    weightsOf(layer, declared),
    { name, trainable: layer.trainable },
  )
}

/** A cell of ours that does what `call` of one's own does, which is called once. */
export function recordCell(
  cell: Custom & { readonly stateSize: number | readonly number[] },
  declared: readonly Declared[],
  features: number,
): Cell {
  const names = [cell.stateSize].flat().map((_, at) => `state${at}`)
  return defineCell({
    name: cell.name.replaceAll('/', '.'),
    inputs: { x: features },
    states: Object.fromEntries(names.map((name, at) => [name, [cell.stateSize].flat()[at] as number])),
    weights: weightsOf(cell, declared),
    step(values, weights) {
      const given = ['x', ...names].map((name) => (values as Record<string, SymbolicValue>)[name] as SymbolicValue)
      const [output, ...states] = called(cell, declared, given, weights as never, {})
      return { output, ...Object.fromEntries(names.map((name, at) => [name, states[at] as SymbolicValue])) } as never
    },
  }) as unknown as Cell
}

function weightsOf(layer: Custom, declared: readonly Declared[]) {
  return Object.fromEntries(
    declared.map(({ variable, ...how }, at) => {
      if (variable.shape.some((size) => size === null) || variable.shape.length === 0) {
        throw new SeqloomError(
          'ERR_SHAPE',
          `layer '${layer.name}': the weight '${variable.name}' must have a known shape of one dimension or more, not ${describe(variable.shape)}`,
        )
      }
      return [weightName(variable, at), { shape: variable.shape as number[], ...how }]
    }),
  )
}

/** What `call` makes of values. */
function called(
  layer: Custom,
  declared: readonly Declared[],
  inputs: readonly SymbolicValue[],
  weights: Readonly<Record<string, SymbolicValue>>,
  kwargs: Kwargs,
): SymbolicValue[] {
  declared.forEach(({ variable }, at) => {
    variable.traced = new Recorded(weights[weightName(variable, at)] as SymbolicValue)
  })
  try {
    // As in a model of tfjs, where inputs come in an array even if there is one.
    const result = layer.call(inputs.map((each) => new Recorded(each)) as Tensor[], { training: false, ...kwargs })
    return [result].flat().map((each) => resultOf(layer, each))
  } finally {
    for (const { variable } of declared) variable.traced = undefined
  }
}

function resultOf(layer: Custom, given: unknown) {
  if (given instanceof Recorded && !given.meanOfRows && given.joined === 1) return given.symbolic
  throw unsupported(
    `what call() of layer '${layer.name}' returns, ${describe(given)},`,
    "return what functions of tensors made of the inputs, or write the layer with defineLayer of 'seqloom'",
  )
}

const weightName = ({ name }: LayerVariable, at: number): string => {
  const own = name.slice(name.lastIndexOf('/') + 1)
  return /^[A-Za-z_]\w*$/.test(own) ? own : `weight${at}`
}
