import { SeqloomError } from '../errors.js'

/** Loads a package that is installed by those who use it; `ERR_UNSUPPORTED` says how. */
export async function optionalPackage<Module>(name: string, what: string): Promise<Module> {
  try {
    return (await import(name)) as Module
  } catch (cause) {
    const missing = (cause as { readonly code?: unknown }).code === 'ERR_MODULE_NOT_FOUND'
    const message = missing ? `install it with: npm install ${name}` : (cause as Error).message
    throw new SeqloomError('ERR_UNSUPPORTED', `${what} needs the package ${name}: ${message}`, { cause })
  }
}
