import type { AnyLayer } from './layer.js'

/** A layer in a saved model. */
export interface LayerConfig {
  readonly className: string
  readonly config: Readonly<Record<string, unknown>>
}

/** The configuration that rebuilds a layer, under its given name or the one that its model assigned. */
export function layerConfig(layer: AnyLayer, name: string | undefined = layer.givenName): LayerConfig {
  const named = name === undefined ? {} : { name }
  return {
    className: layer.className,
    config: { ...named, trainable: layer.trainable, ...layer.config(), ...layer.ruleConfig() },
  }
}
