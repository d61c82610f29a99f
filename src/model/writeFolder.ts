import { type FileHandle, lstat, open, readdir, realpath, rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { SeqloomError } from '../errors.js'
import { cannot } from '../files.js'
import { isFirst } from '../rank.js'
import { type Contents, contentsOf } from './contents.js'
import { inTurn, locked } from './exclusive.js'
import {
  descriptionName,
  descriptionText,
  type FileBytes,
  type FileEntry,
  folderFiles,
  inMemory,
  listedFiles,
  type NewFile,
  parseDescription,
  readListed,
  readShortText,
} from './folder.js'

/** The contents to write to a folder. */
export interface Packed {
  readonly files: readonly NewFile[]
  readonly description: Readonly<Record<string, unknown>>
  /** Lets go of what the files are made of. */
  free(): void
}

/** Throws if new contents must not replace what the folder holds. */
export type Admission = (before: Contents, made: Contents) => void

/** The name under which a file is written before it gets its own. */
const temporary = (name: string): string => `.${name}.tmp`

/**
 * The description of a write under way, and the one that it replaces: they list what a killed process may have left.
 */
const pendingName = temporary(descriptionName)
const previousName = temporary(`previous-${descriptionName}`)

// Data files that killed processes were writing when descriptions were still written last.
const formerTemporary = /^\.(weights|training-state|callbacks)-[0-9a-f]{16}\.safetensors\.tmp$/

/** The beginning of every description, by which an incomplete one is recognized as Seqloom's. */
const head = descriptionText({}).slice(0, -'\n}\n'.length)

/**
 * Writes a model's files. The new description is written first, beside the old one, then the data files, all synced;
 * then it takes the old one's place, and the files that only the old one listed are removed. A crash at any moment
 * leaves the old model or the new one; the next write removes leftovers. Of several ranks, rank 0 alone writes. Only
 * files that a description by Seqloom lists are ever removed or replaced. Writes to one folder follow each other, in
 * all processes.
 *
 * Errors: `ERR_IO`, naming the folder; what `admit` throws.
 */
export async function writeFolder(folder: string, making: Promise<Packed>, admit: Admission): Promise<void> {
  // It is awaited later and may fail before that.
  making.catch(() => undefined)
  if (!isFirst()) {
    const { free } = await making
    free()
    return
  }
  await inTurn(folder, async () => {
    const { files, description: content, free } = await making
    try {
      // Before anything is made.
      await described(folder)
      await locked(folder, async () => {
        const before = await described(folder)
        if (before) admit(contentsOf(before), contentsOf(content))
        await replace(folder, before, files, descriptionText(content))
      })
    } catch (cause) {
      throw cannot('save to', `'${folder}'`, cause)
    } finally {
      free()
    }
  })
}

async function replace(
  folder: string,
  before: Record<string, unknown> | undefined,
  files: readonly NewFile[],
  text: string,
): Promise<void> {
  const listed = listedFiles(before ?? {})
  await sweep(folder, listed, before !== undefined)
  for (const file of files) await checkFree(folder, file, listed)
  try {
    await write(join(folder, pendingName), inMemory(Buffer.from(text)))
    for (const file of files) {
      const { name } = file
      await write(join(folder, temporary(name)), file)
      await rename(join(folder, temporary(name)), join(folder, name))
    }
    if (before) await write(join(folder, previousName), inMemory(Buffer.from(descriptionText(before))))
    await syncFolder(folder)
    await rename(join(folder, pendingName), join(folder, descriptionName))
    await syncFolder(folder)
  } catch (error) {
    await sweep(folder, listed, false).catch(() => undefined)
    throw error
  }
  if (before) await sweep(folder, new Map(files.map((file) => [file.name, file])), false)
}

/**
 * The description of a folder that is to be written, undefined where there is none. `ERR_IO` for a `model.json` that is
 * not Seqloom's or of a later version: only the user may replace it.
 */
export async function described(folder: string): Promise<Record<string, unknown> | undefined> {
  const path = join(folder, descriptionName)
  try {
    return parseDescription(path, await readShortText(path))
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    if (!(cause instanceof SeqloomError)) throw cause
    throw new SeqloomError(
      'ERR_IO',
      `${message}; it is not replaced: choose another folder than '${folder}', or move it away`,
      { cause },
    )
  }
}

/** What a folder holds that is to be written, undefined where it holds no model; `ERR_IO` as for {@link described}. */
export async function contentsIn(folder: string): Promise<Contents | undefined> {
  const found = await described(folder)
  return found && contentsOf(found)
}

/**
 * Removes files no longer in use, which the last write or a killed process left: those that the temporary descriptions
 * list and the current one does not. `ERR_IO` for a file that has taken the place of one of Seqloom's.
 */
async function sweep(folder: string, listed: ReadonlyMap<string, FileEntry>, ours: boolean): Promise<void> {
  const left = ours ? (await readdir(folder)).filter((name) => formerTemporary.test(name)) : []
  for (const name of left) await removeRegular(join(folder, name))
  for (const aside of [pendingName, previousName]) {
    const path = join(folder, aside)
    const text = await readShortText(path).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return undefined
      throw error
    })
    if (text === undefined) continue
    if (!head.startsWith(text) && !text.startsWith(head)) throw inTheWay(path)
    for (const [name, entry] of listedFiles(parsedOrNothing(text))) {
      await removeRegular(join(folder, temporary(name)))
      if (!listed.has(name)) await removeListed(folder, name, entry)
    }
    await removeRegular(path)
  }
}

