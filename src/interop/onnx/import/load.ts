import { bytesGiven } from '../../../bytes.js'
import { allocated } from '../../../data/allocated.js'
import { describe, SeqloomError, visible } from '../../../errors.js'
import { input } from '../../../layers/input.js'
import type { SymbolicTensor } from '../../../layers/layer.js'
import { model } from '../../../model/functional.js'
import type { Model, Prediction } from '../../../model/index.js'
import { countOf, renew } from '../../../model/newWeights.js'
import { isPath, pathOf } from '../../../path.js'
import { refuseOther, refuseSavedModel } from '../../foreign.js'
import { type FileOrBytes, Source, Unmapped } from '../../format.js'
import { decodeModel } from '../proto/decode.js'
import type { DimensionProto, GraphProto, ModelProto, ValueInfoProto } from '../proto/messages.js'
import { type Builder, type Entry, Parts } from './builder.js'
import { type Call, first } from './call.js'
import { type Dim, same } from './dim.js'
import { expanded } from './expanded.js'
import { arranged } from './layout.js'
import { deepest, Lowering, NoBatch, OtherBatch, Scope, shown } from './lowering.js'
import { type Graph, Node } from './node.js'
import { operators } from './ops/index.js'
import { rowsOf } from './ops/products.js'
import { checkLoadOptions, constantsOf, type LoadOnnxOptions, withShapes } from './options.js'
import { SizeNames, type Weight } from './segment.js'
import { constantOf, isFloat, Store, typeName } from './tensors.js'
import {
  type Atom,
  type Axes,
  type Computed,
  count,
  FixedSize,
  malformed,
  type Ref,
  sizeOf,
  unsupported,
} from './values.js'

/**
 * Loads an ONNX model: a model of ours that predicts, trains, streams and is saved as any other.
 *
 * The batch comes first in all inputs and outputs, wherever it stands in the file; the other axes keep their order:
 * X `[time, batch, features]` becomes `[batch, time, features]`. `RNN`, `GRU` and `LSTM` become layers, or traced cells
 * where the layers do not have what they ask for (peepholes, clipping, other activations); `Scan` and `Loop` become
 * traced cells; what lies between, traced layers. Initializers are weights that train. Rejects with `ERR_UNSUPPORTED`,
 * naming everything that cannot be mapped with its operator, node and operator set; with `ERR_FORMAT` for a damaged
 * file; `ERR_OPTION` for options that name no input or do not fit it; `ERR_IO`, `ERR_MEMORY`.
 */
export async function loadOnnx<Out extends Prediction = Prediction>(
  file: FileOrBytes,
  options: LoadOnnxOptions = {},
): Promise<Model<Out>> {
  const isBytes = bytesGiven(file) !== undefined
  if (!isBytes && !isPath(file)) {
    throw new SeqloomError(
      'ERR_OPTION',
      `interop.loadOnnx: expected the path of a file or its bytes, not ${describe(file)}`,
    )
  }
  checkLoadOptions(options)
  if (!isBytes) await refuseSavedModel(pathOf('interop.loadOnnx: the file', file))
  const source = await Source.open('interop.loadOnnx: the file', file)
  const store = new Store(source, isBytes ? undefined : pathOf('interop.loadOnnx: the file', file))
  try {
    await refuseOther(source, 'ONNX')
    return (await loaded(store, await decodeModel(source), options)) as unknown as Model<Out>
  } finally {
    await store.close()
  }
}

async function loaded(store: Store, proto: ModelProto, options: LoadOnnxOptions): Promise<Model<Prediction>> {
  const { where } = store.source
  if (proto.graph === undefined) throw store.source.malformed('it has no graph')
  const opset = proto.opsetImport.find(({ domain = '' }) => domain === '' || domain === 'ai.onnx')?.version ?? 1
  const problems = new Unmapped()
  const graph = withOptions(await graphOf(store, proto.graph, opset, problems, 0), options)
  const heading = `${where}: cannot be mapped`
  const built = located(where, () => attempts(graph, opset, problems, heading))
  try {
    await assign(where, built)
    return built.model
  } catch (error) {
    built.model.dispose()
    throw error
  }
}

