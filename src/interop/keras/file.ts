import { bytesGiven } from '../../bytes.js'
import { describe, SeqloomError } from '../../errors.js'
import { isPath, pathOf } from '../../path.js'
import { refuseLite, refuseOther, refuseSavedModel } from '../foreign.js'
import { Source } from '../format.js'

/** Opens a file of Keras or its bytes, which `use` reads; `what` is the function in messages. */
export async function withFile<T>(
  what: string,
  file: unknown,
  use: (source: Source, head: Uint8Array) => Promise<T>,
): Promise<T> {
  const bytes = bytesGiven(file)
  if (bytes === undefined && !isPath(file) && typeof file !== 'string') {
    throw new SeqloomError('ERR_OPTION', `${what}: expected the path of a file or its bytes, not ${describe(file)}`)
  }
  if (!bytes) await refuseSavedModel(pathOf(`${what}: the file`, file))
  const source = bytes ? Source.of('the bytes', bytes) : await Source.open(`${what}: the file`, file as string | URL)
  try {
    const head = await source.read(0, Math.min(headBytes, source.size))
    refuseLite(source.where, head)
    await refuseOther(source, 'Keras')
    return await use(source, head)
  } finally {
    await source.close()
  }
}

/** The longest beginning by which a format is told. */
const headBytes = 8
