import { stat } from 'node:fs/promises'
import { allocated } from '../../../data/allocated.js'
import { SeqloomError, visible } from '../../../errors.js'
import { cannot } from '../../../files.js'
import { fileBeside } from '../../beside.js'
import { floatPieces } from '../../floats.js'
import { Source, wholeOf } from '../../format.js'
import { halfOf } from '../../half.js'
import { type Extent, elementTypes, type TensorProto } from '../proto/messages.js'
import { type Constant, count, type Elements, mostKnown, storedAs, unsupported } from './values.js'

type TypeName = keyof typeof elementTypes

const typeNames = new Map<number, TypeName>(
  Object.entries(elementTypes).map(([name, number]) => [number, name as TypeName]),
)

/** What an element type is called; `ERR_UNSUPPORTED` for those that hold no numbers of ours. */
export function typeName(number: number | undefined, what: string): TypeName {
  const name = typeNames.get(number ?? 0)
  if (name === undefined || name === 'string') {
    throw unsupported(`${what} has elements of type ${name ?? `number ${number ?? 0}`}`)
  }
  return name
}

export const isFloat = (type: TypeName): boolean => /float/.test(type)

/** Bytes of an element, and how it is read from them. */
const raw: Readonly<Partial<Record<TypeName, readonly [bytes: number, read: (view: DataView, at: number) => number]>>> =
  {
    float32: [4, (view, at) => view.getFloat32(at, true)],
    float64: [8, (view, at) => view.getFloat64(at, true)],
    float16: [2, (view, at) => halfOf(view.getUint16(at, true))],
    bfloat16: [2, (view, at) => bfloat(view.getUint16(at, true))],
    int8: [1, (view, at) => view.getInt8(at)],
    uint8: [1, (view, at) => view.getUint8(at)],
    bool: [1, (view, at) => view.getUint8(at)],
    int16: [2, (view, at) => view.getInt16(at, true)],
    uint16: [2, (view, at) => view.getUint16(at, true)],
    int32: [4, (view, at) => view.getInt32(at, true)],
    uint32: [4, (view, at) => view.getUint32(at, true)],
    int64: [8, (view, at) => Number(view.getBigInt64(at, true))],
    uint64: [8, (view, at) => Number(view.getBigUint64(at, true))],
  }

/** What files of weights call the types that are converted. */
const floatNames: Readonly<Partial<Record<TypeName, string>>> = {
  ...{ float32: 'F32', float64: 'F64', float16: 'F16', bfloat16: 'BF16' },
}

const scratch = new DataView(new ArrayBuffer(4))

function bfloat(bits: number): number {
  scratch.setUint32(0, bits << 16)
  return scratch.getFloat32(0)
}

/** Where tensors of a model are: its file, and files beside it. */
export class Store {
  readonly #beside = new Map<string, Source>()

  constructor(
    readonly source: Source,
    /** The model's path, if it has one. */
    readonly path: string | undefined,
  ) {}

