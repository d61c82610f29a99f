import { SeqloomError } from '../../errors.js'
import * as layers from '../../layers/index.js'
import { input } from '../../layers/input.js'
import type { AnyLayer, SymbolicTensor } from '../../layers/layer.js'
import { model, randomSeed } from '../../model/functional.js'
import type { Model } from '../../model/model.js'
import { Sequential } from '../../model/sequential.js'
import { connect } from '../../model/topology.js'
import { isRecord } from '../../options.js'
import { groupNames, layerOf, type Part } from './layers.js'
import { type MaskOrigin, maskOrigin, mostMasks, WrittenMasks } from './masks.js'
import { type Argument, argumentsOption, broadcast, isFunction, isOperation, softmaxAlong } from './operations.js'
import { onlyAxis } from './options.js'
import { differsAtPadding, mayBeMasked, padsCount } from './padding.js'
import { isModel, type KerasObject, kerasObject, listOf, type Origin } from './saved.js'

/** A layer with weights, and the groups of a Keras 3 file that hold them. */
export interface Entry {
  readonly layer: AnyLayer
  readonly name: string
  /** The name of the layer of the whole model that it is, or is in. */
  readonly owner: string
  readonly parts: readonly Part[]
}

/** A model of ours, and its layers in the saved model's order, those of models inside of it too. */
export interface Built {
  readonly model: Model
  readonly entries: readonly Entry[]
}

/** Models within models, at most so deep. */
const deepest = 16

/** Nodes of a model at most: more than any model has that is described by hand. */
const mostNodes = 20_000

/** Makes a model of a saved one. What cannot be mapped is noted in `origin.problems`; undefined if nothing could be made then. */
export function modelOf(object: KerasObject, origin: Origin, depth = 0): Built | undefined {
  if (depth > deepest) throw new SeqloomError('ERR_FORMAT', `${origin.where}: models ${depth} deep`)
  if (object.className === 'Sequential') return sequentialOf(object, origin, depth)
  if (object.className === 'Functional' || object.className === 'Model') return functionalOf(object, origin, depth)
  origin.problems.add(`a model of class ${object.className}`)
  return undefined
}

/** A layer or a model, ready to be applied, with the entries below it. */
interface Ready {
  readonly apply: AnyLayer['apply']
  readonly entries: readonly Entry[]
}

function readyOf(object: KerasObject, group: string, origin: Origin, depth: number): Ready | undefined {
  const path = ['layers', group]
  if (isModel(object)) {
    const built = modelOf(object, origin, depth + 1)
    if (built === undefined) return undefined
    const entries = built.entries.map((entry) => ({
      ...entry,
      owner: object.name,
      parts: entry.parts.map((part) => ({ ...part, path: [...path, ...part.path] })),
    }))
    const { model: inner } = built
    return {
      apply: ((values: SymbolicTensor[]) => inner.apply(values)) as AnyLayer['apply'],
      entries,
    }
  }
  const innerModel: Origin['innerModel'] = (each) => {
    const built = modelOf(each, origin, depth + 1)
    if (built === undefined) return undefined
    // Our weights stand in the order in which layers are used.
    const order = built.model.topology().layers
    const entries = built.entries.toSorted((a, b) => order.indexOf(a.layer) - order.indexOf(b.layer))
    return { model: built.model, parts: entries.flatMap(({ parts }) => parts) }
  }
  const mapped = layerOf(object, { ...origin, innerModel })
  if (mapped === undefined) return undefined
  const parts = mapped.parts.map((part) => ({ ...part, path: [...path, ...part.path] }))
  return {
    apply: mapped.states ? reordered(mapped.layer, mapped.states) : mapped.layer.apply.bind(mapped.layer),
    entries: [{ layer: mapped.layer, name: object.name, owner: object.name, parts }],
  }
}

