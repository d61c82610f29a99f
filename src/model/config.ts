import { SeqloomError } from '../errors.js'
import type { DType } from '../graph/shape.js'
import { InputLayer } from '../layers/input.js'
import type { AnyLayer, SymbolicTensor } from '../layers/layer.js'
import { layerFromConfig } from '../layers/registry.js'
import { type LayerConfig, layerConfig } from '../layers/serialize.js'
import { isRecord } from '../options.js'
import { connect, type Topology } from './topology.js'

/** Where a value comes from: a layer's name, which of its uses, and which of its outputs. */
export type Source = readonly [layer: string, use: number, output: number]

/** A layer of a saved model: its options, and for every use what it is applied to. */
export type SavedLayer = LayerConfig & { readonly inboundNodes: readonly (readonly Source[])[] }

/** A model as JSON, in the manner of Keras. */
export interface ModelConfig {
  readonly className: 'Sequential' | 'Functional'
  readonly config: {
    readonly name: string
    readonly seed: number
    readonly layers: readonly SavedLayer[]
    readonly inputLayers: readonly Source[]
    /** One source where the model gives a tensor instead of an array. */
    readonly outputLayers: readonly Source[]
    readonly returnsList: boolean
  }
}

/** The configuration of connected layers. */
export function configOf(
  className: ModelConfig['className'],
  name: string,
  seed: number,
  topology: Topology,
  returnsList: boolean,
): ModelConfig {
  const source = ({ call, index }: SymbolicTensor): Source => {
    const uses = topology.calls.filter(({ layer }) => layer === call.layer)
    return [topology.names.get(call.layer) as string, uses.indexOf(call), index]
  }
  const layers = topology.layers.map((layer): SavedLayer => {
    const calls = topology.calls.filter((call) => call.layer === layer)
    return {
      ...layerConfig(layer, topology.names.get(layer)),
      inboundNodes: calls.map((call) => call.inputs.map(source)),
    }
  })
  return {
    className,
    config: {
      name,
      seed,
      layers,
      inputLayers: topology.inputs.map(source),
      outputLayers: topology.outputs.map(source),
      returnsList,
    },
  }
}

const malformed = (what: string): SeqloomError => new SeqloomError('ERR_FORMAT', `the model's description ${what}`)

/** Rebuilds the layers and their connections. `ERR_FORMAT` for a description that is none of ours; nothing in it is executed. */
export function rebuild(saved: unknown): { readonly topology: Topology; readonly config: ModelConfig } {
  const config = checkConfig(saved)
  const { layers, inputLayers, outputLayers } = config.config
  const built = new Map<string, { readonly layer: AnyLayer; readonly saved: SavedLayer; uses: SymbolicTensor[][] }>()
  for (const entry of layers) {
    const name = entry.config.name
    if (typeof name !== 'string' || built.has(name)) throw malformed(`has the layer name ${JSON.stringify(name)} twice`)
    const layer = entry.className === 'InputLayer' ? savedInput(entry) : layerFromConfig(entry)
    built.set(name, { layer, saved: entry, uses: layer instanceof InputLayer ? [[layer.output]] : [] })
  }
  const find = (source: unknown): SymbolicTensor | undefined => {
    if (!Array.isArray(source)) throw malformed('has a connection that is no array')
    return built.get(source[0])?.uses[source[1]]?.[source[2]]
  }
  // Uses of shared layers can come in any order, so passes go on while they find something to connect.
  let missing = layers.filter(({ className }) => className !== 'InputLayer').flatMap(usesOf)
  while (missing.length > 0) {
    const next = missing.filter(({ name, use, sources }) => {
      const entry = built.get(name)
      const values = sources.map(find)
      if (!entry || entry.uses.length !== use || values.includes(undefined)) return true
      const result = entry.layer.apply(values as SymbolicTensor[])
      entry.uses.push(Array.isArray(result) ? [...result] : [result as SymbolicTensor])
      return false
    })
    if (next.length === missing.length) {
      throw malformed(`connects layer '${missing[0]?.name}' to something that does not exist`)
    }
    missing = next
  }
  const resolve = (source: Source): SymbolicTensor => {
    const value = find(source)
    if (!value) throw malformed(`names ${JSON.stringify(source)}, which does not exist`)
    return value
  }
  return { topology: connect(inputLayers.map(resolve), outputLayers.map(resolve)), config }
}

function usesOf({ config, inboundNodes }: SavedLayer) {
  return inboundNodes.map((sources, use) => ({ name: config.name as string, use, sources }))
}

function savedInput({ config }: SavedLayer): InputLayer {
  const { name, shape, dtype } = config
  return new InputLayer({ name: name as string, shape: shape as (number | null)[], dtype: dtype as DType })
}

function checkConfig(saved: unknown): ModelConfig {
  if (!isRecord(saved) || (saved.className !== 'Sequential' && saved.className !== 'Functional')) {
    throw malformed("has no className 'Sequential' or 'Functional'")
  }
  const { config } = saved
  if (!isRecord(config) || typeof config.name !== 'string') throw malformed('has no config with a name')
  if (!Number.isSafeInteger(config.seed) || (config.seed as number) < 0) throw malformed('has no seed')
  for (const list of ['layers', 'inputLayers', 'outputLayers']) {
    if (!Array.isArray(config[list]) || (config[list] as unknown[]).length === 0) throw malformed(`has no ${list}`)
  }
  for (const layer of config.layers as unknown[]) {
    if (!isRecord(layer) || !isRecord(layer.config) || !Array.isArray(layer.inboundNodes)) {
      throw malformed('has a layer without config and inboundNodes')
    }
    if (!layer.inboundNodes.every((sources) => Array.isArray(sources))) {
      throw malformed('has a layer whose inboundNodes are no arrays')
    }
  }
  return saved as unknown as ModelConfig
}
