import type { Cell } from '../../cells/cell.js'
import { defineCell } from '../../cells/defineCell.js'
import { describe, SeqloomError } from '../../errors.js'
import type { Program } from '../../graph/trace/program.js'
import type { SymbolicValue } from '../../graph/trace/symbolic.js'
import { DefinedLayer } from '../../layers/defineLayer.js'
import type { SymbolicTensor as Value } from '../../layers/layer.js'
import { unsupported } from '../failure.js'
import { recordedRows, Tensor } from '../tensor.js'
import { coreName } from './coreName.js'
import type { Kwargs, Layer } from './layer.js'
import { maskedLike, unmasked } from './masks.js'
import { askable, inBothPhases } from './phases.js'
import { Recorded, rowsOfConstant } from './recorded.js'
import type { LayerVariable } from './variable.js'
import { tracedOf } from './written.js'

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

/** Thrown where `call` applies another layer, whose outputs the part of `call` after it needs. */
class Application {
  constructor(
    readonly layer: Layer,
    readonly args: readonly Recorded[],
    readonly kwargs: Kwargs,
  ) {}
}

/** The `call` that is recorded: the outputs of the layers that it has applied before, and how many it has taken. */
let recording: { readonly known: readonly (readonly SymbolicValue[])[]; taken: number } | undefined

/**
 * What a layer returns that `call` of another one applies to what it computes: its outputs, if they are known already;
 * else the recording ends here, to be begun anew once they are.
 */
export function applied(layer: Layer, args: readonly unknown[], kwargs: Kwargs): Recorded[] {
  if (recording === undefined) throw new LayerInCall(layer.name)
  if (!args.every((each) => each instanceof Recorded && isPlain(each))) {
    throw new LayerInCall(layer.name)
  }
  const outputs = recording.known[recording.taken++]
  if (outputs === undefined) throw new Application(layer, args as Recorded[], kwargs)
  return outputs.map((each) => new Recorded(each))
}

/** Thrown where a layer is applied to a value that no layer can be applied to. */
export class LayerInCall extends SeqloomError {
  constructor(name: string) {
    super(
      'ERR_UNSUPPORTED',
      `layer '${name}' is applied to a value of a loss, a cell or a mean over rows while that is recorded; write it with functions of tensors there, or apply the layer in tf.model`,
    )
  }
}

/** What `call` of a layer makes of values, and the layers that it applied on the way. */
export interface RecordedCall {
  readonly outputs: readonly Value[]
  /** The layer of ours that has the declared weights, or does all that `call` does. */
  readonly recorded: DefinedLayer | undefined
  readonly applied: readonly Layer[]
}

/**
 * Records `call` of a layer. Where it applies other layers, it is called again for each of them, up to the next one: what
 * lies between them becomes a layer of ours. `before` is what has the weights if the layer was recorded before.
 */
export function recordCall(
  layer: Custom & Layer,
  declared: readonly Declared[],
  values: readonly Value[],
  kwargs: Kwargs,
  before: DefinedLayer | undefined,
): RecordedCall {
  // As in tfjs, functions of tensors know no masks.
  const given = values.map(unmasked)
  const counts: number[] = []
  const layers: Layer[] = []
  let weighted: DefinedLayer | undefined
  for (;;) {
    const part = partOf(layer, declared, given, counts, kwargs)
    const { application, traced } = part
    let made: readonly Value[] = []
    if (traced) {
      const reads = readsWeights(traced.program)
      if (reads && weighted) {
        throw new SeqloomError(
          'ERR_UNSUPPORTED',
          `layer '${layer.name}': call() uses its own weights both before and after a layer that it applies; make two layers of it`,
        )
      }
      const owns = weighted === undefined && (reads || !application)
      const program = owns ? traced.program : withoutWeights(traced.program)
      const options = owns ? { name: coreName(layer.name), trainable: layer.trainable } : {}
      const own = (owns ? before : undefined) ?? new DefinedLayer(layer.name, program, traced.outputCount, options)
      if (owns) weighted = own
      made = [own.apply(given)].flat() as Value[]
    }
    if (!application) {
      return { outputs: made.map((each) => maskedLike(each, values)), recorded: weighted, applied: layers }
    }
    const inputs = part.sources.map((source, at) => (source < 0 ? (made[at] as Value) : (given[source] as Value)))
    const outputs = application.layer.lowerInside(layer, inputs, application.kwargs)
    if (!layers.includes(application.layer)) layers.push(application.layer)
    given.push(...outputs)
    counts.push(outputs.length)
  }
}

