import { describe, SeqloomError } from '../errors.js'
import type { ValueType } from '../graph/shape.js'
import { InputLayer } from '../layers/input.js'
import type { AnyLayer, Call, SymbolicTensor } from '../layers/layer.js'
import { layerFromConfig } from '../layers/registry.js'
import { type LayerConfig, layerConfig } from '../layers/serialize.js'
import { checkDepth, limits } from '../limits.js'
import { isRecord } from '../options.js'
import { connect, type Topology } from './topology.js'

/** @inline Where a value comes from: a layer's name, which of its uses, and which of its outputs. */
export type Source = readonly [layer: string, use: number, output: number]

/** @inline A layer of a saved model: its options, and the inputs of each of its uses. */
export type SavedLayer = LayerConfig & { readonly inboundNodes: readonly (readonly Source[])[] }

/** A model as JSON, in the manner of Keras. */
export interface ModelConfig {
  readonly className: 'Sequential' | 'Functional'
  readonly config: {
    readonly name: string
    readonly seed: number
    readonly layers: readonly SavedLayer[]
    readonly inputLayers: readonly Source[]
    /** A single source if the model returns a tensor instead of an array. */
    readonly outputLayers: readonly Source[]
    readonly returnsList: boolean
    /** How weights are stored, if they were quantized. */
    readonly quantization?: Quantization
  }
}

/** How a model's weights are stored, if they were quantized: as integers of 8 bits with a scale for each output channel. */
export type Quantization = 'int8'

/** The configuration of connected layers. */
export function configOf(
  className: ModelConfig['className'],
  name: string,
  seed: number,
  topology: Topology,
  returnsList: boolean,
  quantization?: Quantization,
): ModelConfig {
  const uses = new Map<AnyLayer, Call[]>(topology.layers.map((layer) => [layer, []]))
  const places = new Map<Call, number>()
  for (const call of topology.calls) places.set(call, (uses.get(call.layer)?.push(call) ?? 0) - 1)
  const source = ({ call, index }: SymbolicTensor): Source => {
    return [topology.names.get(call.layer) as string, places.get(call) as number, index]
  }
  const layers = topology.layers.map(
    (layer): SavedLayer => ({
      ...layerConfig(layer, topology.names.get(layer)),
      inboundNodes: uses.get(layer)?.map((call) => call.inputs.map(source)) ?? [],
    }),
  )
  return {
    className,
    config: {
      name,
      seed,
      layers,
      inputLayers: topology.inputs.map(source),
      outputLayers: topology.outputs.map(source),
      returnsList,
      ...(quantization && { quantization }),
    },
  }
}

const malformed = (what: string): SeqloomError => new SeqloomError('ERR_FORMAT', `the model's description ${what}`)

/**
 * Rebuilds the layers and their connections. `ERR_FORMAT` for a description that is not Seqloom's; nothing in it is
 * executed.
 */
export function rebuild(saved: unknown): { readonly topology: Topology; readonly config: ModelConfig } {
  checkDepth("the model's description", saved)
  const config = checkConfig(saved)
  const { layers, inputLayers, outputLayers } = config.config
  const built = new Map<unknown, BuiltLayer>()
  for (const entry of layers) {
    const name = entry.config.name
    if (typeof name !== 'string' || built.has(name)) throw malformed(`has the layer name ${describe(name)} twice`)
    const layer = entry.className === 'InputLayer' ? savedInput(entry) : layerFromConfig(entry)
    built.set(name, { layer, saved: entry, uses: layer instanceof InputLayer ? [[layer.output]] : [] })
  }
  const find = (source: unknown): SymbolicTensor | undefined => {
    if (!Array.isArray(source)) throw malformed('has a connection that is no array')
    const [name, use, output] = source
    return Number.isInteger(use) && Number.isInteger(output) ? built.get(name)?.uses[use]?.[output] : undefined
  }
  connectUses(layers, built, find)
  const resolve = (source: Source): SymbolicTensor => {
    const value = find(source)
    if (!value) throw malformed(`names ${describe(source)}, which does not exist`)
    return value
  }
  return { topology: connect(inputLayers.map(resolve), outputLayers.map(resolve)), config }
}

/** A layer that has been built, and the values of its uses so far. */
interface BuiltLayer {
  readonly layer: AnyLayer
  readonly saved: SavedLayer
  readonly uses: SymbolicTensor[][]
}

/**
 * Applies the layers. Uses can come in any order: each waits for the first thing that it lacks, and continues once that
 * exists.
 */
function connectUses(
  layers: readonly SavedLayer[],
  built: ReadonlyMap<unknown, BuiltLayer>,
  find: (source: unknown) => SymbolicTensor | undefined,
): void {
  const waiting = new Map<string, Use[]>()
  const ready: Use[] = []
  let missing = 0
  for (const { className, config, inboundNodes } of layers) {
    if (className === 'InputLayer') continue
    missing += inboundNodes.length
    if (missing > limits.operations) throw malformed(`has more than ${limits.operations} uses of layers`)
    inboundNodes.forEach((sources, use) => {
      ready.push({ name: config.name as string, use, sources, next: 0 })
    })
  }
  ready.reverse()
  for (let each = ready.pop(); each; each = ready.pop()) {
    const lacking = lackOf(each, built, find)
    if (lacking !== undefined) {
      const others = waiting.get(lacking)
      if (others) others.push(each)
      else waiting.set(lacking, [each])
      continue
    }
    const { layer, uses } = built.get(each.name) as BuiltLayer
    const result = layer.apply(each.sources.map(find) as SymbolicTensor[])
    uses.push(Array.isArray(result) ? [...result] : [result as SymbolicTensor])
    missing -= 1
    const key = keyOf(each.name, each.use)
    ready.push(...(waiting.get(key) ?? []))
    waiting.delete(key)
  }
  if (missing === 0) return
  const first = [...waiting.values()][0]?.[0]
  throw malformed(`connects layer '${first?.name}' to something that does not exist`)
}

/** A use of a layer that has not been applied yet. */
interface Use {
  readonly name: string
  /** Which use of its layer it is. */
  readonly use: number
  readonly sources: readonly Source[]
  /** How many of the sources are known to exist. */
  next: number
}

const keyOf = (name: unknown, use: unknown): string => `${String(use)}/${String(name)}`

/** The key of the first use that a use lacks: the previous use of its layer, or one of its inputs. */
function lackOf(
  each: Use,
  built: ReadonlyMap<unknown, BuiltLayer>,
  find: (source: unknown) => SymbolicTensor | undefined,
): string | undefined {
  if ((built.get(each.name)?.uses.length ?? 0) < each.use) return keyOf(each.name, each.use - 1)
  for (; each.next < each.sources.length; each.next++) {
    const source = each.sources[each.next] as Source
    if (!find(source)) return keyOf(source[0], source[1])
  }
  return undefined
}

function savedInput({ config }: SavedLayer): InputLayer {
  const { name, shape, dtype, batchSize = null } = config
  return new InputLayer({
    name: name as string,
    shape: shape as (number | null)[],
    dtype: dtype as ValueType,
    batchSize: batchSize as number | null,
  })
}

function checkConfig(saved: unknown): ModelConfig {
  if (!isRecord(saved) || (saved.className !== 'Sequential' && saved.className !== 'Functional')) {
    throw malformed("has no className 'Sequential' or 'Functional'")
  }
  const { config } = saved
  if (!isRecord(config) || typeof config.name !== 'string') throw malformed('has no config with a name')
  if (config.quantization !== undefined && config.quantization !== 'int8') {
    throw malformed(`has the quantization ${describe(config.quantization)}, not 'int8'`)
  }
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