function parsedOrNothing(text: string): Record<string, unknown> {
  try {
    return parseDescription(pendingName, text)
  } catch {
    return {}
  }
}

/**
 * `ERR_IO` if a name to be written belongs to a file that no description by Seqloom lists and whose contents differ.
 */
async function checkFree(folder: string, file: NewFile, listed: ReadonlyMap<string, FileEntry>): Promise<void> {
  const { name } = file
  const written = join(folder, temporary(name))
  if (await isThere(written)) throw inTheWay(written)
  if (listed.has(name) || !(await isThere(join(folder, name)))) return
  await readListed(folderFiles(folder), { [name]: file }, name).catch(() => {
    throw inTheWay(join(folder, name))
  })
}

const inTheWay = (path: string) =>
  new SeqloomError('ERR_IO', `'${path}' is in the way: it is not ours, and is not replaced`)

const isThere = async (path: string): Promise<boolean> =>
  await lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )

/** Removes a file if it still is as the description says. */
async function removeListed(folder: string, name: string, { bytes }: FileEntry): Promise<void> {
  const path = join(folder, name)
  const found = await lstat(path).catch(() => undefined)
  if (found?.isFile() && found.size === bytes) await rm(path, { force: true })
}

async function removeRegular(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found?.isFile()) await rm(path, { force: true })
}

/**
 * Removes the files that a description by Seqloom lists, if `concerns` is true for its contents, and the folder if that
 * leaves it empty. `ERR_IO`, naming the folder.
 */
export async function removeFolder(folder: string, concerns: (contents: Contents) => boolean): Promise<void> {
  if (!isFirst()) return
  await inTurn(folder, async () => {
    try {
      if (!(await described(folder))) return
      await locked(folder, async () => {
        const before = await described(folder)
        if (!before || !concerns(contentsOf(before))) return
        const listed = listedFiles(before)
        await sweep(folder, listed, true)
        // From here on the folder holds no model; if the process is killed, the next write removes the rest.
        await rename(join(folder, descriptionName), join(folder, pendingName))
        await syncFolder(folder)
        for (const [name, entry] of listed) await removeListed(folder, name, entry)
        await removeRegular(join(folder, pendingName))
      })
      await removeEmpty(folder)
    } catch (cause) {
      throw cannot('save to', `'${folder}'`, cause)
    }
  })
}

/** Removes a folder without files, unless the process works in it. */
async function removeEmpty(folder: string): Promise<void> {
  const isHere = (await realpath(folder).catch(() => undefined)) === (await realpath('.').catch(() => undefined))
  // It holds something else, or the system has another reason to keep it.
  if (!isHere) await rmdir(folder).catch(() => undefined)
}

/** Writes a file anew and syncs it. */
async function write(path: string, data: FileBytes): Promise<void> {
  let file: FileHandle | undefined
  try {
    file = await open(path, 'wx')
    for (const piece of data.pieces()) await file.writeFile(piece)
    await file.sync()
    await file.close()
  } catch (error) {
    await file?.close().catch(() => undefined)
    if (file) await rm(path, { force: true }).catch(() => undefined)
    throw error
  }
}

/** Makes renames last. Not every system can sync a folder. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined)
  await handle?.sync().catch(() => undefined)
  await handle?.close()
}
