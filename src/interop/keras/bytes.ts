import { bytesGiven } from '../../bytes.js'
import { describe, SeqloomError } from '../../errors.js'
import { readNamed } from '../../files.js'
import { isPath, pathOf } from '../../path.js'

/** The bytes that are given, or those of the file, and what to call it; `what` is the function in messages. */
export async function bytesOf(what: string, file: unknown): Promise<[bytes: Uint8Array, where: string]> {
  const bytes = bytesGiven(file)
  if (bytes) return [bytes, 'the bytes']
  if (!isPath(file) && typeof file !== 'string') {
    throw new SeqloomError('ERR_OPTION', `${what}: expected the path of a file or its bytes, not ${describe(file)}`)
  }
  const path = pathOf(`${what}: the file`, file)
  return [await readNamed(path), path]
}
