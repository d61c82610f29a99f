import { describe, isInstance, SeqloomError } from '../errors.js'
import { showShape, unifyShapes } from '../graph/shape.js'
import { InputLayer } from '../layers/input.js'
import { type AnyLayer, type Call, SymbolicTensor } from '../layers/layer.js'
import { nameAutomatically } from '../layers/naming.js'
import { type Before, beforeGraph } from '../layers/preprocessing/preprocessing.js'
import { limits } from '../limits.js'

/** A model's layers and how they are connected. */
export interface Topology {
  readonly inputs: readonly SymbolicTensor[]
  readonly outputs: readonly SymbolicTensor[]
  /** All uses of layers, in an order in which they can run, inputs first. */
  readonly calls: readonly Call[]
  /** The layers, inputs included, in the order of their first use. */
  readonly layers: readonly AnyLayer[]
  /** Every layer's name in this model. */
  readonly names: ReadonlyMap<AnyLayer, string>
  /** What runs before the graph, and what the graph then reads: the inputs, where nothing does. */
  readonly before: Before
}

/** Finds the layers between inputs and outputs and names those without a name as Keras does: `lstm`, `lstm_1`. */
export function connect(inputs: readonly SymbolicTensor[], outputs: readonly SymbolicTensor[]): Topology {
  const declared = new Set<Call>()
  for (const value of inputs) {
    if (!isInstance(value, SymbolicTensor) || !(value.call.layer instanceof InputLayer)) {
      throw new SeqloomError('ERR_OPTION', `model: inputs must be what input() returns, not ${describe(value)}`)
    }
    if (declared.has(value.call)) {
      throw new SeqloomError('ERR_OPTION', `model: input '${value.call.layer.label}' is listed twice`)
    }
    declared.add(value.call)
  }
  const calls = new Set<Call>(declared)
  const visit = (wanted: Call): void => {
    // Not recursive, since a long chain of layers would overflow the stack: the open calls, and how many inputs of each
    // are done.
    const open: { readonly call: Call; done: number }[] = [{ call: wanted, done: 0 }]
    for (let top = open.at(-1); top; top = open.at(-1)) {
      const { call } = top
      if (top.done === 0 && !calls.has(call)) checkUse(call, calls.size + open.length)
      const next = calls.has(call) ? undefined : call.inputs[top.done++]
      if (next) {
        open.push({ call: next.call, done: 0 })
        continue
      }
      calls.add(call)
      open.pop()
    }
  }
  for (const value of outputs) {
    if (!isInstance(value, SymbolicTensor)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `model: outputs must be what a layer's apply returns, not ${describe(value)}`,
      )
    }
    visit(value.call)
  }
  const layers = [...new Set([...calls].map((call) => call.layer))]
  const all = [...calls]
  return { inputs, outputs, calls: all, layers, names: nameLayers(layers), before: beforeGraph(inputs, all, outputs) }
}

function checkUse({ layer }: Call, count: number): void {
  if (layer instanceof InputLayer) {
    throw new SeqloomError(
      'ERR_OPTION',
      `model: an output depends on input '${layer.label}', which is not among the inputs`,
    )
  }
  if (count > limits.operations) {
    throw new SeqloomError('ERR_UNSUPPORTED', `model: there are more than ${limits.operations} uses of layers`)
  }
}

/** Applies all layers between a model's inputs and outputs to other values; returns the new outputs. */
export function reapply(
  { inputs, outputs, calls }: Topology,
  name: string,
  given: SymbolicTensor | readonly SymbolicTensor[],
): SymbolicTensor[] {
  const list = (Array.isArray(given) ? given : [given]) as readonly SymbolicTensor[]
  if (list.length !== inputs.length) {
    throw new SeqloomError('ERR_OPTION', `model '${name}': apply takes ${inputs.length} values, got ${list.length}`)
  }
  const values = new Map<SymbolicTensor, SymbolicTensor>()
  for (const [index, declared] of inputs.entries()) {
    const value = list[index]
    if (!isInstance(value, SymbolicTensor)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `model '${name}': apply takes what input() or a layer's apply returns, not ${describe(value)}`,
      )
    }
    if (!unifyShapes(declared.shape, value.shape)) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `model '${name}': its input is of shape ${showShape(declared.shape)}, got ${showShape(value.shape)}`,
      )
    }
    values.set(declared, value)
  }
  for (const call of calls) {
    if (call.layer instanceof InputLayer) continue
    const result = call.layer.apply(call.inputs.map((value) => values.get(value) as SymbolicTensor))
    const made = (Array.isArray(result) ? result : [result]) as readonly SymbolicTensor[]
    call.outputs.forEach((value, index) => {
      values.set(value, made[index] as SymbolicTensor)
    })
  }
  return outputs.map((value) => values.get(value) as SymbolicTensor)
}

function nameLayers(layers: readonly AnyLayer[]): Map<AnyLayer, string> {
  const taken = new Set<string>()
  for (const { givenName } of layers) {
    if (givenName === undefined) continue
    if (taken.has(givenName)) {
      throw new SeqloomError('ERR_OPTION', `model: two layers are named '${givenName}'; names must be unique`)
    }
    taken.add(givenName)
  }
  return nameAutomatically(layers)
}

/** The names of the outputs: those of their layers, with a number if a layer has several. */
export function outputNames(topology: Topology): string[] {
  const counts = new Map<string, number>()
  return topology.outputs.map(({ call }) => {
    const name = topology.names.get(call.layer) as string
    const count = counts.get(name) ?? 0
    counts.set(name, count + 1)
    return count === 0 ? name : `${name}_${count}`
  })
}
