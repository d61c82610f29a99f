import { allocated } from '../../data/allocated.js'
import { SeqloomError, visible } from '../../errors.js'
import { cannot, openRegular } from '../../files.js'
import { fileBeside } from '../beside.js'
import { pieceBytes } from '../format.js'

/** The bytes of a group of weights, whatever they stand in. */
export interface Bytes {
  readonly size: number
  /** Some of them, as a copy. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>
  /** Copies some of them from an offset. */
  copy(offset: number, into: Uint8Array): Promise<void>
}

/** One of the pieces that follow each other. */
interface Piece {
  readonly size: number
  /** Copies some bytes from an offset. */
  copy(offset: number, into: Uint8Array): Promise<void>
}

/** Bytes in memory. */
export const bytesOf = (where: string, data: readonly Uint8Array[]): Bytes =>
  joined(
    where,
    data.map((piece) => ({
      size: piece.length,
      copy: async (offset, into) => into.set(piece.subarray(offset, offset + into.length)),
    })),
  )

/**
 * The bytes of files in a folder, which a stranger's description names: regular files in the folder or below it. Their
 * sizes are read; nothing stays open. `ERR_FORMAT`, `ERR_IO`.
 */
export async function bytesOfFiles(where: string, naming: string, paths: readonly string[]): Promise<Bytes> {
  const pieces: Piece[] = []
  const named = new Set<string>()
  for (const path of paths) {
    const file = await fileBeside(where, naming, path)
    if (named.has(file)) throw new SeqloomError('ERR_FORMAT', `${where} names the file '${visible(path)}' twice`)
    named.add(file)
    pieces.push(await pieceOf(file))
  }
  return joined(where, pieces)
}

async function pieceOf(path: string): Promise<Piece> {
  const opened = async <T>(work: (file: Awaited<ReturnType<typeof openRegular>>) => Promise<T>): Promise<T> => {
    try {
      const file = await openRegular(path)
      try {
        return await work(file)
      } finally {
        await file.close()
      }
    } catch (cause) {
      throw cannot('read', `'${path}'`, cause)
    }
  }
  const { size } = await opened((file) => file.stat())
  return {
    size,
    copy: (offset, into) =>
      opened(async (file) => {
        for (let at = 0; at < into.length; ) {
          const { bytesRead } = await file.read(into, at, Math.min(pieceBytes, into.length - at), offset + at)
          if (bytesRead === 0) throw new SeqloomError('ERR_FORMAT', `'${path}' ends too early`)
          at += bytesRead
        }
      }),
  }
}

function joined(where: string, pieces: readonly Piece[]): Bytes {
  const starts: number[] = []
  let size = 0
  for (const piece of pieces) {
    starts.push(size)
    size += piece.size
  }
  const copy = async (offset: number, into: Uint8Array) => {
    for (const [index, piece] of pieces.entries()) {
      const start = starts[index] as number
      const [from, to] = [Math.max(offset, start), Math.min(offset + into.length, start + piece.size)]
      if (from < to) await piece.copy(from - start, into.subarray(from - offset, to - offset))
    }
  }
  return {
    size,
    copy,
    async read(offset, length) {
      const bytes = allocated(where, Uint8Array, length)
      await copy(offset, bytes)
      return bytes
    },
  }
}
