import { randomUUID } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { type FileHandle, lstat, mkdir, open, readlink, rename, rm, stat } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { isatty } from 'node:tty'
import { SeqloomError } from './errors.js'

/** How many bytes are read, written or hashed before the event loop gets a turn. */
export const pieceSize = 1 << 20

/**
 * The first `size` bytes of a file, piece by piece, each there until the next one is asked for; it ends sooner where the
 * file does. While a piece is used, the next one is read.
 */
export async function* piecesOf(file: FileHandle, size: number): AsyncGenerator<Uint8Array> {
  const room = () => Buffer.allocUnsafe(Math.min(pieceSize, size))
  let [now, next] = [room(), size > pieceSize ? room() : undefined]
  const begin = (into: Buffer, at: number) => {
    const read = file.read(into, 0, Math.min(into.length, size - at), at)
    // It may fail before anybody waits for it.
    read.catch(() => undefined)
    return read
  }
  let coming = size > 0 ? begin(now, 0) : undefined
  try {
    for (let at = 0; coming; ) {
      const { bytesRead } = await coming
      if (bytesRead === 0) return
      const piece = now.subarray(0, bytesRead)
      at += bytesRead
      next ??= at < size ? room() : undefined
      coming = next && at < size ? begin(next, at) : undefined
      yield piece
      if (next) [now, next] = [next, now]
    }
  } finally {
    // Whoever breaks off may close the file.
    await coming?.catch(() => undefined)
  }
}

// Missing on Windows. Without O_NONBLOCK, opening a named pipe waits for a writer.
const { O_RDONLY, O_NOFOLLOW = 0, O_NONBLOCK = 0 } = constants as Partial<typeof constants> & { O_RDONLY: number }

/**
 * Opens a file of a folder that may be a stranger's. It must be a regular file: a link may lead outside, a pipe may
 * have no writer, and a device may never end; those are `ERR_IO`. A missing file gives Node's own error.
 */
export async function openRegular(path: string): Promise<FileHandle> {
  checkRegular(path, await lstat(path))
  const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
  try {
    // It may have been replaced a moment ago.
    checkRegular(path, await file.stat())
    return file
  } catch (error) {
    await file.close()
    throw error
  }
}

function checkRegular(path: string, found: Stats): void {
  if (!found.isFile()) throw new SeqloomError('ERR_IO', `'${path}' is ${kindOf(found)}, not a regular file`)
}

/** What a thing is that is not a regular file. */
function kindOf(found: Stats): string {
  if (found.isDirectory()) return 'a folder'
  if (found.isSymbolicLink()) return 'a symbolic link'
  if (found.isFIFO()) return 'a named pipe'
  return found.isSocket() ? 'a socket' : 'a device'
}

/**
 * Opens a file that the user named. Links are followed, and pipes such as those of a shell are read. Folders are
 * refused, and so are devices other than terminals, since they may never end. `ERR_IO`, naming the file.
 */
export async function openNamed(path: string): Promise<FileHandle> {
  let file: FileHandle | undefined
  try {
    file = await open(path)
    const found = await file.stat()
    if (found.isDirectory() || found.isBlockDevice() || (found.isCharacterDevice() && !isatty(file.fd))) {
      throw new Error(`it is ${kindOf(found)}, not a file`)
    }
    return file
  } catch (cause) {
    await file?.close()
    throw cannot('read', path, cause)
  }
}

/** All bytes of a file that the user named; see {@link openNamed}. */
export async function readNamed(path: string): Promise<Buffer> {
  const file = await openNamed(path)
  try {
    return await file.readFile()
  } catch (cause) {
    throw cannot('read', path, cause)
  } finally {
    await file.close()
  }
}

/** The `ERR_IO` of a file or folder that cannot be read, written or saved to. */
export function cannot(what: 'read' | 'write' | 'write to' | 'save to', path: string, cause: unknown): SeqloomError {
  if (cause instanceof SeqloomError) return cause
  const why = cause instanceof Error ? cause.message : String(cause)
  return new SeqloomError('ERR_IO', `cannot ${what} ${path}: ${why}`, { cause })
}

/**
 * Writes a file atomically: the path holds the old file or the new one, never a part. Large contents may come piece by
 * piece. `ERR_IO`.
 */
export async function replaceFile(
  path: string,
  contents: Uint8Array | Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
): Promise<void> {
  const unfinished = `${path}.${randomUUID()}.tmp`
  try {
    const file = await open(unfinished, 'wx')
    try {
      for await (const bytes of contents instanceof Uint8Array ? [contents] : contents) {
        for (let at = 0; at < bytes.length; at += pieceSize) await file.writeFile(bytes.subarray(at, at + pieceSize))
      }
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(unfinished, path)
  } catch (cause) {
    await rm(unfinished, { force: true })
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') {
      throw new SeqloomError('ERR_IO', `cannot write ${path}: there is no folder ${dirname(path)}`, { cause })
    }
    throw cannot('write', path, cause)
  }
}

/** {@link replaceFile} for a file that the user named: what a symbolic link leads to is replaced, not the link. */
export async function replaceNamed(path: string, contents: Parameters<typeof replaceFile>[1]): Promise<void> {
  await replaceFile(await linkedBy(path), contents)
}

/** As many links as Linux follows. */
const mostLinks = 40

async function linkedBy(path: string): Promise<string> {
  let target = path
  for (let links = 0; links <= mostLinks; links++) {
    const next = await readlink(target).catch(() => undefined)
    if (next === undefined) return target
    target = resolve(dirname(target), next)
  }
  throw cannot('write', path, new Error('its symbolic links lead in a circle'))
}

/** What may be replaced without being asked: files that begin as ours do. */
export interface OwnFiles {
  /** What one is: `token file`. */
  readonly what: string
  /** Whether these are the first bytes of one. */
  readonly begins: (bytes: Uint8Array) => boolean
}

/**
 * `ERR_IO` for a file that is there, unless the user asked to replace it or it is one of ours, and for what cannot be
 * replaced by a file at all.
 */
export async function checkReplaceable(path: string, asked: boolean, own?: OwnFiles): Promise<void> {
  let file: FileHandle | undefined
  try {
    const found = await stat(path)
    if (!found.isFile()) throw new Error(`it is ${kindOf(found)}, not a file`)
    if (asked) return
    file = await open(path)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(1024), 0, 1024, 0)
    if (own?.begins(buffer.subarray(0, bytesRead))) return
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return
    throw cannot('write', path, cause)
  } finally {
    await file?.close()
  }
  const why = own ? `is there already and is no ${own.what}` : 'is there already'
  throw new SeqloomError(
    'ERR_IO',
    `'${path}' ${why}; it is not replaced unless asked to (overwrite: true, --force on the command line)`,
  )
}

/**
 * Makes a folder and its missing parents; returns the folders that it made, the outermost first. Node's own `recursive`
 * never ends where the system claims that a folder to be made does not exist, as below `/proc`. Throws what Node does.
 */
export async function makeFolder(folder: string): Promise<string[]> {
  const missing: string[] = []
  let existing = resolve(folder)
  while (!(await isThere(existing))) {
    missing.unshift(existing)
    existing = dirname(existing)
  }
  for (const path of missing) {
    await mkdir(path).catch((error: NodeJS.ErrnoException) => {
      // Another process may just have made it.
      if (error.code !== 'EEXIST') throw error
    })
  }
  if (!(await stat(folder)).isDirectory()) throw new Error(`${folder} is a file, not a folder`)
  return missing
}

/** Whether anything of this name exists. */
export async function isThere(path: string): Promise<boolean> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  return found !== undefined
}