/** A part of `call`: up to the next layer that it applies, or to its end. */
function partOf(
  layer: Custom,
  declared: readonly Declared[],
  given: readonly Value[],
  counts: readonly number[],
  kwargs: Kwargs,
) {
  let application: Application | undefined
  /** Which of the given values the layer is applied to; -1 for what is computed. */
  let sources: readonly number[] = []
  const first = given.length - counts.reduce((sum, count) => sum + count, 0)
  const outer = recording
  try {
    const record = (options: Kwargs) =>
      tracedOf(
        layer.name,
        given,
        (inputs, weights) => {
          let next = first
          const known = counts.map((count) => {
            next += count
            return inputs.slice(next - count, next)
          })
          recording = { known, taken: 0 }
          try {
            return called(layer, declared, inputs.slice(0, first), weights, options)
          } catch (error) {
            if (!(error instanceof Application)) throw error
            application = error
            sources = error.args.map(({ symbolic }) => inputs.indexOf(symbolic))
            if (sources.every((source) => source >= 0)) throw error
            return error.args.map(({ symbolic }) => symbolic)
          }
        },
        weightsOf(layer, declared),
      )
    // Layers are applied once: `call` that applies some is recorded as it is outside of training.
    const recordTraining = (options: Kwargs) => {
      if (application) return undefined
      const made = record(options)
      const isWhole = application === undefined
      application = undefined
      return isWhole ? made : undefined
    }
    const traced =
      counts.length === 0
        ? inBothPhases(layer.name, kwargs, record, recordTraining)
        : record(askable(kwargs, false).given)
    return { application: application as Application | undefined, sources, traced }
  } catch (error) {
    if (!(error instanceof Application)) throw error
    return { application: error, sources, traced: undefined }
  } finally {
    recording = outer
  }
}

/** Whether an output of a program depends on a weight. */
function readsWeights({ inputs, weights, nodes, outputs }: Program): boolean {
  const isWeight = (id: number) => id >= inputs.length && id < inputs.length + weights.length
  return outputs.some(isWeight) || nodes.some((node) => node.inputs.some(isWeight))
}

/** A program that reads no weights, without them. */
function withoutWeights({ weights, nodes, outputs, ...program }: Program): Program {
  const idOf = (id: number) => (id < program.inputs.length ? id : id - weights.length)
  return {
    ...program,
    weights: [],
    nodes: nodes.map((node) => ({ ...node, inputs: node.inputs.map(idOf) })),
    outputs: outputs.map(idOf),
  }
}

/** A cell of ours that does what `call` of one's own does, which is called once. */
export function recordCell(
  cell: Custom & { readonly stateSize: number | readonly number[] },
  declared: readonly Declared[],
  features: number,
): Cell {
  const names = [cell.stateSize].flat().map((_, at) => `state${at}`)
  return defineCell({
    name: coreName(cell.name),
    inputs: { x: features },
    states: Object.fromEntries(names.map((name, at) => [name, [cell.stateSize].flat()[at] as number])),
    weights: weightsOf(cell, declared),
    step(values, weights) {
      const given = ['x', ...names].map((name) => (values as Record<string, SymbolicValue>)[name] as SymbolicValue)
      const [output, ...states] = called(cell, declared, given, weights as never, { training: false })
      return { output, ...Object.fromEntries(names.map((name, at) => [name, states[at] as SymbolicValue])) } as never
    },
  }) as unknown as Cell
}

function weightsOf(layer: Custom, declared: readonly Declared[]) {
  return Object.fromEntries(
    declared.map(({ variable, ...how }, at) => {
      if (variable.shape.some((size) => size === null)) {
        throw new SeqloomError(
          'ERR_SHAPE',
          `layer '${layer.name}': the weight '${variable.name}' must have a known shape, not ${describe(variable.shape)}`,
        )
      }
      return [weightName(variable, at), { shape: coreShape(variable.shape as number[]), ...how }]
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
    const weight = weights[weightName(variable, at)] as SymbolicValue
    const value = variable.shape.length === 0 ? weight.sum({ axis: 0 }) : weight
    variable.traced = new Recorded(variable.trainable ? value : value.stopGradient())
  })
  const given = inputs.map((each) => new Recorded(each))
  const { like } = recordedRows
  recordedRows.like = given[0]
  try {
    // As in a model of tfjs, where inputs come in an array even if there is one.
    const result = layer.call(given as Tensor[], kwargs)
    return [result].flat().map((each) => resultOf(layer, each, inputs[0]))
  } finally {
    recordedRows.like = like
    for (const { variable } of declared) variable.traced = undefined
  }
}

/** Whether a value has its rows first, as ours do. */
const isPlain = ({ meanOfRows, rows }: Recorded) => !meanOfRows && rows.joined === 1 && rows.at === 0

function resultOf(layer: Custom, given: unknown, input: SymbolicValue | undefined) {
  if (given instanceof Recorded && isPlain(given)) return given.symbolic
  if (given instanceof Tensor && !(given instanceof Recorded) && input) return rowsOfConstant(given, input)
  throw unsupported(
    `what call() of layer '${layer.name}' returns, ${describe(given)},`,
    "return what functions of tensors made of the inputs, or write the layer with defineLayer of 'seqloom'",
  )
}

/** The shape of a weight as ours have it: a single number is a list of one. */
export const coreShape = (shape: readonly number[]): readonly number[] => (shape.length === 0 ? [1] : shape)

const weightName = ({ name }: LayerVariable, at: number): string => {
  const own = name.slice(name.lastIndexOf('/') + 1)
  return /^[A-Za-z_]\w*$/.test(own) ? own : `weight${at}`
}
