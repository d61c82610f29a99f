import { SeqloomError } from '../errors.js'
import type { AnyLayer } from '../layers/layer.js'
import type { Topology } from './topology.js'

const owners = new WeakMap<AnyLayer, WeakRef<object>>()

/**
 * Makes a model the owner of its layers. Weights live in one model, so a layer in a second one would silently not share them: that is
 * `ERR_UNSUPPORTED`. Layers of models that are gone may be used again.
 */
export function claimLayers(model: object, { layers, names }: Topology): void {
  for (const layer of layers) {
    const owner = owners.get(layer)?.deref()
    if (owner !== undefined && owner !== model) {
      throw new SeqloomError(
        'ERR_UNSUPPORTED',
        `layer '${names.get(layer)}' belongs to another model; models cannot share layers yet, so make a new layer and copy the weights`,
      )
    }
  }
  for (const layer of layers) owners.set(layer, new WeakRef(model))
}