/** The graph with inputs that options fix as constants, and the sizes that they give. */
function withOptions(graph: Graph, options: LoadOnnxOptions): Graph {
  const infos = withShapes(inputsOf(graph), options)
  return {
    ...graph,
    proto: { ...graph.proto, input: [...infos] },
    constants: new Map([...graph.constants, ...constantsOf(infos, options)]),
  }
}

/** Errors with the file's name. */
function located<T>(where: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      // Attributes and shapes that contradict each other where no operator expects it.
      throw new SeqloomError('ERR_FORMAT', `${where}: its nodes contradict each other`, { cause: error })
    }
    if (!(error instanceof SeqloomError) || error.message.startsWith(where)) throw error
    throw new SeqloomError(error.code, `${where}: ${visible(error.message)}`, { cause: error })
  }
}

/** A graph and those within it with their constants; operators that are not known are noted. */
async function graphOf(
  store: Store,
  proto: GraphProto,
  opset: number,
  problems: Unmapped,
  depth: number,
): Promise<Graph> {
  if (depth > deepest) throw store.source.malformed(`graphs ${depth} deep within each other`)
  const constants = new Map<string, Awaited<ReturnType<typeof constantOf>>>()
  for (const tensor of proto.initializer) constants.set(tensor.name ?? '', await constantOf(store, tensor, true))
  for (const { values } of proto.sparseInitializer) problems.add(`the sparse initializer '${values?.name ?? ''}'`)
  const outer = new Set<string>()
  const own = new Set([...constants.keys(), ...proto.input.map(({ name = '' }) => name)])
  const nodes: Node[] = []
  for (const each of proto.node.flatMap(expanded)) {
    const node = new Node(each)
    nodes.push(node)
    if (!operators.has(node.op) || node.domain !== '')
      problems.add(`${shown(node, opset)} is not supported${hintFor(node)}`)
    for (const name of node.inputs) if (name !== '' && !own.has(name)) outer.add(name)
    for (const [name, { t, g }] of node.attributes) {
      if (t) node.tensors.set(name, { ...(await constantOf(store, t, false)), name: node.outputs[0] ?? name })
      if (!g) continue
      const inner = await graphOf(store, g, opset, problems, depth + 1)
      node.graphs.set(name, inner)
      for (const read of inner.outer) if (!own.has(read)) outer.add(read)
    }
    for (const name of node.outputs) {
      if (name !== '' && own.has(name)) throw store.source.malformed(`${shown(node, opset)} makes '${name}' once more`)
      own.add(name)
    }
  }
  for (const { name = '' } of proto.output) if (!own.has(name)) outer.add(name)
  return { proto, nodes, constants, outer }
}

/** Operators that compute in whole numbers of few bits. */
const quantized = /Quantize|Integer|^Q(Linear|Ordered|Attention|Gemm|MoE|Embed)|Bits$/

/** What to do about an operator that is not mapped. */
function hintFor({ op, domain }: Node): string {
  if (quantized.test(op)) return ': it computes in whole numbers; load the file from before it was quantized'
  if (!domain.startsWith('com.microsoft')) return ''
  return ': it was made by an optimizer of onnxruntime; load the file from before that, or write it with the level ORT_ENABLE_BASIC'
}

interface Built {
  readonly model: Model<Prediction>
  readonly entries: readonly Entry[]
}

