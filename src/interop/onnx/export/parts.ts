import type { GraphSpec, WireNode } from '../../../graph/wire.js'
import { neededFor } from './run.js'
import type { Body } from './scan.js'

/** Which input comes step by step, and whether the step is written or what is computed once before it. */
export interface Streamed {
  readonly input: number
  readonly part: 'step' | 'start'
}

/** A state of a recurrence, as an input of a step. */
export interface State {
  readonly node: WireNode
  readonly state: number
  readonly name: string
  /** The value that it begins with; zeros if there is none. */
  readonly initial: number | undefined
}

/** What of a graph is written. */
export interface Parts {
  readonly nodes: readonly WireNode[]
  /** The graph's inputs that it reads. */
  readonly inputs: readonly number[]
  /** Values that are computed before the first step and read by every one. */
  readonly between: readonly { readonly id: number; readonly name: string }[]
  readonly states: readonly State[]
}

/** What is written of a graph: all that its outputs need, or one of the two parts of one that goes step by step. */
export function partsOf(graph: GraphSpec, streamed: Streamed | undefined): Parts {
  const needed = neededFor(graph.nodes, graph.outputs)
  const all = [...graph.inputs.keys()]
  if (!streamed) return { nodes: needed, inputs: all, between: [], states: [] }
  const moves = new Set([streamed.input])
  // What is computed from no input, such as a weight, belongs to both.
  const fixed = new Set(all.filter((id) => id !== streamed.input))
  for (const node of needed) {
    const kind = [moves, fixed].find((ids) => node.inputs.some((id) => ids.has(id)))
    for (const id of node.outputs) kind?.add(id)
  }
  const moving = needed.filter((node) => node.outputs.some((id) => moves.has(id)))
  const states = moving.flatMap(statesOf)
  const isInitial = (node: WireNode, at: number) =>
    states.some((state) => state.node === node && initialPlace(node, state.state) === at)
  const read = new Set([
    ...moving.flatMap((node) => node.inputs.filter((id, at) => fixed.has(id) && !isInitial(node, at))),
    ...graph.outputs.filter((id) => fixed.has(id)),
  ])
  const between = [...read]
    .filter((id) => !graph.inputs[id])
    .map((id) => ({ id, name: needed.find(({ outputs }) => outputs.includes(id))?.name ?? '' }))
  if (streamed.part === 'start') {
    const wanted = [...between.map(({ id }) => id), ...states.flatMap(({ initial }) => initial ?? [])]
    const nodes = neededFor(needed, wanted)
    const inputs = all.filter((id) => wanted.includes(id) || nodes.some((node) => node.inputs.includes(id)))
    return { nodes, inputs, between, states }
  }
  const free = needed.filter(({ outputs }) => outputs.every((id) => !moves.has(id) && !fixed.has(id)))
  const nodes = needed.filter((node) => moving.includes(node) || free.includes(node))
  return { nodes, inputs: all.filter((id) => id === streamed.input || read.has(id)), between, states }
}

/** The states of an operation. */
function statesOf(node: WireNode): State[] {
  return namesOf(node).flatMap((own, state) => {
    if (own === undefined) return []
    const at = initialPlace(node, state)
    return [{ node, state, name: `${node.name}_${own}`, initial: at === undefined ? undefined : node.inputs[at] }]
  })
}

/** What the states of an operation are called; undefined for what is kept for the last output alone. */
function namesOf({ op, attributes }: WireNode): readonly (string | undefined)[] {
  switch (op) {
    case 'simpleRnn':
    case 'gru':
      return ['h']
    case 'lstm':
      return ['h', 'c']
    case 'cumulativeSum':
      return attributes.axis === 1 ? ['sum'] : []
    case 'scan': {
      const { body, sequences, stateShapes } = attributes as { body: Body; sequences: number; stateShapes: unknown[] }
      return stateShapes.map((_, state) =>
        isUsed(body, sequences + state) ? body.inputs[sequences + state]?.name : undefined,
      )
    }
    default:
      return []
  }
}

/** Whether a step reads one of its inputs: what is kept for the last step's output alone is no state. */
export const isUsed = ({ nodes, outputs }: Body, id: number): boolean =>
  outputs.includes(id) || nodes.some(({ inputs }) => inputs.includes(id))

/** Which input of an operation a state begins with. */
function initialPlace({ op, attributes, inputs }: WireNode, state: number): number | undefined {
  if (op !== 'scan') return inputs.length > 1 ? 1 + state : undefined
  const { body, sequences, stateShapes, initial } = attributes as {
    body: Body
    sequences: number
    stateShapes: unknown[]
    initial?: boolean[]
  }
  const flags = initial ?? stateShapes.map(() => inputs.length === body.inputs.length)
  return flags[state] ? sequences + flags.slice(0, state).filter(Boolean).length : undefined
}
