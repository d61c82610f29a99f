import { describe, reading, SeqloomError } from '../errors.js'
import type { GraphBuilder, Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { lowerProgram } from '../graph/trace/lower.js'
import { type Program, resolve } from '../graph/trace/program.js'
import { loadProgram, type SavedProgram, saveProgram } from '../graph/trace/saved.js'
import { batch, hasBatch, show, type TracedShape } from '../graph/trace/size.js'
import { SymbolicValue } from '../graph/trace/symbolic.js'
import { Trace } from '../graph/trace/trace.js'
import type { OperationName } from '../graph/wire.js'
import { isRecord, label } from '../options.js'

/**
 * A loss or metric of your own: from the targets and the predictions, both with the output's shape `[batch, …]`, to a
 * value for each element, each step `[batch, time]` or each row `[batch]`. Its mean over valid steps is what counts. It
 * is called once, on symbolic values.
 */
export type TracedFunction = (yTrue: SymbolicValue, yPred: SymbolicValue) => SymbolicValue

/** A traced loss or metric as data. */
export interface TracedMeasure {
  readonly kind: 'traced'
  readonly name: string
  readonly program: SavedProgram
}

/** Traces a loss or metric for an output of a shape. `ERR_OPTION` and `ERR_SHAPE` name the user's line. */
export function traceMeasure(
  what: 'loss' | 'metric',
  call: TracedFunction,
  output: Shape,
  targets: Shape,
): TracedMeasure {
  const name = reading('ERR_OPTION', what, () => call.name)
  const known = label.accepts(name) ? name : what
  const where = `${what} '${known}'`
  const trace = new Trace(where, [symbolicInput('yTrue', targets), symbolicInput('yPred', output)], [])
  const [yTrue, yPred] = [new SymbolicValue(trace, 0), new SymbolicValue(trace, 1)]
  const result = SymbolicValue.idIn(trace, call(yTrue, yPred) as unknown, 'the result')
  // One number of all rows is the loss of each of them.
  const id = trace.shapeOf(result).length > 0 ? result : forEachRow(yPred, new SymbolicValue(trace, result), trace)
  const shape = trace.shapeOf(id)
  if (!hasBatch(shape) || shape.length > output.length) {
    throw trace.error(
      'ERR_SHAPE',
      'the result',
      `expected [batch], [batch, time] or ${show(trace.shapeOf(1))}, got ${show(shape)}`,
    )
  }
  return { kind: 'traced', name: known, program: saveProgram(trace.finish([id])) }
}

/** A single number as one for each row. */
function forEachRow(rows: SymbolicValue, value: SymbolicValue, trace: Trace): number {
  const axes = rows.shape.map((_, axis) => axis).slice(1)
  const one = axes.length === 0 ? rows : rows.max({ axis: axes })
  return SymbolicValue.idIn(trace, one.less(one).add(value), 'the result')
}

/** Whether something is a traced loss or metric. */
export const isTraced = (value: unknown): value is TracedMeasure =>
  isRecord(value) && value.kind === 'traced' && isRecord(value.program) && typeof value.name === 'string'

/** Adds a traced measure to a graph: its mean and the count of what it is a mean of. */
export function lowerMeasure(
  builder: GraphBuilder,
  name: string,
  measure: TracedMeasure,
  values: readonly [yTrue: Value, yPred: Value],
  weights: readonly Value[],
): Value[] {
  const node = (op: OperationName, inputs: readonly Value[], shape: Shape, attributes = {}): Value =>
    builder.node(op, `${name}/${op}`, inputs, [], [shape], attributes)[0] as Value
  const program = programOf(measure)
  const given = values.map(({ shape }): TracedShape => [batch, ...shape.slice(1)])
  const resolved = resolve(program, given)
  const floats = values.map((value) => (value.dtype === 'int32' ? node('cast', [value], value.shape) : value))
  const [result] = lowerProgram(
    resolved,
    {
      stepwise: false,
      node: (op, inputs, _, shape, attributes) => node(op, inputs, shape, attributes),
      mask: (_, value) => node('sequenceMask', [value], value.shape.slice(0, 2)),
      overBatch(value, kind) {
        const [mean, count] = builder.node('meanOverSteps', `${name}/batch`, [value], [], [[], []], {}) as [
          Value,
          Value,
        ]
        return kind === 'mean' ? mean : node('elementwise', [mean, count], [], { kind: 'multiply' })
      },
    },
    floats,
    [],
  )
  return lowerMean(builder, name, result as Value, values[1].shape.length - 1, weights)
}

/**
 * The mean of a value over valid steps, after its own mean over the dimensions from `positions` on, and over those after
 * the steps; and the count.
 */
export function lowerMean(
  builder: GraphBuilder,
  name: string,
  value: Value,
  positions: number,
  weights: readonly Value[],
): Value[] {
  const { shape } = value
  const kept = Math.min(positions, 2)
  const axes = shape.map((_, axis) => axis).filter((axis) => axis >= kept)
  const [reduced] =
    axes.length === 0
      ? [value]
      : builder.node('reduce', `${name}/mean`, [value], [], [shape.slice(0, kept)], {
          kind: 'mean',
          axes,
          keepDims: false,
        })
  return builder.node('meanOverSteps', name, [reduced as Value, ...weights], [], [[], []], {})
}

function programOf({ name, program }: TracedMeasure): Program {
  const loaded = loadProgram(`'${name}'`, program)
  if (loaded.inputs.length === 2 && loaded.weights.length === 0 && loaded.outputs.length === 1) return loaded
  throw new SeqloomError('ERR_FORMAT', `${describe(name)} is no traced loss or metric`)
}

const symbolicInput = (name: string, shape: Shape) => ({ name, shape: [batch, ...shape.slice(1)] })