/** Builds the model, again where it turns out that the batch of an input is another axis. */
function attempts(graph: Graph, opset: number, problems: Unmapped, heading: string): Built {
  problems.check(heading, 'ERR_UNSUPPORTED')
  const batches = namedBatches(graph)
  // Sizes that the file names, and holds for one number alone: attention of older exporters.
  const fixed = new Map<string, number>()
  const attempt = (): Built => {
    const noted = new Unmapped()
    const built = build(graph, opset, noted, batches, fixed)
    noted.check(heading, 'ERR_UNSUPPORTED')
    return built as Built
  }
  const all = () => {
    for (let left = 64; ; left--) {
      try {
        return attempt()
      } catch (error) {
        if (error instanceof NoBatch) {
          if (!withoutBatch(graph, batches)) throw unsupported('what should be the batch is another axis too')
          continue
        }
        if (error instanceof FixedSize) {
          if (left === 0 || fixed.has(error.size)) throw error.otherwise
          fixed.set(error.size, error.value)
          continue
        }
        if (!(error instanceof OtherBatch)) throw error
        if (left === 0 || batches.get(error.input) === error.axis)
          throw unsupported(`${error.message}, and is another axis too`)
        setBatch(graph, batches, error.input, error.axis)
      }
    }
  }
  const chosen = new Map(batches)
  try {
    return all()
  } catch (error) {
    if (!(error instanceof SeqloomError) || error.code !== 'ERR_UNSUPPORTED') throw error
    // Nothing says where the batch is: sequences may have it behind the steps.
    batches.clear()
    const infos = inputsOf(graph)
    const [rows] = infos.map((info) => dimsOfInput(info)[1]).filter((dim) => dim !== undefined)
    for (const info of infos) {
      const { name = '' } = info
      const dims = dimsOfInput(info)
      const at = dims[1] && isSameSize(dims[1], rows) ? 1 : dims.findIndex((dim) => isSameSize(dim, rows))
      batches.set(name, chosen.get(name) ?? (at >= 0 ? at : dims.length > 1 ? 1 : 0))
    }
    try {
      return all()
    } catch {
      throw error
    }
  }
}

/** The largest size of a dimension, which is that of arrays. */
const largestSize = 2 ** 31 - 1

const inputsOf = ({ proto, constants }: Graph): readonly ValueInfoProto[] =>
  proto.input.filter(({ name = '' }) => !constants.has(name))

const dimsOfInput = ({ type }: ValueInfoProto) => type?.tensorType?.shape?.dim ?? []

/** The axes that are called the batch. */
function namedBatches(graph: Graph): Map<string, number> {
  const batches = new Map<string, number>()
  const infos = inputsOf(graph)
  for (const info of infos) {
    const at = dimsOfInput(info).findIndex(({ dimParam = '' }) => /^(n|b|bs|.*batch.*)$/i.test(dimParam))
    if (at >= 0) batches.set(info.name ?? '', at)
  }
  if (batches.size > 0) return batches
  // The batch is the same for all: states `[layers, batch, units]` have it where their size is the first input's.
  const [rows] = infos.map((info) => dimsOfInput(info)[0]).filter((dim) => dim !== undefined)
  for (const info of infos) {
    const at = dimsOfInput(info).findIndex((dim) => isSameSize(dim, rows))
    if (at > 0) batches.set(info.name ?? '', at)
  }
  return batches
}

const isSameSize = ({ dimValue = 0, dimParam = '' }: DimensionProto, other: DimensionProto | undefined): boolean =>
  dimValue === (other?.dimValue ?? 0) && (dimValue !== 0 || dimParam === (other?.dimParam ?? ''))

/** Notes the batch of an input, and of all others with a size of the same name. */
function setBatch(graph: Graph, batches: Map<string, number>, name: string, axis: number): void {
  batches.set(name, axis)
  const param = dimsOfInput(inputsOf(graph).find((each) => each.name === name) ?? {})[axis]?.dimParam
  if (!param) return
  for (const info of inputsOf(graph)) {
    const at = dimsOfInput(info).findIndex(({ dimParam }) => dimParam === param)
    if (at >= 0) batches.set(info.name ?? '', at)
  }
}

