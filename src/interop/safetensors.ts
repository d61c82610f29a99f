import { SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import { floatPieces } from './floats.js'
import { bytesOf, type Format, type Source, type StoredTensor } from './format.js'

/** Bytes of an element. */
const sizes: ReadonlyMap<unknown, number> = new Map([
  ...(['F64', 'I64', 'U64'] as const).map((dtype) => [dtype, 8] as const),
  ...(['F32', 'I32', 'U32'] as const).map((dtype) => [dtype, 4] as const),
  ...(['F16', 'BF16', 'I16', 'U16'] as const).map((dtype) => [dtype, 2] as const),
  ...(['I8', 'U8', 'BOOL', 'F8_E4M3', 'F8_E5M2'] as const).map((dtype) => [dtype, 1] as const),
])

/** The longest header that is read, as in the format's own library. */
const mostHeaderBytes = 100_000_000

const lengthBytes = 8

/**
 * Tensors after a description in JSON: its length as eight bytes, then names with types, shapes and places. The engine's library wants whole files in memory;
 * here only what is asked for is read, and converted from any floating-point type.
 */
export const safetensors: Format = {
  name: 'safetensors',
  endings: ['.safetensors'],
  keepsOrder: false,

  recognises: (head) => head.length >= lengthBytes && lengthOf(head) <= mostHeaderBytes && head[lengthBytes] === 0x7b,

  async read(source, key) {
    if (key)
      throw new SeqloomError(
        'ERR_OPTION',
        `${source.where}: key is for files of torch.save; safetensors have no dictionaries in others`,
      )
    const length = lengthOf(await source.read(0, lengthBytes))
    const start = lengthBytes + length
    if (length > mostHeaderBytes || start > source.size) throw source.malformed('its header is longer than the file')
    const header = parsed(source, await source.read(lengthBytes, length))
    const entries = Object.entries(header).filter(([name]) => name !== '__metadata__')
    const places = entries.map(([name, entry]) => placeOf(source, name, entry))
    let end = 0
    for (const { name, from, to } of places.toSorted((a, b) => a.from - b.from || a.to - b.to)) {
      if (from !== end) throw source.malformed(`the elements of '${name}' do not follow those before them`)
      end = to
    }
    if (start + end !== source.size) {
      throw source.malformed(`it has ${source.size - start} bytes of elements where its header tells of ${end}`)
    }
    const tensors = new Map(places.map((place): [string, StoredTensor] => [place.name, stored(source, start, place)]))
    // `safetensors.torch.save_model` writes a tensor that has several names once, and says which names it left out.
    for (const [name, other] of Object.entries(isRecord(header.__metadata__) ? header.__metadata__ : {})) {
      const same = typeof other === 'string' && !tensors.has(name) ? tensors.get(other) : undefined
      if (same !== undefined) tensors.set(name, same)
    }
    return tensors
  },

  async *write(tensors) {
    // Sorted as the format's own library does it.
    const sorted = tensors.toSorted(({ name: a }, { name: b }) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
    const header: Record<string, unknown> = Object.assign(Object.create(null), { __metadata__: { format: 'pt' } })
    let end = 0
    for (const { name, shape } of sorted) {
      const start = end
      end += shape.reduce((product, size) => product * size, 4)
      header[name] = { dtype: 'F32', shape, data_offsets: [start, end] }
    }
    const text = Buffer.from(JSON.stringify(header))
    const padded = Buffer.alloc(8 * Math.ceil(text.length / 8), ' ')
    padded.set(text)
    const length = Buffer.alloc(lengthBytes)
    length.writeBigUInt64LE(BigInt(padded.length))
    yield length
    yield padded
    for (const { data } of sorted) yield bytesOf(await data())
  },
}

/** Where a tensor's elements are among the bytes after the header. */
interface Place {
  readonly name: string
  readonly dtype: string
  readonly shape: readonly number[]
  readonly from: number
  readonly to: number
}

function lengthOf(head: Uint8Array): number {
  return Number(new DataView(head.buffer, head.byteOffset).getBigUint64(0, true))
}

function parsed(source: Source, bytes: Uint8Array): Record<string, unknown> {
  try {
    const header: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
    if (isRecord(header)) return header
  } catch {
    // Told below.
  }
  throw source.malformed('its header is not a JSON object')
}

function placeOf(source: Source, name: string, entry: unknown): Place {
  const { dtype, shape, data_offsets: offsets } = isRecord(entry) ? entry : {}
  const isList = (value: unknown): value is number[] =>
    Array.isArray(value) && value.every((each) => Number.isSafeInteger(each) && each >= 0)
  if (typeof dtype !== 'string' || !isList(shape) || !isList(offsets) || offsets.length !== 2) {
    throw source.malformed(`what its header says of '${name}' is not a type, a shape and a place`)
  }
  const [from, to] = offsets as [number, number]
  const bytes = shape.reduce((product, size) => product * size, sizes.get(dtype) ?? Number.NaN)
  if (from > to || (sizes.has(dtype) && bytes !== to - from)) {
    throw source.malformed(`'${name}', ${dtype} [${shape.join(', ')}], does not fit its ${to - from} bytes`)
  }
  return { name, dtype, shape, from, to }
}

function stored(source: Source, start: number, { name, dtype, shape, from }: Place): StoredTensor {
  return { dtype, shape, pieces: floatPieces(source, { name, dtype, offset: start + from }) }
}
