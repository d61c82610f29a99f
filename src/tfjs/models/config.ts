import { describe, SeqloomError } from '../../errors.js'
import { camelCase, snakeCase } from '../../interop/keras/saved.js'
import { checkDepth } from '../../limits.js'
import { isRecord } from '../../options.js'
import { InputLayer } from '../layers/input.js'
import { type ConfigDict, type Layer, toList } from '../layers/layer.js'
import { classNamed } from '../layers/registry.js'
import type { SymbolicTensor } from '../layers/symbolic.js'
import { LayersModel } from './model.js'
import { Sequential } from './sequential.js'

// Models as tfjs's `model.json` describes them: classes with configurations whose names are Python's.

/** A description of a layer or a model. */
export interface Description {
  readonly class_name: string
  readonly config: ConfigDict
}

/** Options whose values are names of the user's, not words of tfjs's. */
const names = new Set(['name', 'layerName', 'inboundNodes', 'inputLayers', 'outputLayers'])

/** Options under Python's names. */
function pythonic(value: unknown, key?: string): unknown {
  if (Array.isArray(value)) return value.map((each) => pythonic(each, key))
  if (typeof value === 'string') return key === undefined || names.has(key) ? value : word(value)
  if (!isRecord(value)) return value
  const entries = Object.entries(value).filter(([, each]) => each !== undefined)
  return Object.fromEntries(
    entries.map(([name, each]) => [
      snake(name),
      // Classes and dtypes are not words.
      name === 'className' || name === 'dtype' ? each : pythonic(each, name),
    ]),
  )
}

const snake = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
export const word = (value: string): string => (/^[a-z]+([A-Z][a-z0-9]*)+$/.test(value) ? snakeCase(value) : value)

/** Options of tfjs for those of Python. */
function native(value: unknown, key?: string): unknown {
  if (Array.isArray(value)) return value.map((each) => native(each, key))
  if (typeof value === 'string') return key === undefined || names.has(key) ? value : unworded(value)
  if (!isRecord(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => {
      const own = camelCase(name)
      return [own, own === 'className' || own === 'dtype' ? each : native(each, own)]
    }),
  )
}

export const unworded = (value: string): string => (/^[a-z0-9]+(_[a-z0-9]+)+$/.test(value) ? camelCase(value) : value)

/** The description of a model. */
export function describeModel(model: LayersModel): Description {
  return { class_name: model.getClassName(), config: writtenConfig(model) }
}

/** What a model is made of, by tfjs's names. */
export const configOf = (model: LayersModel): ConfigDict => native(writtenConfig(model)) as ConfigDict

function describeLayer(layer: Layer): Description {
  if (layer instanceof LayersModel) return describeModel(layer)
  return { class_name: layer.getClassName(), config: pythonic(layer.getConfig()) as ConfigDict }
}

function writtenConfig(model: LayersModel): ConfigDict {
  if (model instanceof Sequential) return { name: model.name, layers: model.layers.map(describeLayer) }
  const { layers, graph } = model
  const nodes = new Set(graph.nodesByDepth.flat())
  // Uses of the layers in other models do not count. A model has a use of its own before those as a layer.
  const places = new Map(
    layers.flatMap((layer) =>
      layer.inboundNodes
        .filter((node) => nodes.has(node))
        .map((node, index) => [node, index + firstUse(layer)] as const),
    ),
  )
  const source = ({ node, sourceLayer, tensorIndex }: SymbolicTensor) => [
    sourceLayer.name,
    places.get(node) ?? 0,
    tensorIndex,
  ]
  return {
    name: model.name,
    layers: layers.map((layer) => ({
      name: layer.name,
      ...describeLayer(layer),
      inbound_nodes: layer.inboundNodes
        .filter((node) => nodes.has(node) && node.inputs.length > 0)
        .map((node) => node.inputs.map((value) => [...source(value), {}])),
    })),
    input_layers: model.inputs.map(source),
    output_layers: model.outputs.map(source),
  }
}

/** Where files begin to count the uses of a layer. */
const firstUse = (layer: Layer): number => (layer instanceof LayersModel ? 1 : 0)

/** Classes of one's own by name. */
export type CustomObjects = Readonly<Record<string, unknown>>

const modelClasses = ['Sequential', 'Model', 'Functional']

/** The ends of a model; one may stand alone. */
const endsOf = (given: readonly unknown[]): readonly unknown[] => (typeof given[0] === 'string' ? [given] : given)

/** Models within models at most. */
const deepest = 16

/** Makes the model that a description says, without weights. `ERR_FORMAT`, `ERR_UNSUPPORTED`. */
export function modelFromDescription(given: unknown, custom: CustomObjects = {}): LayersModel {
  checkDepth('the model', given)
  const topology = isRecord(given) ? (given.model_config ?? given) : given
  const made = deserialized(topology, custom, 0)
  if (made instanceof LayersModel) return made
  throw new SeqloomError('ERR_FORMAT', `the model: expected a Sequential or a Model, got a ${made.getClassName()}`)
}

