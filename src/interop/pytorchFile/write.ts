import { runSliced, type Sliced } from '../../data/index.js'
import { SeqloomError } from '../../errors.js'
import type { WrittenTensor } from '../format.js'

// As torch.save writes: an archive whose files are stored as they are, elements at multiples of 64 bytes.

const alignment = 64
/** A field of the header that says nothing, so that the contents begin where they should: PyTorch's own number for it. */
const padding = 0x4246
const headerBytes = 30
/** The archive's places have 32 bits. */
const mostBytes = 0xffffffff
const root = 'archive'
/** How many bytes are written between two chances for the event loop. */
const piece = 1 << 20

/** The bytes of a `.pt` file that holds a state dict. `ERR_UNSUPPORTED` for more than 4 GB. */
export async function write(tensors: readonly WrittenTensor[]): Promise<Uint8Array> {
  const { Zip, ZipPassThrough } = await import('fflate')
  const files: [string, Uint8Array][] = [
    ['data.pkl', pickleOf(tensors)],
    ['byteorder', Buffer.from('little')],
    ...tensors.map(({ data }, index): [string, Uint8Array] => [
      `data/${index}`,
      new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
    ]),
    ['version', Buffer.from('3\n')],
  ]
  const about = files.reduce((sum, [name, { length }]) => sum + length + 2 * name.length + 4 * alignment, 0)
  if (about > mostBytes) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      'interop.toPyTorch: .pt files of more than 4 GB are not written; .safetensors are',
    )
  }
  const pieces: Uint8Array[] = []
  let written = 0
  let failure: Error | null = null
  const zip = new Zip((error, bytes) => {
    failure ??= error
    pieces.push(bytes)
    written += bytes.length
  })
  await runSliced(
    (function* (): Sliced<undefined> {
      for (const [name, bytes] of files) {
        const file = new ZipPassThrough(`${root}/${name}`)
        const start = written + headerBytes + file.filename.length + 4
        file.extra = { [padding]: Buffer.alloc((alignment - (start % alignment)) % alignment, 'Z') }
        // A fixed time, so that the same weights give the same bytes.
        file.mtime = '1980-01-01T00:00:00'
        zip.add(file)
        for (let at = 0; at < bytes.length; at += piece) {
          file.push(bytes.subarray(at, at + piece))
          yield
        }
        file.push(new Uint8Array(), true)
      }
      zip.end()
      return undefined
    })(),
  )
  if (failure) throw failure
  return Buffer.concat(pieces)
}

/** An OrderedDict of tensors, each with a storage of its own. */
function pickleOf(tensors: readonly WrittenTensor[]): Uint8Array {
  const parts: Uint8Array[] = []
  const add = (text: string) => parts.push(Buffer.from(text, 'latin1'))
  const word = (code: string, value: number) => {
    const bytes = Buffer.alloc(5, code, 'latin1')
    bytes.writeUInt32LE(value, 1)
    parts.push(bytes)
  }
  const text = (value: string) => {
    const bytes = Buffer.from(value)
    word('X', bytes.length)
    parts.push(bytes)
  }
  /** Sizes below 2^31 as they are, others as integers of eight bytes. */
  const integer = (value: number) => {
    if (value < 2 ** 31) return word('J', value)
    const bytes = Buffer.alloc(10)
    bytes.set([0x8a, 8])
    bytes.writeBigInt64LE(BigInt(value), 2)
    parts.push(bytes)
  }
  const tuple = (values: readonly number[]) => {
    add('(')
    values.forEach(integer)
    add('t')
  }
  const ordered = 'ccollections\nOrderedDict\n)R'
  add(`\x80\x02${ordered}(`)
  for (const [index, { name, shape, data }] of tensors.entries()) {
    text(name)
    add('ctorch._utils\n_rebuild_tensor_v2\n((')
    text('storage')
    add('ctorch\nFloatStorage\n')
    text(String(index))
    text('cpu')
    integer(data.length)
    add('tQ')
    integer(0)
    tuple(shape)
    tuple(shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1)))
    add(`\x89${ordered}tR`)
  }
  add('u.')
  return Buffer.concat(parts)
}
