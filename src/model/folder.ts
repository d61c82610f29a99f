import { createHash } from 'node:crypto'
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'

/** The file that describes a saved model and names all others. */
export const descriptionName = 'model.json'

/** What the description says of a file. */
export interface FileEntry {
  readonly sha256: string
  readonly bytes: number
}

/** A file to be written: the name that says what it is, and its contents. */
export interface NewFile {
  readonly name: string
  readonly data: Uint8Array
}

// Left by a process that was killed while it wrote.
const temporaryName = /^\.[A-Za-z0-9_.-]+\.tmp$/

// Names of data files carry 16 hexadecimal digits of their hash: `weights-0123456789abcdef.safetensors`.
const hashedName = /^[A-Za-z0-9_.-]+-[0-9a-f]{16}(\.[A-Za-z0-9]+)?$/

/** The name of a data file in a folder: the given one with a part of its contents' hash. */
export function hashName({ name, data }: NewFile): string {
  const extension = extname(name)
  return `${name.slice(0, name.length - extension.length)}-${digest(data).slice(0, 16)}${extension}`
}

const digest = (data: Uint8Array): string => createHash('sha256').update(data).digest('hex')

/** What the description says of these contents. */
export function entryOf(data: Uint8Array): FileEntry {
  return { sha256: digest(data), bytes: data.byteLength }
}

/**
 * Writes a model's files: data files first, synced, then the description by renaming it into place, then removes data files that it no
 * longer names, and what an earlier write did not complete. A crash at any moment leaves the old model or the new one. Errors: `ERR_IO`, naming the folder.
 */
export async function writeFolder(folder: string, files: readonly NewFile[], description: string): Promise<void> {
  try {
    await mkdir(folder, { recursive: true })
    const kept = new Set<string>()
    for (const file of files) {
      const name = hashName(file)
      kept.add(name)
      await replaceFile(folder, name, file.data)
    }
    await replaceFile(folder, descriptionName, Buffer.from(description))
    for (const name of await readdir(folder)) {
      if ((hashedName.test(name) && !kept.has(name)) || temporaryName.test(name))
        await rm(join(folder, name), { force: true })
    }
  } catch (cause) {
    throw ioError(`cannot save to '${folder}'`, cause)
  }
}

/** Writes a file under another name, syncs it and renames it, so that its name never stands for half a file. */
async function replaceFile(folder: string, name: string, data: Uint8Array): Promise<void> {
  const temporary = join(folder, `.${name}.tmp`)
  try {
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(data)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, join(folder, name))
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined)
    throw error
  }
  await syncFolder(folder)
}

/** Makes renames last. Not every system can sync a folder. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}

/** Reads the description. Errors: `ERR_IO` when there is no folder, `ERR_FORMAT` when the file is missing, broken or of a later version. */
export async function readDescription(
  folder: string,
  format: string,
  version: number,
): Promise<Record<string, unknown>> {
  const path = join(folder, descriptionName)
  const found = await stat(folder).catch((cause: unknown) => {
    throw ioError(`cannot read the model folder '${folder}'`, cause)
  })
  if (!found.isDirectory()) throw new SeqloomError('ERR_IO', `'${folder}' is a file, not a model folder`)
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw new SeqloomError('ERR_FORMAT', `'${path}' is missing: this is no saved model`)
    throw ioError(`cannot read '${path}'`, cause)
  })
  return parseDescription(path, bytes, format, version)
}

/** The description in these bytes; `path` is what messages call it. Errors: `ERR_FORMAT`. */
export function parseDescription(
  path: string,
  bytes: Uint8Array,
  format: string,
  version: number,
): Record<string, unknown> {
  let description: unknown
  try {
    description = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new SeqloomError('ERR_FORMAT', `'${path}' is no JSON: it is damaged or truncated`, { cause })
  }
  if (!isRecord(description) || description.format !== format) {
    throw new SeqloomError('ERR_FORMAT', `'${path}' does not describe a ${format} model`)
  }
  const given = description.formatVersion
  if (!Number.isInteger(given) || (given as number) < 1 || (given as number) > version) {
    throw new SeqloomError(
      'ERR_FORMAT',
      `'${path}' has the format version ${JSON.stringify(given)}; this package reads 1 to ${version}`,
    )
  }
  return description
}

/** Reads a data file that the description names, checking its size and its SHA-256. Errors: `ERR_FORMAT`, `ERR_IO`, naming the file. */
export async function readListed(folder: string, files: unknown, name: unknown): Promise<Buffer> {
  const entry = listedEntry(join(folder, descriptionName), files, name)
  const path = join(folder, name as string)
  const found = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') throw new SeqloomError('ERR_FORMAT', `'${path}' is missing`)
    throw ioError(`cannot read '${path}'`, cause)
  })
  requireSize(path, found.size, entry)
  const data = await readFile(path).catch((cause: unknown) => {
    throw ioError(`cannot read '${path}'`, cause)
  })
  requireHash(path, data, entry)
  return data
}

/** What the description says of a file. Errors: `ERR_FORMAT` for a file that it does not list, or not as we do. */
export function listedEntry(description: string, files: unknown, name: unknown): FileEntry {
  if (typeof name !== 'string' || !hashedName.test(name)) {
    throw new SeqloomError(
      'ERR_FORMAT',
      `'${description}' names the file ${JSON.stringify(name)}, which is no name of ours`,
    )
  }
  const entry = isRecord(files) && Object.hasOwn(files, name) ? files[name] : undefined
  if (!isRecord(entry) || typeof entry.sha256 !== 'string' || !Number.isSafeInteger(entry.bytes)) {
    throw new SeqloomError('ERR_FORMAT', `'${description}' has no SHA-256 and size of '${name}'`)
  }
  return entry as unknown as FileEntry
}

/** `ERR_FORMAT` unless a file has the size that the description says. */
export function requireSize(path: string, size: number, { bytes }: FileEntry): void {
  if (size === bytes) return
  throw new SeqloomError('ERR_FORMAT', `'${path}' has ${size} bytes, not ${bytes}: it is truncated or altered`)
}

/** `ERR_FORMAT` unless a file has the hash that the description says. */
export function requireHash(path: string, data: Uint8Array, { sha256 }: FileEntry): void {
  if (digest(data) === sha256) return
  throw new SeqloomError('ERR_FORMAT', `'${path}' does not have the SHA-256 of the saved file: it was altered`)
}

/** Where a saved model's files are. */
export interface ModelFiles {
  /** What messages call a file. */
  path(name: string): string
  /** The description. Errors: `ERR_IO`, `ERR_FORMAT`. */
  describe(format: string, version: number): Promise<Record<string, unknown>>
  /** A data file that the description names, checked against its size and hash there. Errors: `ERR_FORMAT`, `ERR_IO`. */
  read(files: unknown, name: unknown): Promise<Uint8Array>
}

/** The files of a model folder. */
export const folderFiles = (folder: string): ModelFiles => ({
  path: (name) => join(folder, name),
  describe: (format, version) => readDescription(folder, format, version),
  read: (files, name) => readListed(folder, files, name),
})

function ioError(message: string, cause: unknown): SeqloomError {
  if (cause instanceof SeqloomError) return cause
  return new SeqloomError('ERR_IO', `${message}: ${(cause as Error).message}`, { cause })
}
