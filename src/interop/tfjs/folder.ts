import { createHash } from 'node:crypto'
import { lstat, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { SeqloomError } from '../../errors.js'
import { cannot, openRegular, replaceFile } from '../../files.js'
import { inTurn, locked } from '../../model/exclusive.js'
import { descriptionName, type NewFile, readShortText } from '../../model/folder.js'
import { isRecord } from '../../options.js'

/** By whom a model was written: only ours are replaced. */
export const generatedBy = 'Seqloom'

/** Names of files that are ours: with a part of the hash of their contents. */
const ownName = /^group1-shard\d+of\d+-[0-9a-f]{16}\.bin$/

/**
 * Writes files, one after the other, and a `model.json` that names them. The files are written first, under names that
 * tell their contents; then the description takes the old one's place, and the files that only the old one names are
 * removed: whenever the process ends, the folder holds the old model or the new one. A description that is not ours and
 * files that ours does not name are never replaced or removed. `ERR_IO`, naming the folder.
 */
export async function writeModelFolder(
  folder: string,
  files: AsyncIterable<NewFile>,
  description: (names: readonly string[]) => string,
): Promise<void> {
  await inTurn(folder, async () => {
    try {
      // Before anything is made.
      await namedFiles(folder)
      await locked(folder, async () => {
        const before = await namedFiles(folder)
        const names: string[] = []
        const made: string[] = []
        try {
          for await (const file of files) {
            const { name } = file
            if (!before.includes(name) && !(await checkFree(folder, file))) made.push(name)
            await replaceFile(join(folder, name), file.pieces())
            names.push(name)
          }
          await replaceFile(join(folder, descriptionName), Buffer.from(description(names)))
        } catch (error) {
          for (const name of made) await removeRegular(join(folder, name)).catch(() => undefined)
          throw error
        }
        for (const name of before) if (!names.includes(name)) await removeRegular(join(folder, name))
      })
    } catch (cause) {
      throw cannot('save to', `'${folder}'`, cause)
    }
  })
}

/** The files that the folder's description names, if it is ours; none if there is no description. `ERR_IO` for another. */
async function namedFiles(folder: string): Promise<string[]> {
  const path = join(folder, descriptionName)
  const notOurs = (cause?: unknown) =>
    new SeqloomError(
      'ERR_IO',
      `'${path}' was not written by interop.toTfjs; it is not replaced: choose another folder than '${folder}', or move it away`,
      { cause },
    )
  let text: string
  try {
    text = await readShortText(path)
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return []
    throw cause instanceof SeqloomError ? notOurs(cause) : cause
  }
  let found: unknown
  try {
    found = JSON.parse(text)
  } catch (cause) {
    throw notOurs(cause)
  }
  if (!isRecord(found) || found.generatedBy !== generatedBy) throw notOurs()
  const groups = Array.isArray(found.weightsManifest) ? found.weightsManifest : []
  const paths = groups.flatMap((group) => (isRecord(group) && Array.isArray(group.paths) ? group.paths : []))
  return paths.filter((name) => typeof name === 'string' && ownName.test(name))
}

/** Whether a name belongs to a file with the same contents. `ERR_IO` if it belongs to something else. */
async function checkFree(folder: string, { name, sha256 }: NewFile): Promise<boolean> {
  const path = join(folder, name)
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined) return false
  if (found.isFile()) {
    const file = await openRegular(path)
    try {
      const hash = createHash('sha256')
      for await (const piece of file.createReadStream({ autoClose: false })) hash.update(piece as Buffer)
      if (hash.digest('hex') === sha256) return true
    } finally {
      await file.close()
    }
  }
  throw new SeqloomError('ERR_IO', `'${path}' is in the way: it is not ours, and is not replaced`)
}

async function removeRegular(path: string): Promise<void> {
  const found = await lstat(path).catch(() => undefined)
  if (found?.isFile()) await rm(path, { force: true })
}
