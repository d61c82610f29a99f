import { callNative, SeqloomError } from '../errors.js'
import { showShape } from '../graph/shape.js'
import type { WireWeight } from '../graph/wire.js'
import { type ComputedInitializer, computeFirst } from '../initializers/computed.js'
import { type AnyLayer, Layer, type WeightHost } from '../layers/layer.js'
import type { NativeModel } from '../native/index.js'
import type { Turns } from './turns.js'
import { weightValues } from './weights.js'

// Layers own weights, and several models may have a layer. Each model computes with its own copy in its native arena.
// For every weight, this module knows which copy is the newest. Before it runs, a model fetches what others have
// changed; afterwards it says what it has changed itself. Models that share a layer take turns, so that no two of them
// run at the same time.

/** What a weight belongs to: a layer, or a layer inside it, and the weight's name there. */
export interface WeightKey {
  readonly owner: object
  readonly key: string
}

/** A model, as far as its layers' weights are concerned. */
export interface LayerUser extends WeightHost {
  /** Whether it was not disposed. */
  readonly alive: boolean
  /** Whether it has weights already. */
  readonly built: boolean
}

/** Where the newest values of a weight are. */
interface Entry {
  readonly name: string
  readonly shape: readonly number[]
  /** Changes with every change of the values. */
  version: number
  /** In a model's arena or, once the model was disposed, on their own. */
  home: { readonly native: NativeModel; readonly index: number } | { readonly values: Float32Array }
}

/** A reference to a model that has a layer, which does not keep the model alive. */
type UserRef = Pick<WeakRef<LayerUser>, 'deref'>

const entries = new WeakMap<object, Map<string, Entry>>()
const users = new WeakMap<object, Set<UserRef>>()
const turns = new WeakMap<object, Turns>()
let versions = 0

/** The layers of a model and those inside them: everything that may own weights. */
function ownersOf(layers: readonly AnyLayer[]): AnyLayer[] {
  return layers.flatMap((layer) => [layer, ...ownersOf(layer.innerLayers())])
}

/** The indices, among a model's weights, of those of one layer and the layers inside it. */
export function indicesOf(keys: readonly WeightKey[], layer: AnyLayer): number[] {
  const owners = new Set<object>(ownersOf([layer]))
  return keys.flatMap(({ owner }, index) => (owners.has(owner) ? [index] : []))
}

/** Records that a model has layers, used or not: their weights outlive the other models that have them. */
export function noteUser(user: LayerUser, layers: readonly AnyLayer[]): void {
  for (const owner of ownersOf(layers)) {
    const known = users.get(owner) ?? new Set()
    for (const ref of known) {
      const other = ref.deref()
      if (!other?.alive || other === user) known.delete(ref)
    }
    // The first one lives as long as its layer, and is collected with it. A weak reference would keep it for the rest
    // of this turn of the event loop, however many were made and dropped meanwhile.
    known.add(known.size === 0 ? { deref: () => user } : new WeakRef(user))
    users.set(owner, known)
  }
}

Layer.host = (layer) => usersOf(layer)[0]

/**
 * The models that have a layer and were not disposed, those with weights first, else in the order in which they were
 * made.
 */
function usersOf(owner: object): LayerUser[] {
  const alive = [...(users.get(owner) ?? [])].flatMap((ref) => ref.deref() ?? []).filter((user) => user.alive)
  return [...alive.filter(({ built }) => built), ...alive.filter(({ built }) => !built)]
}

/** Whether any of the layers already has weights, in a model or from its options. */
export function haveWeights(layers: readonly AnyLayer[]): boolean {
  return ownersOf(layers).some((owner) => owner.firstWeights !== undefined || (entries.get(owner)?.size ?? 0) > 0)
}

/**
 * Makes all models that share these layers take turns with each other. Errors: `ERR_STATE` if that would join models of
 * which more than one is running.
 */
export function joinTurns(own: Turns, layers: readonly AnyLayer[]): Turns {
  const owners = ownersOf(layers)
  const all = new Set([own.root, ...owners.flatMap((owner) => turns.get(owner)?.root ?? [])])
  const busy = [...all].filter((each) => each.busy)
  if (busy.length > 1) {
    throw new SeqloomError('ERR_STATE', 'this model joins models that are both running now; wait for one of them first')
  }
  const root = busy[0] ?? own.root
  for (const each of all) if (each !== root) each.join(root)
  for (const owner of owners) turns.set(owner, root)
  return root
}

