import { SeqloomError } from '../errors.js'
import { GraphBuilder, type Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { lowerProgram, type Sink } from '../graph/trace/lower.js'
import { located, type Program, type ProgramNode, type Resolved } from '../graph/trace/program.js'
import { wireShape } from '../graph/trace/size.js'
import type { Budget } from '../limits.js'

/** One step of a scan in the wire format, and the masks that it needs as further constants. */
export interface ScanBody {
  readonly body: Readonly<Record<'inputs' | 'weights' | 'nodes' | 'outputs', unknown>>
  /** The inputs of the program, all of them constants, whose masks follow the constants. */
  readonly masked: readonly number[]
  /** What one step adds to the limits. */
  readonly budget: Budget
}

/**
 * The body of a scan: a cell's program from its inputs, states, carried outputs, constants and masks to `outputs`.
 * `firstConstant` is the number of its inputs before the constants.
 */
export function scanBody(
  { program, shapes }: Resolved,
  firstConstant: number,
  carried: readonly number[],
  outputs: readonly number[],
): ScanBody {
  const builder = new GraphBuilder()
  const input = (name: string, shape: Shape) => builder.input({ name, dtype: 'float32', shape })
  const shapeOf = (id: number) => wireShape(shapes[id] ?? [])
  const named = (from: number, to?: number) =>
    program.inputs.slice(from, to).map(({ name }, index) => input(name, shapeOf(from + index)))
  const steps = named(0, firstConstant)
  for (const [index, id] of carried.entries()) input(`output ${index}`, shapeOf(id))
  const constants = named(firstConstant)
  const masks = new Map(
    maskedInputs(program, firstConstant).map((id) => {
      return [id, input(`mask of ${program.inputs[id]?.name}`, shapeOf(id).slice(0, 2))] as const
    }),
  )
  const sink: Sink = {
    stepwise: true,
    node: (op, from, used, shape, attributes) => builder.node(op, op, from, used, [shape], attributes)[0] as Value,
    mask: (id) => masks.get(id) as Value,
  }
  const weights = program.weights.map((_, index) => index)
  const results = lowerProgram({ program: { ...program, outputs }, shapes }, sink, [...steps, ...constants], weights)
  const graph = builder.finish(results)
  return {
    body: {
      inputs: graph.inputs.map(({ name, shape }) => ({ name, shape })),
      weights: program.weights.map(({ shape }) => ({ shape })),
      nodes: graph.nodes,
      outputs: graph.outputs,
    },
    masked: [...masks.keys()],
    budget: builder.budget,
  }
}

/**
 * The constants of a cell whose masks it reads. `ERR_SHAPE`, naming the line, for the mask of anything else: a step has
 * no time axis.
 */
export function maskedInputs(program: Program, firstConstant: number): number[] {
  const idOf = ({ inputs: [id = 0] }: ProgramNode): number => id
  const nodes = program.nodes.filter(({ op }) => op === 'mask')
  const wrong = nodes.find((node) => idOf(node) < firstConstant || idOf(node) >= program.inputs.length)
  if (wrong) {
    throw new SeqloomError(
      'ERR_SHAPE',
      located(program.label, 'mask', wrong.at, 'in a cell it is for constants, as they are given'),
    )
  }
  return [...new Set(nodes.map(idOf))]
}
