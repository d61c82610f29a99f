import { SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'

/** The most bytes of a file's description, and of its weights: what a typed array holds. */
const most = { 'config.json': 2 ** 26, 'metadata.json': 2 ** 20, 'model.weights.h5': 2 ** 32 } as const

/** Numbers hardly pack; what unpacks to more than so many times its size is no model. */
const mostPacked = 64

/** The files inside of a `.keras` file. */
export interface KerasArchive {
  readonly config: unknown
  readonly weights: Uint8Array
  /** The version of Keras that wrote it, if it says. */
  readonly version: unknown
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
        if (!Object.hasOwn(most, name)) return false
        const limit = Math.min(most[name as keyof typeof most], mostPacked * file.length)
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
  }
}

/** JSON of a file; `ERR_FORMAT`. Python writes infinities and NaN, which JSON has not. */
export function parsed(where: string, text: string): unknown {
  try {
    return JSON.parse(text.replace(/(?<=[[:,]\s*)(-?Infinity|NaN)(?=\s*[,\]}])/g, 'null'))
  } catch (cause) {
    throw new SeqloomError('ERR_FORMAT', `${where} is no JSON`, { cause })
  }
}
