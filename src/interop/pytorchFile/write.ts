import { bytesOf, type WrittenTensor } from '../format.js'
import { type ZipFile, zipped } from '../writtenZip.js'

// As torch.save writes: an archive whose files are stored as they are, elements at multiples of 64 bytes.

const alignment = 64
const root = 'archive'

/** The bytes of a `.pt` file that holds a state dict. */
export function write(tensors: readonly WrittenTensor[]): AsyncGenerator<Uint8Array> {
  const files: ZipFile[] = [
    { name: 'data.pkl', parts: () => [pickleOf(tensors)] },
    { name: 'byteorder', parts: () => [Buffer.from('little')] },
    ...tensors.map(({ data }, index) => ({ name: `data/${index}`, parts: async () => [bytesOf(await data())] })),
    { name: 'version', parts: () => [Buffer.from('3\n')] },
  ]
  const named = files.map(({ name, parts }) => ({ name: `${root}/${name}`, parts }))
  return zipped(named, { alignment })
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
  for (const [index, { name, shape }] of tensors.entries()) {
    text(name)
    add('ctorch._utils\n_rebuild_tensor_v2\n((')
    text('storage')
    add('ctorch\nFloatStorage\n')
    text(String(index))
    text('cpu')
    integer(shape.reduce((product, size) => product * size, 1))
    add('tQ')
    integer(0)
    tuple(shape)
    tuple(shape.map((_, axis) => shape.slice(axis + 1).reduce((product, size) => product * size, 1)))
    add(`\x89${ordered}tR`)
  }
  add('u.')
  return Buffer.concat(parts)
}
