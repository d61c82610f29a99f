import { basename } from 'node:path'
import { allocated } from '../../../data/allocated.js'
import { SeqloomError } from '../../../errors.js'
import { replaceNamed } from '../../../files.js'
import { encodeModel, type Piece } from '../proto/encode.js'
import type { ModelProto } from '../proto/messages.js'
import { withExternalData } from './external.js'

/** The largest message of the format that a file is. */
const mostBytes = 2 ** 31 - 1

/** All of a file in memory. `ERR_MEMORY`, `ERR_UNSUPPORTED` for more than 2 GiB. */
export async function modelBytes(where: string, model: ModelProto): Promise<Uint8Array> {
  const pieces = await encodeModel(model)
  const size = sizeOf(pieces)
  if (size > mostBytes) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where}: the model has ${size} bytes, and an ONNX file at most 2 GiB; given a file, its tensors are written beside it`,
    )
  }
  const bytes = allocated(where, Uint8Array, size)
  let at = 0
  for await (const piece of bytesIn(pieces)) {
    bytes.set(piece, at)
    at += piece.length
  }
  return bytes
}

/**
 * Writes a file piece by piece and atomically. Large tensors go to `<file>.data` if that is asked for, or `most` is not
 * enough for all. `ERR_IO`.
 */
export async function writeModel(path: string, model: ModelProto, external: boolean, most = mostBytes): Promise<void> {
  const pieces = await encodeModel(model)
  if (!external && sizeOf(pieces) <= most) {
    await replaceNamed(path, bytesIn(pieces))
    return
  }
  const { model: small, data } = withExternalData(model, `${basename(path)}.data`)
  await replaceNamed(`${path}.data`, bytesIn(data))
  await replaceNamed(path, bytesIn(await encodeModel(small)))
}

async function* bytesIn(pieces: readonly Piece[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) yield piece instanceof Uint8Array ? piece : await piece.bytes()
}

const sizeOf = (pieces: readonly Piece[]): number => pieces.reduce((sum, { length }) => sum + length, 0)
