import type { PbfReader } from 'pbf'
import type { Source } from '../../format.js'
import type { Extent, FieldKind, MessageSchema, ModelProto } from './messages.js'
import { modelSchema } from './messages.js'

/** The most that a file may have, so that a small one cannot ask for much: models that we can run have far less. */
const most = { messages: 400_000, numbers: 4_000_000, stringBytes: 1 << 26, depth: 64 }

/** How many bytes of a file's description are read at once. */
const windowBytes = 1 << 16

/** A tag and a length, or a number, at the longest. */
const headBytes = 20

/** The types of fields on the wire. */
const wire = { varint: 0, fixed64: 1, bytes: 2, fixed32: 5 }

/**
 * What an ONNX file describes. Elements of tensors are passed over: where they are is what `rawData` and the other lists say, so reading costs no memory for
 * them. Rejects with `ERR_FORMAT` for what is no such file, or has more messages, numbers, names or levels than a model may have.
 */
export async function decodeModel(source: Source): Promise<ModelProto> {
  return (await decode(source, modelSchema)) as unknown as ModelProto
}

/** A message of which a part has been read. */
interface Open {
  readonly schema: MessageSchema
  readonly end: number
  readonly value: Record<string, unknown>
}

// A stack and no recursion: how deep a file goes is not for it to decide.
async function decode(source: Source, schema: MessageSchema): Promise<Record<string, unknown>> {
  const window = await Window.open(source)
  const whole: Open = { schema, end: source.size, value: emptyOf(schema) }
  const left = { messages: most.messages, numbers: most.numbers, stringBytes: most.stringBytes }
  const take = (what: keyof typeof left, count: number) => {
    left[what] -= count
    if (left[what] < 0)
      throw source.malformed(`it has more ${what === 'stringBytes' ? 'text' : what} than a model may have`)
  }
  const stack = [whole]
  let at = 0
  for (let open = stack.at(-1); open; open = stack.at(-1)) {
    if (at === open.end) {
      stack.pop()
      continue
    }
    const reader = await window.at(at, headBytes)
    const tag = readVarint(source, reader)
    const type = tag % 8
    const field = open.schema.get(Math.floor(tag / 8))
    if (tag < 8) throw source.malformed(`it is no ONNX model: there is no field at byte ${at}`)
    const length = type === wire.bytes ? readVarint(source, reader) : lengthOf(source, reader, type, at)
    const start = window.place(reader)
    const end = start + length
    // Zeros behind the file's end, and lengths up to 2 ** 64, lead here.
    if (!(end <= open.end)) throw source.malformed(`what begins at byte ${at} ends behind what holds it`)
    at = end
    if (!field) continue
    const { name, kind, repeated } = field
    const wanted = wireTypeOf(kind)
    if (type !== wanted && !(repeated && type === wire.bytes)) {
      throw source.malformed(`the field '${name}' before byte ${start} has another type than ONNX says`)
    }
    if (typeof kind === 'function') {
      take('messages', 1)
      if (stack.length === most.depth) throw source.malformed(`its messages are more than ${most.depth} deep`)
      const inner = kind()
      const before = open.value[name]
      // Parts of one message may stand apart.
      const value = !repeated && before ? (before as Record<string, unknown>) : emptyOf(inner)
      if (repeated) (before as unknown[]).push(value)
      else open.value[name] = value
      stack.push({ schema: inner, end, value })
      at = start
    } else if (kind === 'string') {
      take('stringBytes', length)
      take('numbers', 1)
      put(open, name, repeated, decoder.decode(await window.bytes(start, length)))
    } else if (kind === 'int' || kind === 'float') {
      const packed = type === wire.bytes
      if (packed) take('numbers', kind === 'float' ? length / 4 : length)
      else take('numbers', 1)
      const numbers = await window.at(start, length)
      while (window.place(numbers) < end) {
        put(open, name, repeated, kind === 'float' ? numbers.readFloat() : readVarint(source, numbers, true))
      }
      if (window.place(numbers) !== end) throw source.malformed(`the numbers of '${name}' do not fit their length`)
    } else {
      take('numbers', 1)
      const extent: Extent = { offset: start, length }
      put(open, name, repeated, extent)
    }
  }
  return whole.value
}

function put({ value }: Open, name: string, repeated: boolean, item: unknown): void {
  if (repeated) (value[name] as unknown[]).push(item)
  else value[name] = item
}

/** A message without anything: lists are empty. */
function emptyOf(schema: MessageSchema): Record<string, unknown> {
  const value: Record<string, unknown> = {}
  for (const { name, repeated } of schema.values()) if (repeated) value[name] = []
  return value
}

function wireTypeOf(kind: FieldKind): number {
  if (kind === 'int' || kind === 'varints') return wire.varint
  if (kind === 'float' || kind === 'float32s') return wire.fixed32
  return kind === 'float64s' ? wire.fixed64 : wire.bytes
}

/** The bytes of a number, which is left where it is. */
function lengthOf(source: Source, reader: PbfReader, type: number, at: number): number {
  if (type === wire.fixed32) return 4
  if (type === wire.fixed64) return 8
  if (type !== wire.varint)
    throw source.malformed(`it is no ONNX model: there is no type of field ${type} (byte ${at})`)
  const start = reader.pos
  readVarint(source, reader)
  const length = reader.pos - start
  reader.pos = start
  return length
}

function readVarint(source: Source, reader: PbfReader, signed = false): number {
  try {
    return reader.readVarint(signed)
  } catch {
    throw source.malformed('it has a number of more than ten bytes')
  }
}

const decoder = new TextDecoder('utf-8')

/** A part of the file in memory, with zeros behind it, so that a number cut off at the file's end is read as a shorter one. */
class Window {
  readonly #source: Source
  readonly #Reader: typeof PbfReader
  #reader: PbfReader
  #start = 0
  #length = 0

  private constructor(source: Source, Reader: typeof PbfReader) {
    this.#source = source
    this.#Reader = Reader
    this.#reader = new Reader(new Uint8Array(0))
  }

  static async open(source: Source): Promise<Window> {
    const { PbfReader } = await import('pbf')
    return new Window(source, PbfReader)
  }

  /** A reader at a place, with as many bytes before it as are asked for, or as the file has. */
  async at(offset: number, length: number): Promise<PbfReader> {
    const needed = Math.min(length, this.#source.size - offset)
    if (offset < this.#start || offset + needed > this.#start + this.#length) {
      this.#start = offset
      this.#length = Math.min(Math.max(needed, windowBytes), this.#source.size - offset)
      const padded = new Uint8Array(this.#length + headBytes)
      padded.set(await this.#source.read(offset, this.#length))
      this.#reader = new this.#Reader(padded)
    }
    this.#reader.pos = offset - this.#start
    return this.#reader
  }

  /** Where a reader is in the file. */
  place(reader: PbfReader): number {
    return this.#start + reader.pos
  }

  async bytes(offset: number, length: number): Promise<Uint8Array> {
    const { buf, pos } = await this.at(offset, length)
    return buf.subarray(pos, pos + length)
  }
}