/** Applies a layer to states that are in another order than ours: `order` says which of ours each is. */
function reordered(layer: AnyLayer, order: readonly number[]): AnyLayer['apply'] {
  return (values, options = {}) => {
    const given = (options.initialState ?? []) as readonly SymbolicTensor[]
    const initialState = order.map((_, ours) => given[order.indexOf(ours)] as SymbolicTensor)
    const outputs = layer.apply(values, given.length === order.length ? { initialState } : options)
    if (!Array.isArray(outputs)) return outputs
    const [first, ...states] = outputs as SymbolicTensor[]
    return [first as SymbolicTensor, ...order.map((ours) => states[ours] as SymbolicTensor)]
  }
}

/** Whether a layer, or what stands first in a model, reads tokens. */
function isEmbedding({ className, config }: Pick<KerasObject, 'className' | 'config'>): boolean {
  if (className === 'Embedding') return true
  const inner: readonly unknown[] = Array.isArray(config.layers) ? config.layers : []
  const first = inner.find((each) => isRecord(each) && each.class_name !== 'InputLayer')
  return isRecord(first) && first.class_name === 'Embedding'
}

/** The shape of an input without its batch; undefined if a file does not say it. */
function shapeOf(given: unknown): (number | null)[] | undefined {
  if (!Array.isArray(given) || !given.every((size) => size === null || Number.isInteger(size))) return undefined
  return given.slice(1) as (number | null)[]
}

const shapeIn = ({ config, beside }: KerasObject): (number | null)[] | undefined =>
  shapeOf(config.batch_shape) ??
  shapeOf(config.batch_input_shape) ??
  (isRecord(beside.build_config) ? shapeOf(beside.build_config.input_shape) : undefined)

function sequentialOf(object: KerasObject, origin: Origin, depth: number): Built | undefined {
  const objects = listOf(origin.where, `the layers of '${object.name}'`, object.config.layers).map((each) =>
    kerasObject(origin.where, each),
  )
  const groups = groupNames(objects)
  const [first, second] = objects
  if (first === undefined)
    throw new SeqloomError('ERR_FORMAT', `${origin.where}: the model '${object.name}' has no layers`)
  const isInput = first.className === 'InputLayer'
  const consumer = isInput ? second : first
  const dtype = typeRead(isInput ? first : undefined, consumer ? [consumer] : [])
  const shape =
    shapeIn(first) ??
    shapeOf(object.config.build_input_shape) ??
    (dtype === 'string' ? [1] : dtype === 'int32' ? [null] : undefined)
  if (shape === undefined) {
    origin.problems.add(`the model '${object.name}', which does not say the shape of its input`)
    return undefined
  }
  const source = input({ shape, dtype, ...(isInput && { name: first.name }) })
  let values: readonly SymbolicTensor[] | undefined = [source]
  const entries: Entry[] = []
  objects.forEach((each, index) => {
    if (index === 0 && isInput) return
    const ready = readyOf(each, groups[index] as string, origin, depth)
    values = ready && values && applied(each, ready, values, [], origin)
    if (ready) entries.push(...ready.entries)
  })
  const outputs: readonly SymbolicTensor[] | undefined = values
  if (outputs === undefined || !origin.problems.isEmpty) return undefined
  const topology = connect([source], [outputs[0] as SymbolicTensor])
  return { model: Sequential.from(topology, object.name, randomSeed()) as Model, entries }
}

/** What an input holds: what it says itself, or what its readers read. */
function typeRead(given: KerasObject | undefined, readers: readonly KerasObject[]): 'float32' | 'int32' | 'string' {
  const said = given?.config.dtype
  if (said === 'string') return 'string'
  if (readers.some(isEmbedding)) return 'int32'
  for (const { className, config } of readers) {
    if (className === 'TextVectorization') return 'string'
    if (className === 'StringLookup') return config.invert === true ? 'int32' : 'string'
    if (className === 'IntegerLookup' || className === 'CategoryEncoding') return 'int32'
    if (className === 'Hashing' || className === 'HashedCrossing')
      return typeof said === 'string' && said.startsWith('int') ? 'int32' : said === undefined ? 'string' : 'float32'
  }
  return 'float32'
}