  async close(): Promise<void> {
    await this.source.close()
    for (const source of this.#beside.values()) await source.close()
  }

  /** A file beside the model. It must be in its folder, wherever links lead. */
  async beside(location: string): Promise<Source> {
    const known = this.#beside.get(location)
    if (known) return known
    const refused = (why: string) =>
      new SeqloomError('ERR_FORMAT', `${this.source.where}: the file '${visible(location)}' with its tensors ${why}`)
    if (this.path === undefined) throw refused('is needed: give the path of the model instead of its bytes')
    const real = await fileBeside(this.source.where, this.path, location)
    // A pipe may have no writer, and a device may never end.
    const found = await stat(real).catch((cause) => {
      throw cannot('read', real, cause)
    })
    if (!found.isFile()) throw refused('is no regular file')
    const source = await Source.open(`${this.source.where}: the file with its tensors`, real)
    this.#beside.set(location, source)
    return source
  }
}

/** A tensor of a file as a constant. Small ones are read, others are when they are needed; sizes are checked now. */
export async function constantOf(store: Store, tensor: TensorProto, trainable: boolean): Promise<Constant> {
  const name = tensor.name ?? ''
  const what = `the tensor '${name}'`
  const shape = tensor.dims
  const type = typeName(tensor.dataType, what)
  const wrong = (why: string) => store.source.malformed(`${what} ${why}`)
  if (shape.length > 16 || !shape.every((size) => Number.isSafeInteger(size) && size >= 0))
    throw wrong('has no proper shape')
  const size = count(shape)
  if (!Number.isSafeInteger(size)) throw wrong('is larger than any file')
  const { read, stored } = await readerOf(store, tensor, type, size, wrong)
  const elements = size <= mostKnown ? Float64Array.from(await read()) : undefined
  return {
    kind: 'constant',
    name,
    shape,
    dims: shape,
    integer: !isFloat(type),
    type,
    trainable: trainable && isFloat(type),
    values: elements,
    read: elements ? async () => elements : read,
    stored: elements ? undefined : stored,
  }
}

async function readerOf(
  store: Store,
  tensor: TensorProto,
  type: TypeName,
  size: number,
  wrong: (why: string) => SeqloomError,
): Promise<Pick<Constant, 'read' | 'stored'>> {
  const [bytes, element] = raw[type] as NonNullable<(typeof raw)[TypeName]>
  const place = async (source: Source, { offset, length }: Extent) => {
    if (length !== size * bytes) throw wrong(`has ${length} bytes, and ${size} elements of ${bytes}`)
    if (!(offset >= 0 && offset + length <= source.size)) throw wrong('is behind the end of its file')
    const dtype = floatNames[type]
    if (dtype !== undefined) {
      const pieces = floatPieces(source, { name: tensor.name ?? '', dtype, offset })
      const read = () => wholeOf(store.source.where, { shape: tensor.dims, pieces })
      return { read, stored: storedAs(pieces, size) }
    }
    const read = async () => {
      const view = new DataView((await source.read(offset, length)).buffer)
      const all = allocated(store.source.where, Float64Array, size)
      for (let at = 0; at < size; at++) all[at] = element(view, at * bytes)
      return all
    }
    return { read, stored: undefined }
  }
  if (tensor.dataLocation === 1) {
    const entries = new Map(tensor.externalData.map(({ key, value }) => [key, value]))
    const number = (key: string, standard: number) => {
      const value = entries.get(key)
      const found = value === undefined ? standard : /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN
      if (!Number.isSafeInteger(found)) throw wrong(`has the ${key} '${value}'`)
      return found
    }
    const source = await store.beside(entries.get('location') ?? '')
    return await place(source, { offset: number('offset', 0), length: number('length', size * bytes) })
  }
  if (tensor.rawData !== undefined) return await place(store.source, tensor.rawData as Extent)
  const lists: Partial<Record<TypeName, keyof TensorProto>> = {
    float32: 'floatData',
    float64: 'doubleData',
    int64: 'int64Data',
    uint64: 'uint64Data',
    uint32: 'uint64Data',
  }
  const list = (tensor[lists[type] ?? 'int32Data'] as Extent[] | undefined) ?? []
  const length = list.reduce((sum, each) => sum + each.length, 0)
  const fixed = type === 'float32' ? 4 : type === 'float64' ? 8 : undefined
  if (fixed === undefined ? length < size : length !== size * fixed) throw wrong(`has too few or too many elements`)
  const [only] = list
  // Packed numbers lie there as raw ones do.
  if (fixed !== undefined && only && list.length === 1) return await place(store.source, only)
  const read = async () => {
    const all = roomFor(store, isFloat(type), size)
    let at = 0
    for (const { offset, length: part } of list) {
      const data = await store.source.read(offset, part)
      const view = new DataView(data.buffer)
      if (fixed !== undefined) {
        for (let byte = 0; byte < part; byte += fixed) all[at++] = element(view, byte)
      } else {
        for (const number of varints(data)) {
          if (at === size) throw wrong('has too many elements')
          all[at++] =
            type === 'float16' ? halfOf(Number(number)) : type === 'bfloat16' ? bfloat(Number(number)) : Number(number)
        }
      }
    }
    if (at !== size) throw wrong(`has ${at} elements of ${size}`)
    return all
  }
  return { read, stored: undefined }
}

const roomFor = ({ source }: Store, float: boolean, size: number): Elements =>
  float ? allocated(source.where, Float32Array, size) : allocated(source.where, Float64Array, size)

function* varints(bytes: Uint8Array): Generator<bigint> {
  let number = 0n
  let shift = 0n
  for (const byte of bytes) {
    number |= BigInt(byte & 127) << shift
    shift += 7n
    if (byte < 128 || shift > 63n) {
      yield BigInt.asIntN(64, number)
      number = 0n
      shift = 0n
    }
  }
}
