import { cpus } from 'node:os'
import { noteConfiguration } from './distributed.js'
import { callNative } from './errors.js'
import { native } from './native/index.js'
import { checkOptions, custom, integer } from './options.js'

/** What the engine runs on. */
export interface Backend extends ReturnType<typeof native.backend> {
  /** The processor's name and the architecture: `AMD EPYC, x64`. */
  cpu: string
}

/** Settings of the process. */
export interface Configuration {
  /** How many threads compute, from 1 to 256. Default: `SEQLOOM_THREADS`, else as many as the process may use. */
  readonly threads?: number
  /**
   * Whether trainings are shared by all processes that `mpirun` has started, unless they say otherwise: `'mpi'` or
   * false. Default: `SEQLOOM_DISTRIBUTED`, else false.
   */
  readonly distributed?: 'mpi' | false
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
  checkOptions('configure', options, {
    accepted: {
      threads: integer(1, 256),
      distributed: custom("'mpi' or false", (value) => value === 'mpi' || value === false),
    },
  })
  const { threads } = options
  callNative(() => native.configure(threads === undefined ? {} : { threads }))
  noteConfiguration(options)
}