function applied(
  object: KerasObject,
  ready: Ready,
  given: readonly SymbolicTensor[],
  initialState: readonly SymbolicTensor[],
  origin: Origin,
  withoutMask = ignoresMask(object, origin),
): readonly SymbolicTensor[] | undefined {
  if (withoutMask && given.some(differsAtPadding)) {
    origin.problems.add(
      `the ${object.className} '${object.name}', which counts padded steps of a MultiHeadAttention: ours are zero`,
    )
    return undefined
  }
  const values = given.map((value) => (withoutMask && mayBeMasked(value) ? unmasked(value) : value))
  if (isRecurrent(object) && object.config.go_backwards === true && object.config.return_sequences === true) {
    if (mayBeMasked(values[0] as SymbolicTensor)) {
      origin.problems.add(
        `the ${object.className} '${object.name}', which goes backwards over padded sequences and returns them: its outputs stand at other steps there`,
      )
      return undefined
    }
  }
  const axis = isOperation(object) ? -1 : (onlyAxis(object) ?? -1)
  const isLast = axis === -1 || axis === (values[0] as SymbolicTensor).shape.length - 1
  const along = !isLast && object.className === 'Softmax' ? softmaxAlong(axis) : undefined
  if (!isLast && !along) {
    origin.problems.add(`the axis ${axis} of the ${object.className} '${object.name}'`)
    return undefined
  }
  try {
    const read = values.length === 1 ? (values[0] as SymbolicTensor) : values
    const made = along ?? (isBroadcast(values) ? broadcast(object) : undefined)
    const layer = made ? (made[0]({ ...made[1], name: object.name } as never) as Ready) : ready
    const outputs = layer.apply(read, initialState.length > 0 ? { initialState } : {})
    return Array.isArray(outputs) ? outputs : [outputs as SymbolicTensor]
  } catch (error) {
    if (!(error instanceof SeqloomError)) throw error
    origin.problems.add(`the ${object.className} '${object.name}': ${error.message}`)
    return undefined
  }
}

/** Whether values have as many dimensions, of different sizes, and none is padded: what became of that, layers that merge would say. */
function isBroadcast(values: readonly SymbolicTensor[]): boolean {
  const [first, ...others] = values.map(({ shape }) => shape) as [readonly unknown[], ...(readonly unknown[])[]]
  return (
    others.some((shape) => String(shape) !== String(first)) &&
    others.every((shape) => shape.length === first.length) &&
    !values.some(mayBeMasked)
  )
}

const isRecurrent = ({ className }: KerasObject) => recurrentClasses.includes(className)

/** Whether a layer treats padded steps like others, where ours does not. */
const ignoresMask = (object: KerasObject, { dialect }: Origin) =>
  isOperation(object) || padsCount(object.className, dialect)

/** The same values without a mask. */
const unmasked = (value: SymbolicTensor): SymbolicTensor =>
  layers.reshape({ targetShape: value.shape.slice(1) }).apply(value)

/** A use of a layer: what it reads, and how it is called. */
interface Node {
  readonly object: KerasObject
  readonly index: number
  readonly values: readonly string[]
  readonly initialState: readonly string[]
  /** Where the mask comes from that it is given, if it is given one. */
  readonly masks: ReadonlySet<MaskOrigin>
  /** Whether it treats padded steps like others, whatever its layer does elsewhere. */
  readonly padsCount: boolean
}

const keyOf = (name: unknown, node: unknown, tensor: unknown): string =>
  // What is neither a name nor a number may be anything, and is the place of nothing.
  JSON.stringify([
    typeof name === 'string' ? name : null,
    ...[node, tensor].map((at) => (typeof at === 'number' ? at : null)),
  ])

