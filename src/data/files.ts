import { existsSync, statSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, requireReadable, SeqloomError } from '../errors.js'
import type { ByteStream } from './bytes.js'
import { standardInput } from './textFile.js'

/**
 * Files by path or URL; a path may be a pattern such as `logs/*.csv`, and `-` is standard input. Instead of a
 * file, a stream of its bytes.
 */
export type Files = string | URL | readonly (string | URL)[] | ByteStream

/** The paths and patterns that were given. `ERR_OPTION`. */
export function namedFiles(where: string, given: Files): string[] {
  requireReadable(where, given)
  const all = Array.isArray(given) ? given : [given]
  if (all.length === 0) throw new SeqloomError('ERR_OPTION', `${where}: no files are named`)
  // Holes of an array are told, too.
  return Array.from(all, (each: unknown) => {
    if (each instanceof URL && each.protocol === 'file:') return fileURLToPath(each)
    if (typeof each === 'string' && each !== '') return each
    throw new SeqloomError('ERR_OPTION', `${where}: expected a path, a pattern or a file: URL, not ${describe(each)}`)
  })
}

/** Whether a path is a pattern, not a file's name. */
export const isPattern = (path: string): boolean => /[*?[\]{}]/.test(path) && !existsSync(path)

/** Whether a path names a folder that is there. */
export const isFolder = (path: string): boolean => existsSync(path) && statSync(path).isDirectory()

/** The files that paths and patterns name, those of a pattern sorted by name. `ERR_IO` for a pattern that fits none. */
export async function matching(paths: readonly string[]): Promise<string[]> {
  const found: string[] = []
  for (const path of paths) {
    if (path === standardInput || !isPattern(path)) {
      found.push(path)
      continue
    }
    const { glob } = await import('tinyglobby')
    const pattern = process.platform === 'win32' ? path.replaceAll('\\', '/') : path
    const fitting = await glob(pattern, { expandDirectories: false, onlyFiles: true, dot: true })
    if (fitting.length === 0) throw new SeqloomError('ERR_IO', `no file is named like '${path}'`)
    found.push(...fitting.sort((a, b) => (a < b ? -1 : 1)))
  }
  return found
}