/** Lets inputs have no batch, if nodes have one row and the inputs more. Whether there are such. */
function withoutBatch(graph: Graph, batches: Map<string, number>): boolean {
  const found = inputsOf(graph).filter((info) => {
    const dim = dimsOfInput(info)[batches.get(info.name ?? '') ?? 0]
    return dim !== undefined && dim.dimValue !== 1
  })
  for (const { name = '' } of found) batches.set(name, -1)
  return found.length > 0
}

function build(
  graph: Graph,
  opset: number,
  problems: Unmapped,
  batches: ReadonlyMap<string, number>,
  fixed: ReadonlyMap<string, number>,
): Built | undefined {
  const sizes = new SizeNames()
  const infos = inputsOf(graph)
  const dimOf = ({ dimValue, dimParam }: { dimValue?: number; dimParam?: string }): Dim => {
    if (dimValue !== undefined && dimValue > 0) return dimValue
    const open = dimParam ? sizes.named(dimParam) : sizes.fresh()
    return fixed.get([...open.terms.keys()][0] as string) ?? open
  }
  const batchOf = (info: ValueInfoProto) => batches.get(info.name ?? '') ?? 0
  const rows = infos.map((info) => dimsOfInput(info)[batchOf(info)]).find((dim) => dim !== undefined)
  // Where no input has a batch, the file is for one row.
  const parts = new Parts(sizes, { dim: dimOf(rows ?? { dimValue: 1 }), batch: true })
  const scope = new Scope(graph, undefined)
  const lowering = new Lowering(operators, parts, opset, problems, scope, false)
  const tensors: SymbolicTensor[] = []
  for (const info of infos) {
    const name = info.name ?? ''
    const shape = info.type?.tensorType?.shape
    if (shape?.dim.length === 0) {
      problems.add(`the input '${name}' has no dimensions: fix it with the option constants: { '${name}': value }`)
      continue
    }
    if (shape === undefined || shape.dim.length > 8) {
      problems.add(`the input '${name}': it must be a tensor of one to eight dimensions`)
      continue
    }
    if (shape.dim.some(({ dimValue = 0 }) => dimValue > largestSize)) {
      problems.add(`the input '${name}' has a dimension of more than ${largestSize}`)
      continue
    }
    const type = typeName(info.type?.tensorType?.elemType, `the input '${name}'`)
    const batchAxis = batchOf(info)
    const logical = shape.dim.map((dim, axis): readonly Atom[] => {
      if (axis === batchAxis) return [parts.batch]
      return [{ dim: dimOf(dim), batch: false, origin: { input: name, axis } }]
    })
    const axes = logical.filter((_, axis) => axis !== batchAxis)
    const dims = axes.map(sizeOf)
    const given = visible(name).replaceAll('/', '_')
    const isTokens = isFloat(type) && isRounded(graph, name)
    const tensor = input({
      shape: dims.map((dim) => (typeof dim === 'number' ? dim : null)),
      dtype: isFloat(type) && !isTokens ? 'float32' : 'int32',
      ...(given === '' ? {} : { name: given }),
    })
    tensors.push(tensor)
    const value = { ...lowering.builder.computed(tensor, axes, logical, !isFloat(type)), whole: isTokens }
    // The batch of each input may turn out to be another of its axes.
    parts.inputs.push(value)
    scope.values.set(name, value)
  }
  if (parts.inputs.length === 0) problems.add('there is no input')
  if (!problems.isEmpty) return undefined
  lowering.run()
  if (!problems.isEmpty) return undefined
  const outputs = outputsOf(graph, lowering, problems)
  if (!problems.isEmpty) return undefined
  const one = outputs.length === 1
  const name = visible(graph.proto.name ?? '').replaceAll('/', '_')
  const made = model({
    inputs: tensors,
    outputs: one ? (outputs[0] as SymbolicTensor) : outputs,
    ...(name === '' ? {} : { name }),
  } as never)
  return { model: made as unknown as Model<Prediction>, entries: parts.entries }
}