/** The weights of one model, and what other models know of them. */
export class SharedWeights {
  readonly #native: NativeModel
  readonly #keys: readonly WeightKey[]
  readonly #entries: Entry[] = []
  /** The versions of the values in this model's arena; zero if there are none yet. */
  readonly #seen: number[] = []

  /**
   * Joins with the weights of a model; those that no other model has are new. Errors: `ERR_SHAPE` for layers with
   * weights of other shapes.
   */
  constructor(native: NativeModel, keys: readonly WeightKey[], weights: readonly WireWeight[]) {
    this.#native = native
    this.#keys = keys
    for (const { owner, key } of keys) {
      const known = entries.get(owner)?.get(key)
      const weight = weights[this.#seen.push(0) - 1] as WireWeight
      if (known && known.shape.join() !== weight.shape.join()) {
        throw new SeqloomError(
          'ERR_SHAPE',
          `${weight.name} has the shape ${showShape(known.shape)} from another model that has its layer; this model needs ${showShape(weight.shape)}`,
        )
      }
    }
    for (const [index, { owner, key }] of keys.entries()) {
      const own = entries.get(owner) ?? new Map<string, Entry>()
      entries.set(owner, own)
      const { name, shape } = weights[index] as WireWeight
      const entry = own.get(key) ?? { name, shape, version: ++versions, home: { native, index } }
      own.set(key, entry)
      this.#entries.push(entry)
      if ('native' in entry.home && entry.home.native === native) this.#seen[index] = entry.version
    }
  }

  /**
   * Initial values that are computed, or from the options of layers, for weights that no other model had before, by index.
   * Errors: `ERR_SHAPE`, `ERR_DATA`.
   */
  firstValues(
    layers: readonly AnyLayer[],
    weights: readonly WireWeight[],
    computed: ReadonlyMap<number, ComputedInitializer>,
  ): Map<number, Float32Array> {
    const values = new Map<number, Float32Array>()
    for (const [index, initializer] of computed) {
      if (this.#seen[index] === 0) continue
      const drawn = callNative(() => this.#native.getWeight(index))
      values.set(index, computeFirst(initializer, drawn, (weights[index] as WireWeight).shape))
    }
    for (const layer of ownersOf(layers)) {
      if (!layer.firstWeights) continue
      const indices = indicesOf(this.#keys, layer)
      if (layer.firstWeights.length !== indices.length) {
        const names = indices.map((index) => weights[index]?.name).join(', ')
        throw new SeqloomError(
          'ERR_SHAPE',
          `layer '${layer.label}' (${layer.className}): weights must be ${indices.length} tensors (${names}), not ${layer.firstWeights.length}`,
        )
      }
      for (const [at, index] of indices.entries()) {
        if (this.#seen[index] === 0) continue
        values.set(index, weightValues(weights[index] as WireWeight, layer.firstWeights[at]))
      }
    }
    return values
  }

  /** Fetches what other models have changed. */
  pull(): void {
    const stale = this.#entries.flatMap(({ version }, index) => (version === this.#seen[index] ? [] : [index]))
    if (stale.length === 0) return
    callNative(() => {
      const values = this.#entries.map(({ home }, index) => {
        if (!stale.includes(index)) return this.#native.getWeight(index)
        return 'values' in home ? home.values : home.native.getWeight(home.index)
      })
      this.#native.setWeights(values)
    })
    for (const index of stale) {
      const entry = this.#entries[index] as Entry
      this.#seen[index] = entry.version
      if ('values' in entry.home) entry.home = { native: this.#native, index }
    }
  }

  /** Says that this model's values are the newest: of all weights, or of those marked. */
  push(changed?: readonly boolean[]): void {
    for (const [index, entry] of this.#entries.entries()) {
      if (changed && !changed[index]) continue
      entry.version = ++versions
      entry.home = { native: this.#native, index }
      this.#seen[index] = entry.version
    }
  }

  /** Leaves the newest values to the other models, before this model's arena is freed. */
  release(): void {
    for (const [index, { owner, key }] of this.#keys.entries()) {
      const entry = this.#entries[index] as Entry
      if (!('native' in entry.home) || entry.home.native !== this.#native) continue
      if (usersOf(owner).length > 0) entry.home = { values: callNative(() => this.#native.getWeight(index)) }
      else entries.get(owner)?.delete(key)
    }
  }
}
