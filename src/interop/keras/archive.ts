import { promisify } from 'node:util'
import { inflateRaw } from 'node:zlib'
import { SeqloomError, visible } from '../../errors.js'
import { checkDepth } from '../../limits.js'
import { isRecord } from '../../options.js'
import { Source } from '../format.js'
import { zipped } from '../writtenZip.js'
import { contentsOf, directoryOf } from '../zip.js'

const inflated = promisify(inflateRaw)

/** The most bytes of a file's descriptions, of its weights if they are packed, and of a vocabulary. */
const most = { config: 2 ** 26, metadata: 2 ** 20, packedWeights: 2 ** 32, vocabulary: 2 ** 26 }

/** Numbers hardly pack; what unpacks to more than so many times its size is no model. */
const mostPacked = 64

/** The files inside of a `.keras` file. */
export interface KerasArchive {
  readonly config: unknown
  /** A part of the file, unless it is packed. */
  readonly weights: Source
  /** The version of Keras that wrote it, if it says. */
  readonly version: unknown
  /** The text of a vocabulary in a file. */
  assets(path: string): Promise<string | undefined>
}

/** Whether bytes begin as a zip archive does. */
export const isZip = (file: Uint8Array): boolean => file[0] === 0x50 && file[1] === 0x4b

/** Opens a `.keras` file (a zip archive). Files in it are unpacked as far as they are needed. `ERR_FORMAT`. */
export async function openKerasArchive(file: Source): Promise<KerasArchive> {
  const { where } = file
  const wrong = (why: string, cause?: unknown) =>
    new SeqloomError('ERR_FORMAT', `${where}: no .keras file: ${visible(why)}`, { cause })
  const members = await directoryOf(file)
  const open = async (name: string, limit: number): Promise<Source | undefined> => {
    const member = members.get(name)
    if (member === undefined) return undefined
    const { method, packed, size } = member
    const start = await contentsOf(file, member)
    if (method === 'stored') return file.part(`${where}: ${name}`, start, size)
    if (size > Math.min(limit, mostPacked * file.size)) throw wrong(`${name} has ${size} bytes`)
    if (method === undefined) throw wrong(`${name} is encrypted, or packed in a way that is not known`)
    const bytes = await inflated(await file.read(start, packed), { maxOutputLength: Math.max(size, 1) }).catch(
      (cause) => {
        throw wrong(`${name} cannot be unpacked`, cause)
      },
    )
    return Source.of(`${where}: ${name}`, bytes)
  }
  const text = async (name: string, limit: number): Promise<string | undefined> => {
    const source = await open(name, limit)
    if (source && source.size > limit) throw wrong(`${name} has ${source.size} bytes`)
    return source && Buffer.from(await source.read(0, source.size)).toString('utf8')
  }
  const config = await text('config.json', most.config)
  const weights = await open('model.weights.h5', most.packedWeights)
  if (config === undefined || weights === undefined) {
    throw wrong(`it holds no ${config === undefined ? 'config.json' : 'model.weights.h5'}`)
  }
  const metadata = await text('metadata.json', most.metadata)
  const about = metadata && parsed(`${where}: metadata.json`, metadata)
  return {
    config: parsed(`${where}: config.json`, config),
    weights,
    version: isRecord(about) ? about.keras_version : undefined,
    assets: (path) => text(path, most.vocabulary),
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
export function packKerasArchive(
  config: object,
  version: string,
  weights: () => Iterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  const text = (value: unknown) => [Buffer.from(JSON.stringify(value))]
  return zipped([
    { name: 'metadata.json', parts: () => text({ keras_version: version, date_saved: savedAt(new Date()) }) },
    { name: 'config.json', parts: () => text(config) },
    { name: 'model.weights.h5', parts: weights },
  ])
}

/** A moment as Keras writes it: `2026-01-31@12:34:56`. */
const savedAt = (date: Date): string => date.toISOString().slice(0, 19).replace('T', '@')