/** Whether an input is read as whole numbers, as Keras reads tokens, whose type there is a float by default. */
const isRounded = ({ nodes }: Graph, name: string): boolean =>
  nodes.some((node) => node.op === 'Cast' && node.inputs[0] === name && wholeTypes.has(node.int('to', 1)))

/** Types of whole numbers, signed ones and others. */
const wholeTypes: ReadonlySet<number> = new Set([2, 3, 4, 5, 6, 7, 12, 13])

/** The outputs with the batch in front. Rows that the graph puts into one axis with others come apart again. */
function outputsOf(graph: Graph, lowering: Lowering, problems: Unmapped): SymbolicTensor[] {
  const { builder, scope } = lowering
  const refs: Ref[] = []
  for (const { name = '' } of graph.proto.output) {
    const found = scope.find(name)
    if (found === undefined) throw malformed(`nothing makes the output '${name}'`)
    // A constant that has as many rows as an input.
    const { dim: rows } = lowering.parts.batch
    const isOfRows = found.kind === 'constant' && typeof rows !== 'number' && found.dims.some((dim) => same(dim, rows))
    const value = isOfRows ? rowsOf({ builder, lowering } as Call, found) : found
    if (value.kind !== 'computed') {
      if (value.kind !== 'unknown') problems.add(`the output '${name}' does not depend on an input`)
      continue
    }
    if (lowering.orders.get(value) !== undefined) {
      problems.add(`the output '${name}' has the rows of the batch in an order that is not undone`)
      continue
    }
    builder.where = `the output '${name}'`
    try {
      refs.push(outputOf(builder, value))
    } catch (error) {
      if (!(error instanceof SeqloomError) || error.code !== 'ERR_UNSUPPORTED') throw error
      problems.add(`the output '${name}': ${error.message}`)
    }
  }
  return problems.isEmpty ? builder.tensors(refs) : []
}

function outputOf(builder: Builder, value: Computed): Ref {
  const own = (axis: readonly Atom[]) => axis.filter(({ batch }) => !batch)
  const axes = value.logical.filter((axis) => axis.length !== 1 || !(axis[0] as Atom).batch).map(own)
  const target: Axes = [builder.batch, ...axes]
  const ref = arranged(builder, value, target, true)
  // An input as it is would be no output of a layer.
  const isInput = builder.parts.inputs.some((each) => each.ref === ref)
  return isInput
    ? builder.record(
        [ref],
        ref.dims,
        first((v) => v.add(0)),
      )
    : ref
}

/** Gives a model its weights, which are read one after the other. */
async function assign(where: string, { model: made, entries }: Built): Promise<void> {
  const { engine } = made
  engine.prepareToLoad()
  await renew(engine, async (fresh) => {
    for (const { layer, weights } of entries) {
      for (const [at, index] of engine.indicesOf(layer).entries()) {
        const spec = engine.specs[index] as { readonly name: string; readonly shape: readonly number[] }
        const key = spec.name.slice(spec.name.lastIndexOf('/') + 1)
        const { stored, clamps, read } = (
          Array.isArray(weights) ? weights[at] : (weights as ReadonlyMap<string, Weight>).get(key)
        ) as Weight
        const size = count(spec.shape)
        const check = (found: number) => {
          if (found === size) return
          throw new SeqloomError('ERR_FORMAT', `${where}: ${spec.name} has ${found} values instead of ${size}`)
        }
        if (stored) {
          check(stored.moves.reduce((sum, move) => sum + countOf(move), 0))
          await fresh.move(index, stored.pieces, stored.moves, clamps)
          continue
        }
        const elements = await read()
        check(elements.length)
        await fresh.put(index, elements instanceof Float32Array ? elements : floats(where, elements), clamps)
      }
    }
  })
}

function floats(where: string, elements: Float64Array): Float32Array {
  const into = allocated(where, Float32Array, elements.length)
  into.set(elements)
  return into
}