function functionalOf(object: KerasObject, origin: Origin, depth: number): Built | undefined {
  const { where } = origin
  const objects = listOf(where, `the layers of '${object.name}'`, object.config.layers).map((each) =>
    kerasObject(where, each),
  )
  const groups = groupNames(objects)
  let nodes: Node[] = []
  const flags = new Map<KerasObject, Record<string, unknown>>()
  const masks = new WrittenMasks()
  const operations = new Set<KerasObject>()
  for (const each of objects) {
    const all = each.beside.inbound_nodes ?? []
    listOf(where, `the inbound_nodes of '${each.name}'`, all).forEach((given, index) => {
      if (isRecord(given) && masks.take(each, keyOf(each.name, index, 0), given, tensorsIn(given.args))) {
        operations.add(each)
      } else nodes.push(nodeOf(each, index, given, origin, flags, masks))
    })
  }
  if (nodes.length > mostNodes) throw new SeqloomError('ERR_FORMAT', `${where}: more than ${mostNodes} uses of layers`)
  nodes = countedFromOne(nodes, object)
  const readersOf = (key: string) => nodes.filter(({ values }) => values.includes(key)).map((node) => node.object)

  const found = new Map<string, SymbolicTensor>()
  const entries: Entry[] = []
  const ready = new Map<KerasObject, Ready>()
  objects.forEach((each, index) => {
    if (operations.has(each)) return
    if (each.className === 'InputLayer') {
      const key = keyOf(each.name, 0, 0)
      const shape = shapeIn(each)
      if (shape) found.set(key, input({ shape, dtype: typeRead(each, readersOf(key)), name: each.name }))
      else origin.problems.add(`the input '${each.name}', which does not say its shape`)
      return
    }
    const made = readyOf(
      { ...each, config: { ...each.config, ...flags.get(each) } },
      groups[index] as string,
      origin,
      depth,
    )
    if (made === undefined) return
    ready.set(each, made)
    entries.push(...made.entries)
  })
  if (!origin.problems.isEmpty) return undefined
  run(nodes, ready, found, origin)

  const ends = (what: string) => {
    const given = object.config[what]
    const one = Array.isArray(given) && typeof given[0] === 'string'
    // Inputs and outputs may be given by names, too; ours are lists.
    const many = isRecord(given) ? Object.values(given) : given
    const list = one ? [given] : listOf(where, `${what} of '${object.name}'`, many)
    const values = list.map((each) => {
      const [name, node, tensor] = listOf(where, `${what} of '${object.name}'`, each)
      const value = found.get(keyOf(name, node, tensor))
      if (value === undefined) origin.problems.add(`${JSON.stringify(name)} among ${what} of '${object.name}'`)
      return value
    })
    return values as SymbolicTensor[]
  }
  const [inputs, outputs] = [ends('input_layers'), ends('output_layers')]
  if (!origin.problems.isEmpty) return undefined
  const one = outputs.length === 1
  const options = { inputs, outputs: one ? (outputs[0] as SymbolicTensor) : outputs, name: object.name }
  return { model: model(options as never) as unknown as Model, entries }
}

