import { performance } from 'node:perf_hooks'
import { describe, SeqloomError } from '../errors.js'
import { endScope, memory, type ProfileInfo, startScope, type TensorContainer, watchPeak } from './engine.js'
import { unsupported } from './failure.js'
import { tensorsIn, tidy } from './ops/op.js'
import { disposeVariables, type Tensor } from './tensor.js'

export { disposeVariables, memory, tidy }

/** Keeps a tensor that `tidy` would dispose. */
export function keep<T extends Tensor>(result: T): T {
  result.kept = true
  return result
}

/** Disposes all tensors in arrays and objects. */
export function dispose(container: TensorContainer | object): void {
  for (const each of tensorsIn(container)) each.dispose()
}

/** How long a function took, in milliseconds. */
export interface TimingInfo {
  kernelMs: number
  wallMs: number
}

/** Tells how long a function took. */
export async function time(f: () => void): Promise<TimingInfo> {
  const start = performance.now()
  await f()
  const spent = performance.now() - start
  return { kernelMs: spent, wallMs: spent }
}

/** Runs a function, and tells how many tensors and bytes remain of it. Kernels are not listed: there are none. */
export async function profile(f: () => TensorContainer | Promise<TensorContainer>): Promise<ProfileInfo> {
  const before = memory()
  const peak = watchPeak()
  const result = await f()
  const after = memory()
  return {
    newBytes: after.numBytes - before.numBytes,
    newTensors: after.numTensors - before.numTensors,
    peakBytes: peak(),
    kernels: [],
    kernelNames: [],
    result,
  }
}

/** Resolves when other work that waits has had its turn. */
export function nextFrame(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}

/** The name that `setBackend` was given; tensors are computed in JavaScript, models by Seqloom's engine, whatever it is. */
let backendName = 'seqloom'

/** Accepts the name of any backend of tfjs: there is one way only in which anything is computed. */
export async function setBackend(name: string): Promise<boolean> {
  if (typeof name !== 'string') {
    throw new SeqloomError('ERR_OPTION', `setBackend: the name must be a string, not ${describe(name)}`)
  }
  backendName = name
  return true
}

export const getBackend = (): string => backendName

/** Resolves at once. */
export async function ready(): Promise<void> {}

/** What programs ask of a backend. */
export const backend = (): { epsilon(): number; floatPrecision(): 32 } => ({
  epsilon: () => 1e-7,
  floatPrecision: () => 32,
})

export const findBackend = (_name: string): undefined => undefined
export const removeBackend = (_name: string): void => {}
export function registerBackend(): never {
  throw unsupported('tf.registerBackend', 'everything is computed by its own engine; backend() of seqloom tells which')
}

/** What programs ask of tfjs's engine: scopes and counts. */
export const engine = () => ({
  startScope: (_name?: string): void => startScope(),
  endScope: (result?: TensorContainer): void => endScope(tensorsIn(result)),
  tidy,
  memory,
  disposeVariables,
  get state() {
    const { numTensors, numBytes, numDataBuffers } = memory()
    return { numTensors, numBytes, numDataBuffers }
  },
})

export type Flag = number | boolean | string
const flags = new Map<string, Flag>()

/** Flags that programs set and read; none of them changes anything here. */
export class Environment {
  get(name: string): Flag {
    return flags.get(name) ?? name === 'IS_NODE'
  }
  async getAsync(name: string): Promise<Flag> {
    return this.get(name)
  }
  getBool(name: string): boolean {
    return Boolean(this.get(name))
  }
  getNumber(name: string): number {
    return Number(this.get(name))
  }
  getString(name: string): string {
    return String(this.get(name))
  }
  getFlags(): Record<string, Flag> {
    return Object.fromEntries(flags)
  }
  get features(): Record<string, Flag> {
    return this.getFlags()
  }
  get platformName(): string {
    return 'node'
  }
  set(name: string, value: Flag): void {
    flags.set(name, value)
  }
  setFlags(values: Record<string, Flag>): void {
    flags.clear()
    for (const [name, value] of Object.entries(values)) flags.set(name, value)
  }
  reset(): void {
    flags.clear()
  }
}

export const ENV = new Environment()
export const env = (): Environment => ENV

/** Sets a flag that nothing reads: there are no checks to leave out. */
export const enableProdMode = (): void => ENV.set('PROD', true)
export const enableDebugMode = (): void => ENV.set('DEBUG', true)
export const disableDeprecationWarnings = (): void => ENV.set('DEPRECATION_WARNINGS_ENABLED', false)
export const deprecationWarn = (message: string): void => console.warn(message)
