import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import type { InnerModel } from './inner.js'
import type { AnyLayer } from './layer.js'
import classes from './list.js'

const byName = new Map(classes.map((each) => [each.className, each]))

let innerModel: (saved: unknown) => InnerModel = () => {
  throw new SeqloomError('ERR_FORMAT', 'a model within a layer is not known here')
}

/** Says how models within layers are rebuilt. */
export function rebuildModelsBy(rebuild: (saved: unknown) => InnerModel): void {
  innerModel = rebuild
}

/** A layer within another one, or a model. */
function innerFromConfig(saved: unknown): AnyLayer {
  const isModel = isRecord(saved) && (saved.className === 'Sequential' || saved.className === 'Functional')
  // Layers that take models check what they get.
  return isModel ? (innerModel(saved) as unknown as AnyLayer) : layerFromConfig(saved)
}

/** Rebuilds a layer from its configuration; an unknown class is `ERR_FORMAT`, and nothing is ever executed. */
export function layerFromConfig(saved: unknown): AnyLayer {
  const found = isRecord(saved) && typeof saved.className === 'string' ? byName.get(saved.className) : undefined
  if (!isRecord(saved) || !found) {
    const name = isRecord(saved) ? saved.className : saved
    throw new SeqloomError('ERR_FORMAT', `unknown layer class ${describe(name)}`)
  }
  if (!isRecord(saved.config)) {
    throw new SeqloomError('ERR_FORMAT', `the layer of class ${saved.className} has no config`)
  }
  return found.fromConfig(saved.config, innerFromConfig)
}
