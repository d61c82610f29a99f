import { types } from 'node:util'
import { describe, SeqloomError } from '../../errors.js'
import { isPath } from '../../path.js'
import { Source } from '../format.js'

/** Opens a file of Keras or its bytes, which `use` reads; `what` is the function in messages. */
export async function withFile<T>(
  what: string,
  file: unknown,
  use: (source: Source, head: Uint8Array) => Promise<T>,
): Promise<T> {
  if (!types.isUint8Array(file) && !types.isArrayBuffer(file) && !isPath(file) && typeof file !== 'string') {
    throw new SeqloomError('ERR_OPTION', `${what}: expected the path of a file or its bytes, not ${describe(file)}`)
  }
  const bytes = types.isArrayBuffer(file) ? new Uint8Array(file) : file
  const isBytes = types.isUint8Array(bytes)
  const source = isBytes ? Source.of('the bytes', bytes) : await Source.open(`${what}: the file`, bytes)
  try {
    return await use(source, await source.read(0, Math.min(headBytes, source.size)))
  } finally {
    await source.close()
  }
}

/** The longest beginning by which a format is told. */
const headBytes = 8
