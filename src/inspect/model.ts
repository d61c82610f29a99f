import { describe, isInstance, SeqloomError } from '../errors.js'
import { Model } from '../model/model.js'

/** Throws `ERR_OPTION` for anything but a model. */
export function requireModel(where: string, value: unknown): asserts value is Model {
  if (!isInstance(value, Model)) {
    throw new SeqloomError('ERR_OPTION', `${where}: expected a model, not ${describe(value)}`)
  }
}
