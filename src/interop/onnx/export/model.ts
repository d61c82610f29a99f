import type { Sliced } from '../../../data/index.js'
import type { Dim, Shape } from '../../../graph/shape.js'
import type { GraphSpec, WireInput, WireNode, WireWeight } from '../../../graph/wire.js'
import { version } from '../../../native/version.js'
import type { Unmapped } from '../../format.js'
import { elementTypes, type ModelProto, type ValueInfoProto } from '../proto/messages.js'
import { keptWhere, laidOut, maskOfLengths } from './masks.js'
import { obstacle } from './operations.js'
import { partsOf, type Streamed } from './parts.js'
import { neededFor, run } from './run.js'
import type { Body } from './scan.js'
import type { Place, Value, Weight } from './values.js'
import { Constants, GraphWriter, Names, valueInfo } from './writer.js'

/** What is written of a model. */
export interface Plan {
  readonly opset: number
  /** Whether the lengths of sequences are inputs. */
  readonly lengths: boolean
  readonly streamed: Streamed | undefined
}

/** A model that is written: its operations, names and weights. */
export interface Written {
  readonly name: string
  readonly graph: GraphSpec
  readonly outputNames: readonly string[]
  readonly outputShapes: readonly Shape[]
  /** The weights of the losses that follow the outputs in the graph. */
  readonly losses: readonly number[]
  /** The shape of a value. */
  shapeOf(id: number): Shape
  /** A weight's elements, asked for when it is written. */
  weight(index: number): Float32Array
}

/** Versions of the format by those of the operators. */
export const irVersions: Readonly<Record<number, number>> = {
  13: 7,
  14: 7,
  15: 8,
  16: 8,
  17: 8,
  18: 8,
  19: 9,
  20: 9,
  21: 10,
}

/** Notes the operations that cannot be written. */
export function noteObstacles(nodes: readonly WireNode[], outputs: readonly number[], problems: Unmapped): void {
  for (const node of neededFor(nodes, outputs)) {
    const why = obstacle(node.op)
    if (why !== undefined) problems.add(`'${node.name}' (${node.op}): ${why}`)
    const body = node.attributes.body as Body | undefined
    if (body)
      noteObstacles(
        body.nodes.map((inner) => ({ ...inner, name: `${node.name}/${inner.name}` })),
        body.outputs,
        problems,
      )
  }
}

