import nodeModule from 'node:module'
import { SeqloomError } from '../errors.js'
import { ownFile } from '../native/place.js'

/**
 * Loads a package that is installed by those who use it; `ERR_UNSUPPORTED` says how. It is required, not imported, since
 * bundlers warn of an import that they cannot read.
 */
export function optionalPackage<Module>(name: string, what: string): Module {
  try {
    return nodeModule.createRequire(ownFile)(name) as Module
  } catch (cause) {
    const missing = (cause as { readonly code?: unknown }).code === 'MODULE_NOT_FOUND'
    const message = missing ? `install it with: npm install ${name}` : (cause as Error).message
    throw new SeqloomError('ERR_UNSUPPORTED', `${what} needs the package ${name}: ${message}`, { cause })
  }
}
