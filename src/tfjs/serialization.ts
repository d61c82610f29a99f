// tf.serialization: how classes of one's own get into saved models.
import type { ConfigDict } from './layers/layer.js'

export type { ConfigDict } from './layers/layer.js'
export { registerClass } from './layers/registry.js'

/** A value of a configuration. */
export type ConfigDictValue = ConfigDict[string]
export type ConfigDictArray = ConfigDictValue[]

/** What is described by its class and a configuration. */
export abstract class Serializable {
  abstract getConfig(): ConfigDict

  getClassName(): string {
    return (this.constructor as SerializableConstructor<Serializable>).className
  }

  /** An object of a class and its configuration. */
  static fromConfig<T extends Serializable>(cls: SerializableConstructor<T>, config: ConfigDict): T {
    return new cls(config)
  }
}

/** A class of what is described. */
export interface SerializableConstructor<T> {
  // biome-ignore lint/suspicious/noExplicitAny: as in tfjs, whatever its options are.
  new (...args: any[]): T
  className: string
  fromConfig?(cls: SerializableConstructor<T>, config: ConfigDict): T
}
