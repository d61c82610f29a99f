import { SeqloomError } from '../../errors.js'
import type { Dataset, Group } from '../hdf5/index.js'
import type { Part } from './layers.js'
import type { SavedWeight } from './weights.js'

/** A layer with weights as a file keeps it. */
export interface StoredLayer {
  /** Its name; where a file does not say it, that of its group. */
  readonly name: string
  /** Its group, where weights are kept by classes and numbers. */
  readonly group?: string
  /** Its weights, in the order of ours, whose parts are given. */
  weights(parts: readonly Part[]): readonly SavedWeight[]
}

/** What holds a file's weights. */
export interface StoredWeights {
  /** All layers that have weights, in the file's order if it has one. */
  readonly layers: readonly StoredLayer[]
  /** Whether the order says which layer is which. */
  readonly isOrdered: boolean
}

/** The group at a path. */
export function groupAt(root: Group, path: readonly string[]): Group | undefined {
  // Keras 2 calls some of them private.
  return path.reduce<Group | undefined>((group, name) => group?.groups.get(name) ?? group?.groups.get(`_${name}`), root)
}

/**
 * The variables of a layer in a Keras 3 file, `vars/0`, `vars/1`, …; without those of a generator of random numbers, which lie in a group below.
 */
export function numberedWeights(root: Group, parts: readonly Part[]): SavedWeight[] {
  return parts.flatMap(({ path }) => {
    const variables = groupAt(root, path)?.groups.get('vars')?.datasets ?? new Map<string, SavedWeight>()
    return Array.from({ length: variables.size }, (_, index) => variables.get(String(index))).filter(
      (each): each is SavedWeight => each !== undefined,
    )
  })
}

/** The weights of a layer in an older file, in the order of its attribute `weight_names`. */
export function namedWeights(weights: Group, layer: string, where: string): Dataset[] {
  const group = groupAt(weights, layer.split('/'))
  const names = group === undefined ? [] : listedTexts(group, 'weight_names')
  return names.map((name) => {
    const path = name.split('/')
    const found = group && groupAt(group, path.slice(0, -1))?.datasets.get(path.at(-1) as string)
    if (found === undefined)
      throw new SeqloomError('ERR_FORMAT', `${where}: the weight '${name}' of '${layer}' is missing`)
    return found
  })
}

/** A list of texts; one too long for an attribute stands in several with numbers. */
function listedTexts(group: Group, name: string): readonly string[] {
  const whole = group.texts(name)
  if (whole !== undefined) return whole
  const texts: string[] = []
  for (let part = 0; ; part++) {
    const some = group.texts(`${name}${part}`)
    if (some === undefined) return texts
    for (const text of some) texts.push(text)
  }
}

/**
 * The layers of a file, wherever it keeps them, those of models within the model too; `own` are the names of the model's layers, which tell such. `ERR_FORMAT`
 * for a file that is not Keras's.
 */
export function storedLayers(root: Group, own: ReadonlySet<string>, where: string): StoredWeights {
  const named = root.groups.get('model_weights') ?? root
  if (named.texts('layer_names') !== undefined || named.texts('layer_names0') !== undefined) {
    const layers = listedTexts(named, 'layer_names').flatMap((name): StoredLayer[] => {
      const weights = namedWeights(named, name, where)
      if (weights.length === 0) return []
      const inner = new Map<string, SavedWeight[]>()
      for (const weight of weights) {
        const layer = weight.path.slice(`${named.path}/${name}/`.length).split('/')[0] as string
        const some = inner.get(layer)
        if (some) some.push(weight)
        else inner.set(layer, [weight])
      }
      if (own.has(name) || ![...inner.keys()].every((layer) => own.has(layer)))
        return [{ name, weights: () => weights }]
      return [...inner].map(([layer, some]) => ({ name: layer, weights: () => some }))
    })
    return { layers, isOrdered: true }
  }
  const numbered = root.groups.get('layers')
  if (numbered === undefined) throw new SeqloomError('ERR_FORMAT', `${where} holds no weights of a Keras model`)
  return { layers: [...numberedLayers(numbered)], isOrdered: false }
}

function* numberedLayers(groups: Group): Generator<StoredLayer> {
  const waiting = [...groups.groups]
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const [group, own] = next
    const inner = own.groups.get('layers')
    if (inner) waiting.push(...inner.groups)
    else if (hasVariables(own)) {
      const name = own.groups.get('vars')?.texts('name')?.[0] ?? group
      // The first two groups of a path lead to the layer.
      const below = (parts: readonly Part[]) => parts.map((part) => ({ ...part, path: part.path.slice(2) }))
      yield { name, group, weights: (parts) => numberedWeights(own, below(parts)) }
    }
  }
}

/** Whether a layer has variables besides those of generators of random numbers. */
function hasVariables(layer: Group): boolean {
  const waiting = [layer]
  for (let group = waiting.pop(); group; group = waiting.pop()) {
    if ((group.groups.get('vars')?.datasets.size ?? 0) > 0) return true
    for (const [name, inner] of group.groups) if (name !== 'seed_generator') waiting.push(inner)
  }
  return false
}
