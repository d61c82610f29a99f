import { fromNative, SeqloomError } from '../errors.js'
import { cannot } from '../files.js'
import type { NativeNewState, NativeNewWeights } from '../native/index.js'

/** A regular file that is open, and its size. */
export interface OpenFile {
  readonly fd: number
  readonly size: number
}

/** Whether native code can read files that are open here: a descriptor means nothing to it on Windows. */
export const readsFiles = process.platform !== 'win32'

/** The error of native code that reads a file: `ERR_IO` names the file. */
export function readError(cause: unknown, where: string): unknown {
  const error = fromNative(cause)
  if (!(error instanceof SeqloomError) || error.code !== 'ERR_IO') return error
  return cannot('read', where, new Error(error.message, { cause }))
}

/**
 * Has native code read a whole file, and compute its SHA-256 meanwhile. Resolves to whether it is the one that is given;
 * only if it is, rejects with what else is wrong with the file. Rejects with `ERR_IO`, and `ERR_FORMAT` where the file is
 * cut meanwhile.
 */
export async function readWhole(
  into: Pick<NativeNewWeights | NativeNewState, 'readFile'>,
  path: string,
  { fd, size }: OpenFile,
  sha256?: string,
): Promise<boolean> {
  try {
    return await into.readFile(fd, size, sha256)
  } catch (cause) {
    throw readError(cause, `'${path}'`)
  }
}
