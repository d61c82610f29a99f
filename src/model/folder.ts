import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { allocated } from '../data/allocated.js'
import { runSliced, type Sliced } from '../data/slices.js'
import { describe, SeqloomError } from '../errors.js'
import { cannot, openRegular, pieceSize, piecesOf } from '../files.js'
import { checkDepth } from '../limits.js'
import { isRecord } from '../options.js'
import { type OpenFile, readsFiles } from './readWhole.js'

/** The file that describes a saved model and names all others. */
export const descriptionName = 'model.json'

/** The format of model folders. */
export const format = 'seqloom'

/** The version of the format; older ones stay readable. */
export const formatVersion = 1

/** The most bytes of a description: far more than the layers of any model and the history of any training need. */
const longestDescription = 64 * 2 ** 20

/** What the description says of a file. */
export interface FileEntry {
  readonly sha256: string
  readonly bytes: number
}

/** Bytes that come piece by piece, as often as they are asked for; a piece is there until the next one is. */
export interface FileBytes {
  readonly bytes: number
  pieces(): Iterable<Uint8Array>
  /** Their SHA-256, where another thread can compute it. */
  hash?(): Promise<string>
}

/** A file to be written. */
export interface NewFile extends FileEntry, FileBytes {
  /** Its name in the folder: what it is, plus a part of the hash of its contents. */
  readonly name: string
}

// Names of data files carry 16 hexadecimal digits of their hash: `weights-0123456789abcdef.safetensors`.
const hashedName = /^[A-Za-z0-9_.-]+-([0-9a-f]{16})(\.[A-Za-z0-9]+)?$/

/** A file to be written, from the name that says what it is. */
export async function newFile(name: string, data: Uint8Array | FileBytes): Promise<NewFile> {
  const { bytes, pieces, hash }: FileBytes = data instanceof Uint8Array ? inMemory(data) : data
  const sha256 = hash ? await hash() : await runSliced(digest(pieces()))
  const extension = extname(name)
  const stem = name.slice(0, name.length - extension.length)
  return { name: `${stem}-${sha256.slice(0, 16)}${extension}`, pieces, sha256, bytes }
}

/** The pieces of an array in memory. */
export const inMemory = (data: Uint8Array): FileBytes => ({
  bytes: data.byteLength,
  *pieces() {
    for (let from = 0; from < data.byteLength; from += pieceSize) yield data.subarray(from, from + pieceSize)
  },
})

function* digest(pieces: Iterable<Uint8Array>): Sliced<string> {
  const hash = createHash('sha256')
  for (const piece of pieces) {
    hash.update(piece)
    yield
  }
  return hash.digest('hex')
}