/** Applies all layers whose inputs are known, until none is left. */
function run(
  nodes: readonly Node[],
  ready: ReadonlyMap<KerasObject, Ready>,
  found: Map<string, SymbolicTensor>,
  origin: Origin,
): void {
  // Each value's readers wait for it, so that every node is looked at as often as it has inputs.
  const waiting = new Map<string, Node[]>()
  const missing = new Map<Node, number>()
  const able: Node[] = []
  for (const node of nodes) {
    const needed = new Set([...node.values, ...node.initialState].filter((key) => !found.has(key)))
    missing.set(node, needed.size)
    if (needed.size === 0) able.push(node)
    for (const key of needed) waiting.set(key, [...(waiting.get(key) ?? []), node])
  }
  const origins = new Map<string, ReadonlySet<MaskOrigin>>()
  let done = 0
  for (let node = able.shift(); node !== undefined; node = able.shift()) {
    done += 1
    const { object, index } = node
    const of = (keys: readonly string[]) => keys.map((key) => found.get(key) as SymbolicTensor)
    const carried = originsOf(node, origins)
    if (carried.size > mostMasks) {
      origin.problems.add(`a model with more than ${mostMasks} masks`)
      return
    }
    if (![...node.masks].every((mask) => carried.has(mask))) {
      origin.problems.add(`the mask of the ${object.className} '${object.name}', which is not the one of its input`)
    }
    const [values, states] = [of(node.values), of(node.initialState)]
    const withoutMask = node.padsCount || ignoresMask(object, origin)
    const outputs = applied(object, ready.get(object) as Ready, values, states, origin, withoutMask)
    if (outputs === undefined) return
    outputs.forEach((value, tensor) => {
      const key = keyOf(object.name, index, tensor)
      if (found.has(key)) return
      found.set(key, value)
      origins.set(key, carried)
      for (const reader of waiting.get(key) ?? []) {
        const left = (missing.get(reader) as number) - 1
        missing.set(reader, left)
        if (left === 0) able.push(reader)
      }
    })
  }
  if (done < nodes.length) origin.problems.add('layers whose inputs no layer makes')
}

/** Where the masks come from that a node's inputs carry, and the one that it makes. */
function originsOf({ object, values }: Node, origins: ReadonlyMap<string, ReadonlySet<MaskOrigin>>): Set<MaskOrigin> {
  const { className, config } = object
  const carried = new Set(values.flatMap((key) => [...(origins.get(key) ?? [])]))
  if (className === 'Embedding' && config.mask_zero === true) carried.add(maskOrigin(values[0] as string, 0))
  if (className === 'Masking') carried.add(maskOrigin(values[0] as string, config.mask_value ?? 0))
  return carried
}

/** A model has a use of its own before those within another one, so files count the latter from one. */
function countedFromOne(nodes: readonly Node[], model: KerasObject): Node[] {
  const uses = new Map<string, number>()
  for (const { object } of nodes) if (isModel(object)) uses.set(object.name, (uses.get(object.name) ?? 0) + 1)
  const shifted = new Set<string>()
  const note = (name: unknown, node: unknown) => {
    if (typeof name === 'string' && uses.get(name) === node) shifted.add(name)
  }
  for (const { values, initialState } of nodes) {
    for (const key of [...values, ...initialState]) {
      const [name, node] = JSON.parse(key) as unknown[]
      note(name, node)
    }
  }
  const { output_layers: ends } = model.config
  for (const each of Array.isArray(ends) ? [ends, ...ends] : []) if (Array.isArray(each)) note(each[0], each[1])
  return nodes.map((node) => (shifted.has(node.object.name) ? { ...node, index: node.index + 1 } : node))
}

const recurrentClasses = ['LSTM', 'GRU', 'SimpleRNN', 'RNN', 'ConvLSTM1D', 'ConvLSTM2D', 'Bidirectional']

/** Options of ours that Keras is given where a layer is called. */
const callFlags = ['return_attention_scores', 'use_causal_mask']

