import { callNative, SeqloomError } from '../errors.js'
import { native } from '../native/index.js'

/** What has no room for fewer bytes ends anyway. */
const worthAsking = 64 << 10

/**
 * A new typed array. JavaScript may end the process where memory is short, so the engine, which knows what is left, is asked first.
 * Errors: `ERR_MEMORY`, naming `where`.
 */
export function allocated<A extends { readonly length: number }>(
  where: string,
  type: { readonly BYTES_PER_ELEMENT: number; new (length: number): A },
  length: number,
): A {
  const bytes = length * type.BYTES_PER_ELEMENT
  if (bytes >= worthAsking && Number.isSafeInteger(bytes)) {
    callNative(() => native.roomFor(bytes, `${where}: its elements`))
  }
  try {
    return new type(length)
  } catch (cause) {
    throw new SeqloomError('ERR_MEMORY', `${where}: ${length} elements do not fit in memory`, { cause })
  }
}