/** The model in ONNX's terms. */
export function onnxModel(written: Written, { opset, lengths, streamed }: Plan): ModelProto {
  const { graph, outputNames, outputShapes } = written
  const names = new Names()
  const parts = partsOf(graph, streamed)
  const isStep = streamed?.part === 'step'
  // Names that others use come first, in one order, so that they are the same in both parts.
  const inputNames = graph.inputs.map(({ name }) => names.unique(name))
  const ends = outputNames.map((name) => names.unique(name))
  const stateNames = parts.states.map(({ name }) => names.unique(name))
  const betweenNames = parts.between.map(({ name }) => names.unique(name))
  const lossName = names.unique('loss')
  const nextNames = stateNames.map((name) => names.unique(`${name}_next`))
  const constants = new Constants(names)
  const writer = new GraphWriter(constants, opset)
  const values = new Map<number, Value>()
  const inputs: ValueInfoProto[] = []
  const outputs: ValueInfoProto[] = []
  const declare = (name: string, shape: Shape, integers: boolean, dims = shape.map(dimOf)): Value => {
    inputs.push(valueInfo(name, integers ? elementTypes.int32 : elementTypes.float32, dims))
    return { name, shape, batched: true, integers }
  }

  const indexOf = (node: WireNode, state: number) =>
    isStep ? parts.states.findIndex((each) => each.node === node && each.state === state) : -1
  const read = new Set([...parts.nodes.flatMap((node) => node.inputs), ...graph.outputs])
  for (const { id } of parts.between) read.add(id)
  for (const { initial } of parts.states) if (initial !== undefined) read.add(initial)
  const stateInputs = new Map<number, Value>()
  const place: Place = {
    writer,
    constants,
    inBody: false,
    keepsStates: isStep,
    weight: (index) => weightOf(written, constants, index),
    isRead: (id) => read.has(id),
    stateOf(node, state, shape, given) {
      const index = indexOf(node, state)
      if (index < 0) return given
      const known = stateInputs.get(index) ?? declare(stateNames[index] as string, shape, false)
      stateInputs.set(index, known)
      return known
    },
    setState(node, state, value) {
      const index = indexOf(node, state)
      if (index < 0) return
      const name = nextNames[index] as string
      writer.named('Identity', [value], [name])
      outputs.push(valueInfo(name, elementTypes.float32, (stateInputs.get(index) as Value).shape.map(dimOf)))
    },
    inside: (weights) => insideOf(place, weights),
  }

  const several = parts.inputs.filter((id) => isSequence(graph.inputs[id] as WireInput)).length > 1
  for (const id of parts.inputs) {
    const input = graph.inputs[id] as WireInput
    const name = inputNames[id] as string
    const dims = input.shape.map((dim, axis) => dim ?? dimName(axis, several ? `${name}_` : ''))
    const value = declare(name, input.shape, input.dtype === 'int32', dims)
    values.set(id, value)
    if (!lengths || isStep || !isSequence(input)) continue
    const own = names.unique(`${name}_lengths`)
    inputs.push(valueInfo(own, elementTypes.int32, ['batch']))
    // Padding may hold anything.
    const mask = maskOfLengths(place, name, own)
    const rank = input.shape.length
    const kept = keptWhere(place, name, mask.valid, rank, value.integers ? constants.int32(0) : constants.float(0))
    values.set(id, { ...value, name: kept, mask })
  }
  if (isStep) {
    parts.between.forEach(({ id }, index) => {
      const shape = written.shapeOf(id)
      values.set(id, declare(betweenNames[index] as string, shape, false))
    })
    for (const { initial } of parts.states) {
      // What a state begins with is an input here.
      if (initial !== undefined && !values.has(initial)) values.set(initial, { name: '', shape: [null], batched: true })
    }
  }
  run(place, parts.nodes, values)

  const repeats = repeating(graph.nodes)
  const finish = (id: number, name: string, shape: Shape) => {
    const value = values.get(id) as Value
    const { mask } = value
    let last = value.name
    // As predictions have it: steps that are not valid are zero, or, if a recurrence was told so, repeat the last one.
    if (mask && !value.integers) {
      const layout = { packed: false, reversed: false, repeat: repeats.has(id), backwards: false }
      last = laidOut(place, value.name, value.shape.length, mask, layout)
    }
    writer.named('Identity', [last], [name])
    outputs.push(valueInfo(name, value.integers ? elementTypes.int32 : elementTypes.float32, shape.map(dimOf)))
  }
  if (streamed?.part === 'start') {
    const begun = parts.states.flatMap(({ initial }, index) =>
      initial === undefined ? [] : [{ id: initial, name: stateNames[index] as string }],
    )
    const read = parts.between.map(({ id }, index) => ({ id, name: betweenNames[index] as string }))
    for (const { id, name } of [...read, ...begun]) finish(id, name, (values.get(id) as Value).shape)
  } else {
    for (const [index, name] of ends.entries()) {
      finish(graph.outputs[index] as number, name, outputShapes[index] as Shape)
    }
    if (written.losses.length > 0) {
      const weighed = written.losses.map((weight, index) => {
        const mean = (values.get(graph.outputs[ends.length + index] as number) as Value).name
        return writer.node('Mul', [mean, constants.float(weight)], 'loss_part')
      })
      writer.named('Sum', weighed, [lossName])
      outputs.push(valueInfo(lossName, elementTypes.float32, []))
    }
  }
  return {
    irVersion: irVersions[opset] as number,
    producerName: 'seqloom',
    producerVersion: version,
    opsetImport: [{ domain: '', version: opset }],
    metadataProps: [],
    functions: [],
    graph: writer.graph(written.name, inputs, outputs, constants.tensors),
  }
}

/** Whether an input has steps, of which not all need be valid. */
const isSequence = ({ shape, dtype }: WireInput): boolean =>
  shape.length >= 3 || (shape.length === 2 && (shape[1] === null || dtype === 'int32'))

const dimName = (axis: number, prefix: string): string =>
  axis === 0 ? 'batch' : `${prefix}${axis === 1 ? 'time' : `size_${axis}`}`

/** A size, or how an unknown one is shown: the batch by its name. */
const dimOf = (dim: Dim, axis: number): number | string | null => dim ?? (axis === 0 ? 'batch' : null)

function weightOf(written: Written, constants: Constants, index: number): Weight {
  const { name, shape } = written.graph.weights[index] as WireWeight
  return {
    shape,
    whole: () => constants.late(name, shape, () => atOnce(() => written.weight(index))),
    as: (key, other, make) => constants.late(`${name}:${key}`, other, () => make(written.weight(index))),
  }
}

// biome-ignore lint/correctness/useYield: there is nothing to do in slices
function* atOnce(make: () => Float32Array): Sliced<Float32Array> {
  return make()
}

/** One step of a loop, in its own graph. */
function insideOf(place: Place, weights: readonly number[]): Place {
  const inner: Place = {
    writer: new GraphWriter(place.constants, place.writer.opset),
    constants: place.constants,
    inBody: true,
    keepsStates: false,
    weight: (index) => place.weight(weights[index] as number),
    isRead: () => true,
    stateOf: (_, __, ___, given) => given,
    setState: () => {},
    inside: (own) => insideOf(inner, own),
  }
  return inner
}

/** Values that repeat the last valid step at those that are not. */
function repeating(nodes: readonly WireNode[]): ReadonlySet<number> {
  const repeats = new Set<number>()
  for (const { inputs, outputs, attributes } of nodes) {
    const own = attributes.zeroOutputForMask as boolean | undefined
    if (own === undefined ? inputs.some((id) => repeats.has(id)) : !own) for (const id of outputs) repeats.add(id)
  }
  return repeats
}