/** Reads a use of a layer, of Keras 3 or of Keras 2 and tfjs. */
function nodeOf(
  object: KerasObject,
  index: number,
  given: unknown,
  origin: Origin,
  flags: Map<KerasObject, Record<string, unknown>>,
  written: WrittenMasks,
): Node {
  const [args, kwargs] = isRecord(given)
    ? [given.args, isRecord(given.kwargs) ? given.kwargs : {}]
    : [given, oldKwargs(given)]
  const all = isRecord(given) ? tensorsIn(args) : oldTensors(origin.where, object, given)
  if (isOperation(object)) {
    const counted = { inputs: 0 }
    const list = Array.isArray(args) ? args : []
    flags.set(object, { [argumentsOption]: list.map((argument) => argumentOf(argument, counted)) })
    if (index > 0) origin.problems.add(`the operation ${object.className} '${object.name}', which is used twice`)
  }
  const named: string[] = []
  let masks: ReadonlySet<MaskOrigin> = new Set()
  for (const [name, value] of Object.entries(kwargs)) {
    if (name === 'initial_state') continue
    const tensors = isRecord(given) ? tensorsIn(value) : oldTensorsIn(value)
    const givenMask = name === 'mask' && tensors.length > 0 ? written.of(tensors) : undefined
    if (givenMask !== undefined) masks = givenMask
    else if (isFunction(object) && name === 'y' && (tensors.length > 0 || typeof value === 'number')) {
      if (tensors.length > 0) named.push(...tensors)
      else flags.set(object, { ...flags.get(object), y: value })
    } else if (['query', 'value', 'key', 'inputs', 'sequences', 'sequence'].includes(name) && tensors.length > 0)
      named.push(...tensors)
    else if (callFlags.includes(name)) flags.set(object, { ...flags.get(object), [name]: value === true })
    else if (value !== null && value !== false && name !== 'training') {
      origin.problems.add(`the argument ${name} of the ${object.className} '${object.name}'`)
    }
  }
  const values = [...all, ...named]
  const states = isRecord(given) ? tensorsIn(kwargs.initial_state) : oldTensorsIn(kwargs.initial_state)
  // Keras 2 and tfjs list the first states among the inputs.
  const isOld = !isRecord(given) && recurrentClasses.includes(object.className) && states.length === 0
  return {
    object,
    index,
    values: isOld ? values.slice(0, 1) : values,
    initialState: isOld ? values.slice(1) : states,
    masks,
    // Keras 3 says which mask it passes. To a recurrent layer that is called with states it passes none.
    padsCount:
      isRecord(given) && masks.size === 0 && (kwargs.mask === null || (states.length > 0 && isRecurrent(object))),
  }
}

/** An argument of an operation, its tensors numbered from `counted` on, in the order of {@link tensorsIn}. */
function argumentOf(value: unknown, counted: { inputs: number }): Argument {
  if (!Array.isArray(value)) {
    return tensorsIn(value).length > 0 ? { input: counted.inputs++ } : { given: value }
  }
  return { given: tensorsIn(value).length > 0 ? value.map((each) => argumentOf(each, counted)) : value }
}

/** All tensors that a value of Keras 3 holds, in order. */
function tensorsIn(value: unknown, depth = 0): string[] {
  if (depth > deepest) return []
  if (Array.isArray(value)) return value.flatMap((each) => tensorsIn(each, depth + 1))
  if (!isRecord(value)) return []
  const history =
    value.class_name === '__keras_tensor__' && isRecord(value.config) ? value.config.keras_history : undefined
  return Array.isArray(history) ? [keyOf(history[0], history[1], history[2])] : []
}

/** All tensors among an argument of Keras 2. */
function oldTensorsIn(value: unknown, depth = 0): string[] {
  if (depth > deepest || !Array.isArray(value)) return []
  const [name, node, tensor] = value
  if (typeof name === 'string' && Number.isInteger(node) && Number.isInteger(tensor)) return [keyOf(name, node, tensor)]
  return value.flatMap((each) => oldTensorsIn(each, depth + 1))
}

function oldTensors(where: string, object: KerasObject, given: unknown): string[] {
  const what = `the inbound_nodes of '${object.name}'`
  const list = listOf(where, what, given)
  const all = typeof list[0] === 'string' ? [list] : list
  return all.map((each) => {
    const [name, node, tensor] = listOf(where, what, each)
    return keyOf(name, node, tensor)
  })
}

/** The arguments that follow the first input of an old node. */
function oldKwargs(given: unknown): Record<string, unknown> {
  const [first] = Array.isArray(given) ? (typeof given[0] === 'string' ? [given] : given) : []
  const kwargs = Array.isArray(first) ? first[3] : undefined
  return isRecord(kwargs) ? kwargs : {}
}
