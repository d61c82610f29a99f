import { SeqloomError } from '../../errors.js'
import type { ConfigDict, Layer } from './layer.js'

/** A class of layers that saved models may contain. */
export interface SerializableClass {
  new (config: never): Layer
  className: string
  fromConfig?(cls: SerializableClass, config: ConfigDict): Layer
}

const classes = new Map<string, SerializableClass>()

/**
 * Lets saved models contain layers of a class. As in tfjs, `packageName` and `name` are for the name under which it is
 * saved, the class's `className` by default.
 */
export function registerClass<T extends SerializableClass>(cls: T, _packageName?: string, name?: string): T {
  const found = name ?? cls?.className
  if (typeof found !== 'string' || found === '') {
    throw new SeqloomError(
      'ERR_OPTION',
      'registerClass: the class has no static className, which is what saved models call it',
    )
  }
  classes.set(found, cls)
  return cls
}

/** The class of a name; `ERR_UNSUPPORTED` for one that is not there. */
export function classNamed(name: string, custom: Readonly<Record<string, unknown>> = {}): SerializableClass {
  const found = (custom[name] as SerializableClass | undefined) ?? classes.get(name)
  if (found) return found
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    `Unknown layer: ${name}. It is not there, or a class of one's own that tf.serialization.registerClass was not called for`,
  )
}
