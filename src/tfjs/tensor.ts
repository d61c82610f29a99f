import '../dispose.js'
import { allocated } from '../data/allocated.js'
import { SeqloomError } from '../errors.js'
import { register, release, type Storage } from './engine.js'
import { check } from './failure.js'
import type { TensorMethods } from './methods.js'
import { tensorToString } from './print.js'
import { arraysEqual, checkDimensions, computeStrides, sizeFromShape } from './shapes.js'
import type {
  ArrayMap,
  DataType,
  DataTypeMap,
  DataValues,
  NumericDataType,
  Rank,
  ShapeMap,
  SingleValueMap,
} from './types.js'

/** A tensor's functions as its methods; `methods.ts` has the table of them. */
// biome-ignore lint/correctness/noUnusedVariables: the declarations that are merged must have the same parameters.
export interface Tensor<R extends Rank = Rank> extends TensorMethods {}

/**
 * Values with a shape and a dtype, in row-major order. Tensors do not change, and may share values: those of
 * `dataSync()` are the tensor's own, not a copy. `dispose` marks a tensor as one that must not be used any more.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: as above.
export class Tensor<R extends Rank = Rank> {
  readonly id: number
  readonly shape: ShapeMap[R]
  readonly dtype: DataType
  readonly rankType: R
  /** The number of elements. */
  readonly size: number
  /** How many elements lie between neighbours along each dimension but the last. */
  readonly strides: number[]
  /** Whether `tidy` leaves it alone. */
  kept = false
  /** The mask that a layer attached. */
  kerasMask?: Tensor
  #storage: Storage | undefined

  /** Takes the values as they are, without a copy. Programs use `tensor()` and its kin. */
  constructor(shape: readonly number[], dtype: DataType, values: DataValues | Storage | undefined) {
    this.shape = [...shape] as ShapeMap[R]
    this.dtype = dtype
    this.size = sizeFromShape(shape)
    this.strides = computeStrides(shape)
    this.rankType = (shape.length < 5 ? String(shape.length) : 'higher') as R
    if (values === undefined) {
      this.id = -1
      return
    }
    this.#storage = isStorage(values) ? values : { values, bytes: bytesOf(values), users: 0 }
    this.id = register(this, this.#storage)
  }

  get rank(): number {
    return this.shape.length
  }

  get isDisposed(): boolean {
    return this.#storage === undefined
  }

  /** The values, in row-major order: the tensor's own, not a copy. */
  get values(): DataValues {
    return this.storage.values
  }

  /** @internal What a tensor of another shape can share. */
  get storage(): Storage {
    if (this.#storage === undefined) throw new SeqloomError('ERR_STATE', 'Tensor is disposed.')
    return this.#storage
  }

  /** @internal */
  protected exchangeStorage(storage: Storage | undefined): void {
    this.#storage = storage
  }

  throwIfDisposed(): void {
    this.storage
  }

  /** Marks the tensor as one that must not be used any more, and lets go of its values. */
  dispose(): void {
    if (this.#storage === undefined) return
    this.kerasMask?.dispose()
    release(this.#storage)
    this.#storage = undefined
  }

  [Symbol.dispose](): void {
    this.dispose()
  }

  /** The values as a typed array (strings: an array): the tensor's own, not a copy. */
  dataSync<D extends DataType = NumericDataType>(): DataTypeMap[D] {
    return this.values as DataTypeMap[D]
  }

  /** As {@link dataSync}, after other work that waits has had its turn. */
  async data<D extends DataType = NumericDataType>(): Promise<DataTypeMap[D]> {
    return this.dataSync<D>()
  }

  /** The values as nested arrays; a number for a scalar. */
  arraySync(): ArrayMap[R] {
    return toNestedArray(this.shape, this.values) as ArrayMap[R]
  }

  async array(): Promise<ArrayMap[R]> {
    return this.arraySync()
  }

  /** The values' bytes; those of strings one by one, in UTF-8. */
  async bytes(): Promise<Uint8Array[] | Uint8Array> {
    const values = this.values
    if (Array.isArray(values)) return values.map((text) => new TextEncoder().encode(text))
    return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
  }

  /** The values as a buffer that can be written to, and that is the tensor's own. */
  bufferSync<D extends DataType = 'float32'>(): TensorBuffer<R, D> {
    return new TensorBuffer(this.shape, this.dtype as D, this.values as DataTypeMap[D])
  }

  async buffer<D extends DataType = 'float32'>(): Promise<TensorBuffer<R, D>> {
    return this.bufferSync<D>()
  }

  toString(verbose = false): string {
    return tensorToString(this.values, this.shape, this.dtype, verbose)
  }

  /** Prints the tensor to the console. */
  print(verbose = false): void {
    console.log(this.toString(verbose))
  }

  /** A variable that begins with these values. */
  variable(trainable = true, name?: string, dtype?: DataType): Variable<R> {
    return new Variable<R>(this, trainable, name, dtype)
  }
}

/**
 * A tensor whose values are not known while a model is described: a layer's input in `call`, or what a loss of one's
 * own is given. Functions of tensors record themselves.
 */
export abstract class TracedTensor<R extends Rank = Rank> extends Tensor<R> {
  constructor(shape: readonly (number | null)[], dtype: DataType) {
    super(shape as readonly number[], dtype, undefined)
  }

  /** Records a call of a function of this entry, with its arguments as they were given. */
  abstract record(name: string, args: readonly unknown[]): unknown

  override get isDisposed(): boolean {
    return false
  }

  override get storage(): Storage {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      'the values of this tensor are not known: the function is recorded once, when the model is built, and then run natively; ' +
        'compute with functions of tensors alone, without dataSync(), data() or array()',
    )
  }

  override dispose(): void {}
}

/** While a function is recorded: a tensor that has the rows, of which programs do not know how many there are. */
export const recordedRows: { like?: TracedTensor | undefined } = {}

/** All variables that are not disposed. */
export const variablesByName = new Map<string, Variable>()
let lastVariable = 0

/** A tensor whose values can be assigned anew. `tidy` does not dispose it. */
export class Variable<R extends Rank = Rank> extends Tensor<R> {
  readonly name: string
  trainable: boolean

  constructor(initialValue: Tensor<R>, trainable = true, name?: string, dtype?: DataType) {
    const wanted = dtype ?? initialValue.dtype
    super(
      initialValue.shape,
      wanted,
      wanted === initialValue.dtype ? initialValue.storage : (castValues(initialValue.values, wanted) as DataValues),
    )
    this.kept = true
    this.trainable = trainable
    this.name = name ?? String(lastVariable++)
    if (variablesByName.has(this.name)) {
      super.dispose()
      throw new SeqloomError('ERR_STATE', `Variable with name ${this.name} was already registered`)
    }
    variablesByName.set(this.name, this as unknown as Variable)
  }

  /** Gives the variable the values of a tensor of the same shape and dtype. */
  assign(newValue: Tensor<R>): void {
    check(
      newValue.dtype === this.dtype,
      'ERR_DATA',
      () => `dtype of the new value (${newValue.dtype}) and previous value (${this.dtype}) must match`,
    )
    check(
      arraysEqual(newValue.shape, this.shape),
      'ERR_SHAPE',
      () => `shape of the new value (${newValue.shape}) and previous value (${this.shape}) must match`,
    )
    const [old, next] = [this.storage, newValue.storage]
    if (old === next) return
    register(this as unknown as Tensor, next)
    release(old)
    this.exchangeStorage(next)
  }

  override dispose(): void {
    if (variablesByName.get(this.name) === (this as unknown as Variable)) variablesByName.delete(this.name)
    super.dispose()
  }
}

/** Disposes all variables. */
export function disposeVariables(): void {
  for (const each of [...variablesByName.values()]) each.dispose()
}

/** Values that can be set one by one, to make a tensor of: `buffer([2, 3]).set(1, 0, 2)`. */
export class TensorBuffer<R extends Rank, D extends DataType = 'float32'> {
  readonly dtype: D
  readonly shape: ShapeMap[R]
  readonly size: number
  readonly strides: number[]
  readonly values: DataTypeMap[D]

  constructor(shape: ShapeMap[R], dtype: D = 'float32' as D, values?: DataTypeMap[D]) {
    checkDimensions(shape)
    this.shape = [...shape] as ShapeMap[R]
    this.dtype = dtype
    this.size = sizeFromShape(shape)
    check(
      values === undefined || values === null || values.length === this.size,
      'ERR_SHAPE',
      () => `Length of values '${values?.length}' does not match the size inferred by the shape '${this.size}'.`,
    )
    this.strides = computeStrides(shape)
    this.values = values ?? (allocateValues('buffer', dtype, this.size) as DataTypeMap[D])
  }

  get rank(): number {
    return this.shape.length
  }

  /** Sets the value at a location. As in tfjs, the location is not checked beyond its rank. */
  set(value: SingleValueMap[D], ...locs: number[]): void {
    const { rank } = this
    if (locs.length !== rank && Math.max(locs.length, 1) !== Math.max(rank, 1)) {
      throw new SeqloomError(
        'ERR_SHAPE',
        `The number of provided coordinates (${locs.length || 1}) must match the rank (${rank})`,
      )
    }
    ;(this.values as unknown[])[this.locToIndex(locs)] = value
  }

  /** The value at a location. */
  get(...locs: number[]): SingleValueMap[D] {
    for (let axis = 0; axis < locs.length; axis++) {
      const at = locs[axis] as number
      if (at < 0 || at >= (this.shape[axis] as number)) {
        throw new SeqloomError('ERR_SHAPE', `Requested out of range element at ${locs}.   Buffer shape=${this.shape}`)
      }
    }
    return this.values[this.locToIndex(locs)] as SingleValueMap[D]
  }

  /** The place of a location in `values`. */
  locToIndex(locs: readonly number[]): number {
    if (this.rank === 0 || locs.length === 0) return 0
    let index = locs[locs.length - 1] as number
    for (let i = 0; i < locs.length - 1; i++) index += (this.strides[i] as number) * (locs[i] as number)
    return index
  }

  /** The location of a place in `values`. */
  indexToLoc(index: number): number[] {
    const locs: number[] = []
    let rest = index
    for (let axis = 0; axis < this.rank; axis++) {
      const stride = this.strides[axis] ?? 1
      locs.push(Math.floor(rest / stride))
      rest %= stride
    }
    return locs
  }

  /** A tensor of the values, which are not copied. */
  toTensor(): Tensor<R> {
    return new Tensor<R>(this.shape, this.dtype, this.values)
  }
}

const isStorage = (values: DataValues | Storage): values is Storage => 'users' in values

function bytesOf(values: DataValues): number {
  if (!Array.isArray(values)) return values.byteLength
  return values.reduce((sum, text) => sum + Buffer.byteLength(String(text)), 0)
}

/** New values of a dtype, all zero. `ERR_MEMORY` if there is no room. */
export function allocateValues<D extends DataType>(where: string, dtype: D, size: number): DataTypeMap[D] {
  switch (dtype as DataType) {
    case 'float32':
      return allocated(where, Float32Array, size) as DataTypeMap[D]
    case 'int32':
      return allocated(where, Int32Array, size) as DataTypeMap[D]
    case 'bool':
      return allocated(where, Uint8Array, size) as DataTypeMap[D]
    case 'string':
      if (size > 2 ** 26) throw new SeqloomError('ERR_MEMORY', `${where}: ${size} texts do not fit in memory`)
      return new Array<string>(size) as unknown as DataTypeMap[D]
    default:
      throw unknownDtype(where, dtype)
  }
}

/** `ERR_UNSUPPORTED` for complex numbers, `ERR_OPTION` for what is no dtype. */
export const unknownDtype = (where: string, dtype: unknown): SeqloomError =>
  dtype === 'complex64'
    ? new SeqloomError('ERR_UNSUPPORTED', `${where}: complex64 tensors are not supported by seqloom/tfjs`)
    : new SeqloomError('ERR_OPTION', `${where}: Unknown data type ${dtype}`)

/** Values in another dtype: fractions are cut off for int32; bool is whether a value differs from 0. */
export function castValues(values: DataValues, dtype: DataType): DataValues {
  if (Array.isArray(values)) {
    if (dtype === 'string') return values
    throw new SeqloomError('ERR_DATA', `Can not cast string to ${dtype}; read numbers with Number(text) first`)
  }
  if (dtype === 'string') throw new SeqloomError('ERR_DATA', 'Can not cast numbers to string')
  const target = allocateValues('cast', dtype, values.length) as Float32Array | Int32Array | Uint8Array
  if (dtype === 'bool') for (let i = 0; i < values.length; i++) target[i] = values[i] === 0 ? 0 : 1
  else target.set(values)
  return target
}

/** Flat values as nested arrays. */
export function toNestedArray(shape: readonly number[], values: ArrayLike<unknown>): unknown {
  if (shape.length === 0) return values[0]
  if (values.length === 0) return []
  let next = 0
  const nested = (axis: number): unknown[] => {
    const size = shape[axis] as number
    const list = new Array<unknown>(size)
    for (let i = 0; i < size; i++) list[i] = axis === shape.length - 1 ? values[next++] : nested(axis + 1)
    return list
  }
  return nested(0)
}

export type Scalar = Tensor<Rank.R0>
export type Tensor1D = Tensor<Rank.R1>
export type Tensor2D = Tensor<Rank.R2>
export type Tensor3D = Tensor<Rank.R3>
export type Tensor4D = Tensor<Rank.R4>
export type Tensor5D = Tensor<Rank.R5>
export type Tensor6D = Tensor<Rank.R6>

/** Tensors by name. */
export interface NamedTensorMap {
  [name: string]: Tensor
}
