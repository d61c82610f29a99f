import type { Tensor } from './tensor.js'

/** Values that one tensor or several (reshaped, cloned) have. */
export interface Storage {
  readonly values: Float32Array | Int32Array | Uint8Array | string[]
  readonly bytes: number
  /** How many tensors, not disposed, have it. */
  users: number
}

/** What `memory()` returns. */
export interface MemoryInfo {
  numTensors: number
  numDataBuffers: number
  numBytes: number
  unreliable?: boolean
  reasons: string[]
}

/** What `profile()` resolves to. */
export interface ProfileInfo {
  newBytes: number
  newTensors: number
  peakBytes: number
  kernels: never[]
  kernelNames: string[]
  result: TensorContainer
}

/** Tensors in arrays and objects, as deep as one likes. */
export type TensorContainer =
  | undefined
  | Tensor
  | string
  | number
  | boolean
  | TensorContainerObject
  | TensorContainerArray
export interface TensorContainerObject {
  [name: string]: TensorContainer
}
export interface TensorContainerArray extends Array<TensorContainer> {}

/** The tensors made within one `tidy`. */
type Scope = Tensor[]

const scopes: Scope[] = []
const counts = { tensors: 0, storages: 0, bytes: 0, peakBytes: 0 }
let lastId = 0

/** Counts a new tensor, its bytes as often as tensors share them, and puts it into the innermost scope. Returns its id. */
export function register(tensor: Tensor, storage: Storage): number {
  counts.tensors++
  counts.bytes += storage.bytes
  counts.peakBytes = Math.max(counts.peakBytes, counts.bytes)
  if (storage.users++ === 0) counts.storages++
  scopes.at(-1)?.push(tensor)
  return lastId++
}

/** Counts a tensor less. */
export function release(storage: Storage): void {
  counts.tensors--
  counts.bytes -= storage.bytes
  if (--storage.users === 0) counts.storages--
}

/** All tensors in a container, each once. */
export function getTensorsInContainer(container: unknown, isTensor: (value: unknown) => value is Tensor): Tensor[] {
  const found = new Set<Tensor>()
  const seen = new Set<unknown>()
  const stack = [container]
  while (stack.length > 0) {
    const value = stack.pop()
    if (isTensor(value)) found.add(value)
    else if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value) && !seen.has(value)) {
      seen.add(value)
      for (const part of Object.values(value)) stack.push(part)
    }
  }
  return [...found]
}

/** Opens a scope: tensors made from now on are disposed by {@link endScope}. */
export function startScope(): void {
  scopes.push([])
}

/** Closes the innermost scope: disposes its tensors, but for kept ones and those of the result, which pass to the scope around it. */
export function endScope(results: readonly Tensor[]): void {
  const scope = scopes.pop() ?? []
  const passed = new Set(results)
  const around = scopes.at(-1)
  for (const tensor of scope) {
    if (tensor.kept || tensor.isDisposed) continue
    if (passed.has(tensor)) around?.push(tensor)
    else tensor.dispose()
  }
}

/** The tensors, buffers and bytes that are in use. */
export function memory(): MemoryInfo {
  return { numTensors: counts.tensors, numDataBuffers: counts.storages, numBytes: counts.bytes, reasons: [] }
}

/** Begins to watch the highest number of bytes; returns a function that reads it. */
export function watchPeak(): () => number {
  counts.peakBytes = counts.bytes
  return () => counts.peakBytes
}
