import { SeqloomError } from '../../errors.js'
import { checkDepth } from '../../limits.js'
import { isRecord } from '../../options.js'

/** The most bytes of a file's description, and of its weights: what a typed array holds. */
const most = { 'config.json': 2 ** 26, 'metadata.json': 2 ** 20, 'model.weights.h5': 2 ** 32 } as const

const mostVocabulary = 2 ** 26

/** Numbers hardly pack; what unpacks to more than so many times its size is no model. */
const mostPacked = 64

/** The files inside of a `.keras` file. */
export interface KerasArchive {
  readonly config: unknown
  readonly weights: Uint8Array
  /** The version of Keras that wrote it, if it says. */
  readonly version: unknown
  /** The text of a vocabulary in a file. */
  assets(path: string): string | undefined
}

/** Whether bytes begin as a zip archive does. */
export const isZip = (file: Uint8Array): boolean => file[0] === 0x50 && file[1] === 0x4b

/** Unpacks a `.keras` file (a zip archive) as far as it is needed. `ERR_FORMAT`. */
export async function openKerasArchive(where: string, file: Uint8Array): Promise<KerasArchive> {
  const { unzipSync } = await import('fflate')
  const wrong = (why: string, cause?: unknown) =>
    new SeqloomError('ERR_FORMAT', `${where}: no .keras file: ${why}`, { cause })
  let files: Record<string, Uint8Array>
  try {
    files = unzipSync(file, {
      filter: ({ name, originalSize, size }) => {
        const own = Object.hasOwn(most, name) ? most[name as keyof typeof most] : undefined
        const bytes = own ?? (name.endsWith('/vocabulary.txt') ? mostVocabulary : undefined)
        if (bytes === undefined) return false
        const limit = Math.min(bytes, mostPacked * file.length)
        if (originalSize > limit || size > file.length) throw wrong(`${name} has ${originalSize} bytes`)
        return true
      },
    })
  } catch (error) {
    throw error instanceof SeqloomError ? error : wrong('it cannot be unpacked', error)
  }
  const { 'config.json': config, 'model.weights.h5': weights } = files
  if (config === undefined || weights === undefined) {
    throw wrong(`it holds no ${config === undefined ? 'config.json' : 'model.weights.h5'}`)
  }
  const json = (name: string, bytes: Uint8Array) => parsed(`${where}: ${name}`, Buffer.from(bytes).toString('utf8'))
  const about = files['metadata.json'] && json('metadata.json', files['metadata.json'])
  return {
    config: json('config.json', config),
    weights,
    version: isRecord(about) ? about.keras_version : undefined,
    assets: (path) =>
      Object.hasOwn(files, path) ? Buffer.from(files[path] as Uint8Array).toString('utf8') : undefined,
  }
}

/** What Python writes for numbers that JSON has not. Looks back at what stands before only where one was found: white space may be long. */
const noNumbers = /(?:-?Infinity|NaN)(?<=[[:,]\s*(?:-?Infinity|NaN))(?=\s*[,\]}])/g

/** JSON of a file; `ERR_FORMAT`, also for data that are nested too deep. Python writes infinities and NaN, which JSON has not. */
export function parsed(where: string, text: string): unknown {
  const tried = (json: string): { readonly value: unknown } | undefined => {
    try {
      return { value: JSON.parse(json) }
    } catch {
      return undefined
    }
  }
  const found = tried(text) ?? tried(text.replace(noNumbers, 'null'))
  if (found === undefined) throw new SeqloomError('ERR_FORMAT', `${where} is no JSON`)
  checkDepth(where, found.value)
  return found.value
}

/** The bytes of a `.keras` file. Like Keras's, its files are not compressed. */
export async function packKerasArchive(config: object, version: string, weights: Uint8Array): Promise<Uint8Array> {
  const { zipSync } = await import('fflate')
  const text = (value: unknown) => Buffer.from(JSON.stringify(value))
  // A zip archive without extensions has lengths of four bytes.
  if (weights.length > 2 ** 32 - 2 ** 27) throw new SeqloomError('ERR_UNSUPPORTED', 'a .keras file has at most 4 GiB')
  const files = {
    'metadata.json': text({ keras_version: version, date_saved: savedAt(new Date()) }),
    'config.json': text(config),
    'model.weights.h5': weights,
  }
  return zipSync(files, { level: 0 })
}

/** A moment as Keras writes it: `2026-01-31@12:34:56`. */
const savedAt = (date: Date): string => date.toISOString().slice(0, 19).replace('T', '@')
