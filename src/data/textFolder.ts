import type { Dirent } from 'node:fs'
import { readdir, realpath, stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { AbortError, describe, requireReadable, SeqloomError } from '../errors.js'
import { cannot } from '../files.js'
import { checkOptions, custom, flag, seed as seedRule } from '../options.js'
import { pathOf } from '../path.js'
import type { Blocks } from './blocks.js'
import { Dataset, type Start } from './dataset.js'
import { permutation } from './permutation.js'
import { placed } from './places.js'
import type { TextFileOptions } from './tables.js'
import { checkEncoding, readText, type TextOptions } from './textFile.js'

/** Options of {@link textFolder}. */
export interface TextFolderOptions extends TextFileOptions {
  /** Whether the texts come in a random order, another one in each pass; default false: label by label. */
  readonly shuffle?: boolean
  /** Determines that order, together with the number of the pass; default 0. */
  readonly seed?: number
}

/** A file's text, and the name of the folder it is in. */
export interface FolderText {
  readonly text: string
  readonly label: string
}

/** How many files are read at a time. */
const filesAtOnce = 16

/**
 * The text files of a folder that has one folder for each label, as of Keras's `text_dataset_from_directory`: rows
 * `{ text, label }`. The files of a label's folder, and of folders within, come in the order of their paths, label by label,
 * both as `sort` orders texts, unless `shuffle` is set. Hidden files (`.name`) and those beside the labels' folders are left out;
 * compressed ones are read as for `data.csv`. The files are listed for each pass. Errors while it is gone through: `ERR_IO`
 * for what cannot be read; `ERR_DATA` for a folder without labels, a label without files, and, naming the file, for what is
 * no text in the encoding.
 */
export function textFolder(folder: string | URL, options: TextFolderOptions = {}): Dataset<FolderText> {
  const where = 'data.textFolder'
  requireReadable(where, options)
  checkOptions(where, options, {
    accepted: { encoding: custom('a text', (v) => typeof v === 'string' && v !== ''), shuffle: flag, seed: seedRule },
  })
  const { shuffle = false, seed = 0, encoding } = options
  if (encoding !== undefined) checkEncoding(encoding)
  const root = pathOf(where, folder)
  const from = async function* ({ pass, skip, signal }: Start): Blocks<FolderText> {
    const files = await labelled(root)
    const order = shuffle ? permutation(files.length, seed, pass) : (at: number) => at
    const how: TextOptions = encoding === undefined ? {} : { encoding }
    for (let at = skip; at < files.length; at += filesAtOnce) {
      if (signal?.aborted) throw new AbortError(signal)
      const count = Math.min(filesAtOnce, files.length - at)
      const some = Array.from({ length: count }, (_, index) => files[order(at + index)] as LabelledFile)
      // Of several that fail, the first is told.
      const texts = await Promise.allSettled(some.map(({ path }) => plainText(path, how)))
      const rows = texts.map((found, index) => {
        if (found.status === 'rejected') throw found.reason
        return { text: found.value, label: (some[index] as LabelledFile).label }
      })
      yield placed(rows, (row) => (some[row] as LabelledFile).path)
    }
  }
  return new Dataset<FolderText>({ name: root, from, size: async () => (await labelled(root)).length })
}

interface LabelledFile {
  readonly path: string
  readonly label: string
}

/** The text of a file. `ERR_DATA` for binary files that happen to be UTF-8. */
async function plainText(path: string, how: TextOptions): Promise<string> {
  const text = await readText(path, how)
  if (!text.includes('\0')) return text
  throw new SeqloomError(
    'ERR_DATA',
    `${path}: it holds NUL characters, as binary files and UTF-16 do; leave it out, or name the encoding (utf-16le)`,
  )
}

/** The files of all labels, in order. */
async function labelled(root: string): Promise<LabelledFile[]> {
  const entries = await entriesOf(root)
  const files: LabelledFile[] = []
  let labels = 0
  for (const { path, isFolder } of entries) {
    if (!isFolder) continue
    labels++
    const before = files.length
    for await (const file of filesIn(path, [])) files.push({ path: file, label: basename(path) })
    if (files.length === before) {
      throw new SeqloomError('ERR_DATA', `${path} has no files; each folder in ${root} must hold texts of its label`)
    }
  }
  if (labels > 0) return files
  const found =
    entries.length === 0
      ? 'is empty'
      : `has files, such as ${describe(basename(entries[0]?.path ?? ''))}, but no folders`
  throw new SeqloomError(
    'ERR_DATA',
    `${root} ${found}; it must have a folder for each label, with the label's texts in it`,
  )
}

/** The files in a folder and in those within; a link that leads back to a folder around it is not followed. */
async function* filesIn(folder: string, around: readonly string[]): AsyncGenerator<string> {
  const real = await realpath(folder).catch((error: unknown) => {
    throw cannot('read', folder, error)
  })
  if (around.includes(real)) return
  for (const { path, isFolder } of await entriesOf(folder)) {
    if (isFolder) yield* filesIn(path, [...around, real])
    else yield path
  }
}

interface Entry {
  readonly path: string
  readonly isFolder: boolean
}

/** The folders and regular files in a folder that are not hidden, sorted; links are what they lead to. `ERR_IO`. */
async function entriesOf(folder: string): Promise<Entry[]> {
  const found: Entry[] = []
  try {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue
      const path = join(folder, entry.name)
      const kind: Pick<Dirent, 'isDirectory' | 'isFile'> = entry.isSymbolicLink() ? await stat(path) : entry
      if (kind.isDirectory() || kind.isFile()) found.push({ path, isFolder: kind.isDirectory() })
    }
  } catch (error) {
    throw cannot('read', folder, error)
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : 1))
}
