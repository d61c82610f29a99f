import type { FileHandle } from 'node:fs/promises'
import { allocated } from '../../data/allocated.js'
import { SeqloomError, visible } from '../../errors.js'
import { cannot, openRegular } from '../../files.js'
import type { FilePlace } from '../../model/newWeights.js'
import { readsFiles } from '../../model/readWhole.js'
import { fileBeside } from '../beside.js'
import { pieceBytes } from '../format.js'

/** The bytes of a group of weights, whatever they stand in. */
export interface Bytes {
  readonly size: number
  /** Some of them, as a copy. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>
  /** Copies some of them from an offset. */
  copy(offset: number, into: Uint8Array): Promise<void>
  /** Where some of them are for native code, if they are in files, each of which has whole units of `unit` bytes of them. */
  places?(offset: number, length: number, unit: number): AsyncIterable<FilePart> | undefined
}

/** Bytes of a file that is open until the next part is asked for. */
export interface FilePart extends Pick<FilePlace, 'where' | 'descriptor' | 'offset'> {
  readonly length: number
}

/** One of the pieces that follow each other. */
interface Piece {
  readonly size: number
  /** Copies some bytes from an offset. */
  copy(offset: number, into: Uint8Array): Promise<void>
  /** Opens the file, if it is one. */
  open?(): Promise<Pick<FilePlace, 'where'> & { readonly file: FileHandle }>
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
  const opened = async <T>(work: (file: FileHandle) => Promise<T>): Promise<T> => {
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
  const where = `'${path}'`
  return {
    size,
    async open() {
      const file = await openRegular(path).catch((cause: unknown) => {
        throw cannot('read', where, cause)
      })
      return { where, file }
    },
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
  /** Which bytes of a piece are among some bytes of all: where they begin and end. */
  const among = (index: number, offset: number, length: number): readonly [number, number] => {
    const start = starts[index] as number
    return [Math.max(offset, start), Math.min(offset + length, start + (pieces[index] as Piece).size)]
  }
  let size = 0
  for (const piece of pieces) {
    starts.push(size)
    size += piece.size
  }
  const copy = async (offset: number, into: Uint8Array) => {
    for (const [index, piece] of pieces.entries()) {
      const [from, to] = among(index, offset, into.length)
      if (from < to) await piece.copy(from - (starts[index] as number), into.subarray(from - offset, to - offset))
    }
  }
  async function* parts(offset: number, length: number): AsyncGenerator<FilePart> {
    for (const [index, piece] of pieces.entries()) {
      const [from, to] = among(index, offset, length)
      if (from >= to || !piece.open) continue
      const { where, file } = await piece.open()
      try {
        yield { where, descriptor: file.fd, offset: from - (starts[index] as number), length: to - from }
      } finally {
        await file.close()
      }
    }
  }
  return {
    size,
    copy,
    places(offset, length, unit) {
      const isWhole = ({ open }: Piece, index: number) => {
        const [from, to] = among(index, offset, length)
        return open !== undefined && (from >= to || (to - from) % unit === 0)
      }
      return readsFiles && pieces.every(isWhole) ? parts(offset, length) : undefined
    },
    async read(offset, length) {
      const bytes = allocated(where, Uint8Array, length)
      await copy(offset, bytes)
      return bytes
    },
  }
}
