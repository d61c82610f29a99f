import { cpus } from 'node:os'
import { callNative } from './errors.js'
import { native } from './native/index.js'
import { checkOptions, integer } from './options.js'

/** What the engine runs on. */
export interface Backend extends ReturnType<typeof native.backend> {
  /** The processor's name and the architecture: `AMD EPYC, x64`. */
  cpu: string
}

/** Settings of the process. */
export interface Configuration {
  /** How many threads compute, from 1 to 256. Default: `SEQLOOM_THREADS`, else as many as the process may use. */
  readonly threads?: number
}

/**
 * The engine's instruction set, threads and version. Errors: `ERR_OPTION` when `SEQLOOM_SIMD` or `SEQLOOM_THREADS` is
 * wrong.
 */
export function backend(): Backend {
  const model = cpus()[0]?.model.trim()
  return { ...callNative(() => native.backend()), cpu: model ? `${model}, ${process.arch}` : process.arch }
}

/** Changes settings of the process. Errors: `ERR_OPTION`. */
export function configure(options: Configuration): void {
  checkOptions('configure', options, { accepted: { threads: integer(1, 256) } })
  callNative(() => native.configure(options))
}
