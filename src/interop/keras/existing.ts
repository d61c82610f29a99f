import { isInnerModel } from '../../layers/inner.js'
import type { AnyLayer } from '../../layers/layer.js'
import { TimeDistributed } from '../../layers/timeDistributed.js'
import type { Engine } from '../../model/engine.js'
import type { Model } from '../../model/model.js'
import { Sequential } from '../../model/sequential.js'
import { Unmapped } from '../format.js'
import type { Group } from '../hdf5/index.js'
import type { Dialect } from './classes.js'
import { describeInner } from './describe.js'
import { type Describing, describeLayer, type LayerDescription } from './describeLayer.js'
import type { Entry } from './graph.js'
import { groupNames, layerOf } from './layers.js'
import { kerasOrder } from './order.js'
import { kerasObject, type Origin, type Part } from './saved.js'
import { type StoredLayer, type StoredWeights, storedLayers } from './stored.js'
import { assign } from './weights.js'

/**
 * Gives a model that exists the weights of a file: layer by layer of the same name if all names are the same, else in Keras's order, which is how Keras itself
 * loads them. Everything that does not fit is noted in `origin.problems`, and no weight is changed then.
 */
export async function fill(model: Model, weights: Group, origin: Origin): Promise<void> {
  const entries = entriesOf(model, origin)
  if (!origin.problems.isEmpty) return
  const names = new Set(entries.map(({ name }) => name))
  const found = matched(entries, storedLayers(weights, names, origin.where), origin)
  if (!origin.problems.isEmpty) return
  await assign({ model, entries }, (entry) => (found.get(entry) as StoredLayer).weights(entry.parts), origin, false)
}

/** The layers of a model that have weights, in Keras's order. */
function entriesOf(model: Model, origin: Origin): Entry[] {
  const topology = model.topology()
  const { engine } = model
  const layers = model instanceof Sequential ? topology.layers : kerasOrder(topology)
  const groups = groupNames(layers)
  return layers.flatMap((layer: AnyLayer, at): Entry[] => {
    if (engine.indicesOf(layer).length === 0) return []
    const name = topology.names.get(layer) as string
    const { problems } = origin
    const described = describeLayer(layer, name, describing('keras3', problems, origin, engine))
    if (described === undefined) return []
    if (origin.isLikely !== true && hasForeignHardSigmoid(layer, name, origin, model)) {
      problems.add(
        `'${name}' has another hard sigmoid than the file's program: that of Keras 3 is 'hardSigmoid', that of Keras 2 'hardSigmoidKeras2'`,
      )
    }
    const object = kerasObject(origin.where, { class_name: described.className, config: described.config })
    const hasModel = layer instanceof TimeDistributed && isInnerModel(layer.layer)
    const parts = hasModel ? partsOf(described) : (layerOf(object, origin)?.parts ?? [])
    const path = ['layers', groups[at] as string]
    return [{ layer, name, owner: name, parts: parts.map((part) => ({ ...part, path: [...path, ...part.path] })) }]
  })
}

/** For what a layer is described; what is left out does not matter. */
const describing = (dialect: Dialect, problems: Unmapped, { where }: Origin, engine: Engine): Describing => ({
  dialect,
  problems,
  leftOut: [],
  engine,
  innerModel: (model) => describeInner(model, dialect, where, engine),
})

/** The groups of a layer's weights, each once. */
const partsOf = ({ parts }: LayerDescription): Part[] => [
  ...new Map(parts.map(({ path }) => [path.join('/'), { path }])).values(),
]

/** Whether a layer would need other weights in the program that wrote the file, whose hard sigmoid is not the layer's. */
function hasForeignHardSigmoid(layer: AnyLayer, name: string, origin: Origin, { engine }: Model): boolean {
  const { dialect } = origin
  const described = describeLayer(layer, name, describing(dialect, new Unmapped(), origin, engine))
  return described?.parts.some(({ weights }) => weights.some(({ adapt }) => adapt !== undefined)) === true
}

/** Which layer of the file belongs to which entry. */
function matched(
  entries: readonly Entry[],
  { layers, isOrdered }: StoredWeights,
  { problems }: Origin,
): Map<Entry, StoredLayer> {
  const by = (key: (layer: StoredLayer) => string | undefined, own: (entry: Entry) => string | undefined) => {
    const stored = new Map(layers.map((layer) => [key(layer), layer]))
    const found = new Map(entries.map((entry) => [entry, stored.get(own(entry))]))
    const isWhole = new Set(found.values()).size === layers.length && ![...found.values()].includes(undefined)
    return isWhole && entries.length === layers.length ? (found as Map<Entry, StoredLayer>) : undefined
  }
  const group = ({ parts }: Entry) => parts[0]?.path[1]
  const found =
    by(
      ({ name }) => name,
      ({ name }) => name,
    ) ??
    (isOrdered
      ? entries.length === layers.length
        ? new Map(entries.map((entry, at) => [entry, layers[at] as StoredLayer]))
        : undefined
      : by((layer) => layer.group, group))
  if (found !== undefined) return found
  const list = (names: readonly string[]) => names.join(', ') || 'none'
  const shown = isOrdered
    ? list(layers.map(({ name }) => `'${name}'`))
    : list(layers.map((each) => (each.name === each.group ? `'${each.name}'` : `'${each.name}' (${each.group})`)))
  problems.add(`the layers with weights are ${shown} in the file`)
  problems.add(
    `the layers with weights are ${list(entries.map((entry) => (isOrdered ? `'${entry.name}'` : `'${entry.name}' (${group(entry)})`)))} in the model`,
  )
  return new Map()
}