function deserialized(given: unknown, custom: CustomObjects, depth: number): Layer {
  if (depth > deepest) throw new SeqloomError('ERR_FORMAT', `the model: models ${depth} deep`)
  const { class_name: className, config } = (isRecord(given) ? given : {}) as Record<string, unknown>
  if (typeof className !== 'string' || (!isRecord(config) && !Array.isArray(config))) {
    throw new SeqloomError(
      'ERR_FORMAT',
      `the model: expected a layer with class_name and config, got ${describe(given)}`,
    )
  }
  if (modelClasses.includes(className) && !Object.hasOwn(custom, className)) {
    return className === 'Sequential'
      ? sequentialOf(config, custom, depth)
      : functionalOf(config as ConfigDict, custom, depth)
  }
  const made = classNamed(className, custom)
  const options = native(config) as ConfigDict
  for (const [name, inner] of Object.entries(config as ConfigDict)) {
    const own = camelCase(name)
    if (own === 'layer' || own === 'cell') options[own] = deserialized(inner, custom, depth + 1)
    if (own === 'cells' && Array.isArray(inner)) {
      options[own] = inner.map((each: unknown) => deserialized(each, custom, depth + 1))
    }
  }
  return made.fromConfig ? made.fromConfig(made, options) : new made(options as never)
}

function sequentialOf(config: ConfigDict | unknown[], custom: CustomObjects, depth: number): Sequential {
  // Old files list their layers without a config around.
  const { layers, name } = Array.isArray(config) ? { layers: config, name: undefined } : config
  if (!Array.isArray(layers)) throw new SeqloomError('ERR_FORMAT', 'the model: its layers are no list')
  return new Sequential({
    ...(typeof name === 'string' && { name }),
    layers: layers.map((each) => deserialized(each, custom, depth + 1)),
  })
}

function functionalOf(config: ConfigDict, custom: CustomObjects, depth: number): LayersModel {
  const { layers, input_layers: inputs, output_layers: outputs, name } = config
  if (!Array.isArray(layers) || !Array.isArray(inputs) || !Array.isArray(outputs)) {
    throw new SeqloomError('ERR_FORMAT', 'the model: it has no layers, input_layers and output_layers')
  }
  const made = new Map<string, Layer>()
  const values = new Map<string, readonly SymbolicTensor[]>()
  const keyOf = (layer: unknown, index: unknown) => JSON.stringify([layer, Number(index)])
  const waiting: { readonly layer: Layer; readonly index: number; readonly node: readonly unknown[] }[] = []
  for (const each of layers as unknown[]) {
    const own = isRecord(each) ? (each.name ?? (isRecord(each.config) ? each.config.name : undefined)) : undefined
    if (typeof own !== 'string') throw new SeqloomError('ERR_FORMAT', 'the model: a layer has no name')
    const layer = deserialized(each, custom, depth + 1)
    made.set(own, layer)
    if (layer instanceof InputLayer) {
      values.set(keyOf(own, 0), toList(layer.output))
      continue
    }
    const nodes = (each as Record<string, unknown>).inbound_nodes
    if (!Array.isArray(nodes))
      throw new SeqloomError('ERR_FORMAT', `the model: the layer '${own}' has no inbound_nodes`)
    nodes.forEach((node: unknown, index) => {
      if (!Array.isArray(node))
        throw new SeqloomError('ERR_FORMAT', `the model: an inbound node of '${own}' is no list`)
      waiting.push({ layer, index, node: typeof node[0] === 'string' ? [node] : node })
    })
  }
  // Some programs count the uses of models from zero.
  const fromZero = new Set(
    [...waiting.flatMap(({ node }) => node), ...endsOf(inputs), ...endsOf(outputs)].flatMap((each) =>
      Array.isArray(each) && Number(each[1]) === 0 ? [String(each[0])] : [],
    ),
  )
  const sourceOf = (given: unknown): SymbolicTensor | undefined => {
    const [layer, index, at] = Array.isArray(given) ? given : []
    return values.get(keyOf(layer, index))?.[Number(at)]
  }
  const nameOf = new Map([...made].map(([own, layer]) => [layer, own]))
  for (let left = waiting; left.length > 0; ) {
    const able = left.filter(({ node }) => node.every((each) => sourceOf(each) !== undefined))
    if (able.length === 0) throw new SeqloomError('ERR_FORMAT', 'the model: layers read what no layer makes')
    for (const { layer, index, node } of able) {
      const [first] = node
      const kwargs = Array.isArray(first) && isRecord(first[3]) ? (native(first[3]) as ConfigDict) : {}
      const read = node.map((each) => sourceOf(each) as SymbolicTensor)
      const result = layer.apply(read.length === 1 ? (read[0] as SymbolicTensor) : read, kwargs) as
        | SymbolicTensor
        | SymbolicTensor[]
      const own = nameOf.get(layer) as string
      values.set(keyOf(own, index + (fromZero.has(own) ? 0 : firstUse(layer))), toList(result))
    }
    left = left.filter((each) => !able.includes(each))
  }
  const ends = (what: string, given: readonly unknown[]) =>
    endsOf(given).map((each) => {
      const value = sourceOf(each)
      if (value) return value
      throw new SeqloomError('ERR_FORMAT', `the model: ${describe(each)} among its ${what} is made by no layer`)
    })
  return new LayersModel({
    inputs: ends('input_layers', inputs),
    outputs: ends('output_layers', outputs),
    ...(typeof name === 'string' && { name }),
  })
}
