import { SeqloomError } from '../../errors.js'
import type { Value } from '../builder.js'
import type { Shape } from '../shape.js'
import type { OperationName } from '../wire.js'
import type { Attributes } from './operation.js'
import { located, type ProgramNode, type Resolved } from './program.js'
import { hasBatch, show, type TracedShape, wireShape } from './size.js'

/** Where operations go: a model's graph, or the body of a scan. */
export interface Sink {
  /** Adds an operation with one output. */
  node(
    op: OperationName,
    inputs: readonly Value[],
    weights: readonly number[],
    shape: Shape,
    attributes?: Readonly<Record<string, unknown>>,
  ): Value
  /** The mask of a value: the number of the input, and the value. */
  mask(input: number, value: Value): Value
  /** The mean or the sum over all rows, where there are any: in losses and metrics. */
  overBatch?(value: Value, kind: 'mean' | 'sum'): Value
  /** Whether dropout may differ from step to step. */
  readonly stepwise: boolean
}

/**
 * Adds a program's operations to a graph. `inputs` are its inputs, `weights` the indices of its weights there. Gives
 * the outputs.
 */
export function lowerProgram(
  resolved: Resolved,
  sink: Sink,
  inputs: readonly Value[],
  weights: readonly number[],
): Value[] {
  const { program, shapes } = resolved
  const firstNode = inputs.length + weights.length
  const values: (Value | undefined)[] = [...inputs]
  const weightOf = (id: number): number | undefined => (id < firstNode ? weights[id - inputs.length] : undefined)
  const operand = (id: number): Value => {
    const weight = weightOf(id)
    values[id] ??= sink.node('parameter', [], [weight as number], wireShape(shapes[id] as TracedShape))
    return values[id] as Value
  }
  program.nodes.forEach((node, index) => {
    const id = firstNode + index
    const shape = wireShape(shapes[id] as TracedShape)
    const { op, attributes } = node
    const [a, b] = node.inputs as [number, number]
    const kernel = op === 'matmul' ? weightOf(b) : undefined
    const rows = shapes[a] as TracedShape
    const plain = kernel !== undefined && shapes[b]?.length === 2 && !attributes.transposeA && !attributes.transposeB
    if (plain && hasBatch(rows)) values[id] = sink.node('dense', [operand(a)], [kernel], shape)
    else if (op === 'matmul' && rows.length === 2 && hasBatch(rows)) {
      values[id] = rowsTimesMatrix(sink, operand(a), operand(b), shape, attributes)
    } else if (op === 'mask') values[id] = sink.mask(a, operand(a))
    else if (op === 'overBatch') values[id] = reducedOverBatch(resolved, node, sink, operand(a))
    else {
      const operands = node.inputs.map(operand)
      const own = wireAttributes(resolved, node, sink)
      values[id] = sink.node(op === 'split' ? 'slice' : (op as OperationName), operands, [], shape, own)
    }
  })
  return program.outputs.map(operand)
}

function reducedOverBatch({ program }: Resolved, { attributes, at }: ProgramNode, sink: Sink, value: Value): Value {
  if (sink.overBatch) return sink.overBatch(value, attributes.kind as 'mean' | 'sum')
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    located(
      program.label,
      'overBatch',
      at,
      'only losses and metrics see all rows at once; elsewhere each is computed alone',
    ),
  )
}

/**
 * Rows `[batch, k]` times a matrix that is computed: the native side has products of matrices alone, so each row is
 * one.
 */
function rowsTimesMatrix(
  sink: Sink,
  rows: Value,
  matrix: Value,
  [batchDim = null, columns = null]: Shape,
  { transposeB }: Attributes,
): Value {
  const width = rows.shape[1] ?? null
  const single = sink.node('reshape', [rows], [], [batchDim, 1, width], { shape: [1, width] })
  const attributes = { transposeA: false, transposeB }
  const product = sink.node('matmul', [single, matrix], [], [batchDim, 1, columns], attributes)
  return sink.node('reshape', [product], [], [batchDim, columns], { shape: [columns] })
}

/** The attributes as the native side has them. */
function wireAttributes({ program, shapes }: Resolved, node: ProgramNode, sink: Sink): Record<string, unknown> {
  const { op, attributes, at } = node
  const [x = []] = node.inputs.map((id) => shapes[id] as TracedShape)
  const unknown = (message: string) => new SeqloomError('ERR_SHAPE', located(program.label, op, at, message))
  switch (op) {
    case 'split': {
      const { axis, parts, part } = attributes as { axis: number; parts: number; part: number }
      const size = x[axis]
      if (typeof size !== 'number') throw unknown(`dimension ${axis} of ${show(x)} must be a number`)
      const width = size / parts
      return { axis, start: part * width, end: (part + 1) * width }
    }
    case 'reshape': {
      const shape = wireShape(attributes.shape as TracedShape)
      if (shape.filter((dim) => dim === null).length > 1) {
        throw unknown(`only one size of ${show(attributes.shape as TracedShape)} may be unknown`)
      }
      return { shape }
    }
    case 'dropout':
      return {
        rate: attributes.rate,
        shareSteps: false,
        ...(sink.stepwise ? { perStep: attributes.perStep } : {}),
        ...(attributes.seed === undefined ? {} : { seed: attributes.seed }),
      }
    default:
      return { ...attributes }
  }
}
