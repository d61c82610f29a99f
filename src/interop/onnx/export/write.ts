import { allocated } from '../../../data/allocated.js'
import { SeqloomError } from '../../../errors.js'
import { pieceSize, replaceFile } from '../../../files.js'
import type { Piece } from '../proto/encode.js'

/** The largest message of the format that a file is. */
const mostBytes = 2 ** 31 - 1

/** All of a file in memory. `ERR_MEMORY`, `ERR_UNSUPPORTED`. */
export async function joined(where: string, pieces: readonly Piece[]): Promise<Uint8Array> {
  const size = sizeOf(pieces)
  const bytes = allocated(where, Uint8Array, size)
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece instanceof Uint8Array ? piece : await piece.bytes(), at)
    at += piece.length
  }
  return bytes
}

/** Writes a file piece by piece and atomically. `ERR_IO`, `ERR_UNSUPPORTED`. */
export async function writePieces(path: string, pieces: readonly Piece[]): Promise<void> {
  sizeOf(pieces)
  await replaceFile(path, async (file) => {
    for (const piece of pieces) {
      const bytes = piece instanceof Uint8Array ? piece : await piece.bytes()
      for (let at = 0; at < bytes.length; at += pieceSize) await file.writeFile(bytes.subarray(at, at + pieceSize))
    }
  })
}

function sizeOf(pieces: readonly Piece[]): number {
  const size = pieces.reduce((sum, { length }) => sum + length, 0)
  if (size > mostBytes) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `interop.toOnnx: the model has ${size} bytes; an ONNX file holds at most 2 GiB`,
    )
  }
  return size
}
