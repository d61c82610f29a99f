import type { Bytes } from './bytes.js'

/** What an element is, and how many bytes it takes. */
export type Datatype =
  | { readonly kind: 'float' | 'signed' | 'unsigned' | 'text' | 'longText'; readonly size: number }
  | { readonly kind: 'other'; readonly size: number; readonly what: string }

const classes = ['integers', 'numbers', 'times', 'texts', 'bits', 'opaque values', 'compounds', 'references']

/** Reads a datatype message. */
export function datatypeAt(bytes: Bytes, at: number): Datatype {
  const [head, flags, size] = [bytes.u8(at), bytes.u8(at + 1), bytes.u32(at + 4)]
  const kind = head & 15
  const other = (what: string): Datatype => ({ kind: 'other', size, what })
  if (size === 0) throw bytes.wrong('a datatype without size')
  if (kind === 0) {
    if (flags & 1) return other('big-endian integers')
    return [1, 2, 4, 8].includes(size)
      ? { kind: flags & 8 ? 'signed' : 'unsigned', size }
      : other(`integers of ${size} bytes`)
  }
  if (kind === 1) {
    if (flags & 1) return other('big-endian numbers')
    // The exponent's size tells float16 from bfloat16.
    const isUsual = { 2: 5, 4: 8, 8: 11 }[size] === bytes.u8(at + 13)
    return isUsual ? { kind: 'float', size } : other(`numbers of ${size} bytes in another format`)
  }
  if (kind === 3) return { kind: 'text', size }
  // An enumeration is how booleans are written.
  if (kind === 8) return datatypeAt(bytes, at + 8)
  if (kind === 9) return (flags & 15) === 1 ? { kind: 'longText', size } : other('lists of varying length')
  return other(classes[kind] ?? `class ${kind}`)
}

/** Reads a dataspace message: the dimensions, none for a single element; undefined for no element at all. */
export function dimensionsAt(bytes: Bytes, at: number): number[] | undefined {
  const [version, rank] = [bytes.u8(at), bytes.u8(at + 1)]
  if (version !== 1 && version !== 2) throw bytes.wrong(`a dataspace of version ${version}`)
  if (version === 2 && bytes.u8(at + 3) === 2) return undefined
  if (rank > 32) throw bytes.wrong(`${rank} dimensions`)
  const first = at + (version === 1 ? 8 : 4)
  return Array.from({ length: rank }, (_, i) => bytes.size(first + 8 * i))
}

/** How many elements there are; `ERR_FORMAT` if that is no number that a file could hold. */
export function countOf(bytes: Bytes, dimensions: readonly number[]): number {
  const count = dimensions.reduce((product, dimension) => product * dimension, 1)
  if (count > 2 ** 40) throw bytes.wrong(`${dimensions.join(' × ')} elements`)
  return count
}