/** The text of a description. */
export function descriptionText(content: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify({ format, formatVersion, ...content }, undefined, 2)}\n`
}

/** The data files that a description lists, as far as it has the form of ours. */
export function listedFiles({ files }: Readonly<Record<string, unknown>>): ReadonlyMap<string, FileEntry> {
  const listed = new Map<string, FileEntry>()
  for (const [name, entry] of Object.entries(isRecord(files) ? files : {})) {
    if (!isEntry(entry) || !entry.sha256.startsWith(hashedName.exec(name)?.[1] ?? 'no name of ours')) continue
    listed.set(name, entry)
  }
  return listed
}

const isEntry = (value: unknown): value is FileEntry =>
  isRecord(value) && typeof value.sha256 === 'string' && Number.isSafeInteger(value.bytes)

/** The text of a folder's description. `ERR_FORMAT` if there is none, `ERR_IO` if it or the folder cannot be read. */
async function readDescriptionText(folder: string): Promise<string> {
  const path = join(folder, descriptionName)
  const found = await stat(folder).catch((cause: unknown) => {
    throw cannot('read', `the model folder '${folder}'`, cause)
  })
  if (!found.isDirectory())
    throw new SeqloomError(
      'ERR_IO',
      `'${folder}' is a file, not a model folder; interop.loadKeras, loadPyTorch, loadOnnx and loadTfjs read files of other programs`,
    )
  try {
    return await readShortText(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new SeqloomError('ERR_FORMAT', `'${path}' is missing: this is no saved model`)
    }
    throw cannot('read', `'${path}'`, error)
  }
}

/**
 * The text of a regular file that may be a description. `ERR_FORMAT` if it is not UTF-8 or too long; Node's own error
 * for a missing file.
 */
export async function readShortText(path: string): Promise<string> {
  const file = await openRegular(path)
  try {
    const { size } = await file.stat()
    if (size > longestDescription) {
      throw new SeqloomError(
        'ERR_FORMAT',
        `'${path}' has ${size} bytes; a description has at most ${longestDescription}`,
      )
    }
    return textOf(path, await file.readFile())
  } finally {
    await file.close()
  }
}

/** The text of a description's bytes; `ERR_FORMAT`. */
export function textOf(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new SeqloomError('ERR_FORMAT', `'${path}' is no text in UTF-8`, { cause })
  }
}

/** Parses the text of a description. `ERR_FORMAT` if it is broken, not Seqloom's or of a later version. */
export function parseDescription(path: string, text: string): Record<string, unknown> {
  let description: unknown
  try {
    description = JSON.parse(text)
  } catch (cause) {
    throw new SeqloomError('ERR_FORMAT', `'${path}' is no JSON: it is damaged or truncated`, { cause })
  }
  checkDepth(`'${path}'`, description)
  if (!isRecord(description) || description.format !== format) {
    const isTfjs = isRecord(description) && 'modelTopology' in description
    const cure = isTfjs
      ? `, but one of TensorFlow.js: seqloom convert '${path}' FOLDER, or interop.loadTfjs, reads it`
      : ''
    throw new SeqloomError('ERR_FORMAT', `'${path}' does not describe a ${format} model${cure}`)
  }
  const { formatVersion: given } = description
  if (!Number.isInteger(given) || (given as number) < 1 || (given as number) > formatVersion) {
    throw new SeqloomError(
      'ERR_FORMAT',
      `'${path}' has the format version ${describe(given)}; this package reads 1 to ${formatVersion}`,
    )
  }
  return description
}

/**
 * Reads the description of a folder. `ERR_IO` when there is no folder, `ERR_FORMAT` when the file is missing, broken or
 * of a later version.
 */
export async function readDescription(folder: string): Promise<Record<string, unknown>> {
  return parseDescription(join(folder, descriptionName), await readDescriptionText(folder))
}

/** What a data file is copied to. */
export interface Room {
  /** Makes room for a number of bytes, and returns a function that takes them piece by piece. */
  (bytes: number): (piece: Uint8Array) => void
  /** Reads the file itself, where it can. Resolves to whether it has that SHA-256. */
  readonly readFile?: ((path: string, file: OpenFile, sha256: string) => Promise<boolean>) | undefined
}

/** The files of a saved model, wherever they are. */
export interface ModelFiles {
  /** Its name in messages. */
  readonly name: string
  /** The name of a file in messages. */
  path(name: string): string
  /** The text of the description. Errors: `ERR_IO`, `ERR_FORMAT`. */
  text(): Promise<string>
  /**
   * Copies a data file of this entry, checked against its size and hash, piece by piece. Errors: `ERR_FORMAT`,
   * `ERR_IO`.
   */
  copy(name: string, entry: FileEntry, room: Room): Promise<void>
}

/** The files of a model folder. */
export const folderFiles = (folder: string): ModelFiles => ({
  name: folder,
  path: (name) => join(folder, name),
  text: () => readDescriptionText(folder),
  copy: (name, entry, room) => copyFile(join(folder, name), entry, room),
})

/**
 * Reads a data file that the description names, checking its size and its SHA-256. Errors: `ERR_FORMAT`, `ERR_IO`,
 * naming the file.
 */
export async function readListed(saved: ModelFiles, files: unknown, name: unknown): Promise<Uint8Array> {
  let data = new Uint8Array()
  let end = 0
  await copyListed(saved, files, name, (bytes) => {
    data = allocated(`'${saved.path(String(name))}'`, Uint8Array, bytes)
    return (piece) => {
      data.set(piece, end)
      end += piece.length
    }
  })
  return data
}

/** Hands a data file that the description names to what `room` gives, piece by piece; see {@link readListed}. */
export async function copyListed(saved: ModelFiles, files: unknown, name: unknown, room: Room): Promise<void> {
  const description = saved.path(descriptionName)
  if (typeof name !== 'string' || !hashedName.test(name)) {
    throw new SeqloomError('ERR_FORMAT', `'${description}' names the file ${describe(name)}, which is no name of ours`)
  }
  const entry = isRecord(files) && Object.hasOwn(files, name) ? files[name] : undefined
  if (!isEntry(entry)) {
    throw new SeqloomError('ERR_FORMAT', `'${description}' has no SHA-256 and size of '${name}'`)
  }
  try {
    await saved.copy(name, entry, room)
  } catch (error) {
    throw cannot('read', `'${saved.path(name)}'`, error)
  }
}

/** `ERR_FORMAT` unless a file has the size that the description says. */
export function requireSize(path: string, size: number, { bytes }: FileEntry): void {
  if (size === bytes) return
  throw new SeqloomError('ERR_FORMAT', `'${path}' has ${size} bytes, not ${bytes}: it is truncated or altered`)
}

/** `ERR_FORMAT` unless a file has the hash that the description says. */
export function requireHash(path: string, sha256: string, entry: FileEntry): void {
  if (sha256 !== entry.sha256) throw altered(path)
}

const altered = (path: string) =>
  new SeqloomError('ERR_FORMAT', `'${path}' does not have the SHA-256 of the saved file: it was altered`)

async function copyFile(path: string, entry: FileEntry, room: Room): Promise<void> {
  const file = await openRegular(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') throw new SeqloomError('ERR_FORMAT', `'${path}' is missing`)
    throw error
  })
  try {
    const { size } = await file.stat()
    requireSize(path, size, entry)
    if (room.readFile && readsFiles) {
      if (!(await room.readFile(path, { fd: file.fd, size }, entry.sha256))) throw altered(path)
      return
    }
    const take = room(size)
    const hash = createHash('sha256')
    let read = 0
    for await (const piece of piecesOf(file, size)) {
      hash.update(piece)
      take(piece)
      read += piece.length
    }
    requireSize(path, read, entry)
    requireHash(path, hash.digest('hex'), entry)
  } finally {
    await file.close()
  }
}
