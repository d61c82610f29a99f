import { readFileSync } from 'node:fs'

/** One array of a safetensors file: row-major data and its shape. */
export interface Values<T extends Float32Array | Int32Array = Float32Array | Int32Array> {
  readonly data: T
  readonly shape: readonly number[]
}

/** A golden file: its case (the JSON of the metadata key `case`) and its arrays by name, in the order of the header. */
export interface GoldenFile<Case> {
  readonly case: Case
  readonly names: readonly string[]
  has(name: string): boolean
  floats(name: string): Values<Float32Array>
  ints(name: string): Values<Int32Array>
}

interface Entry {
  dtype: string
  shape: number[]
  data_offsets: [number, number]
}

/** Reads a golden safetensors file; an independent reader, so that the package's own one is not tested by itself. */
export function readGolden<Case>(path: string): GoldenFile<Case> {
  const bytes = readFileSync(path)
  const headerLength = Number(bytes.readBigUInt64LE(0))
  const header = JSON.parse(bytes.toString('utf8', 8, 8 + headerLength)) as Record<string, Entry> & {
    __metadata__: { case: string }
  }
  const { __metadata__: metadata, ...entries } = header
  const slice = (name: string, dtype: string): { buffer: ArrayBuffer; shape: number[] } => {
    const entry = entries[name]
    if (entry === undefined) throw new Error(`${path} has no array named ${name}`)
    if (entry.dtype !== dtype) throw new Error(`${path}: ${name} is ${entry.dtype}, not ${dtype}`)
    const [start, end] = entry.data_offsets
    const copy = new Uint8Array(end - start)
    copy.set(bytes.subarray(8 + headerLength + start, 8 + headerLength + end))
    return { buffer: copy.buffer, shape: entry.shape }
  }
  return {
    case: JSON.parse(metadata.case) as Case,
    names: Object.keys(entries),
    has: (name) => Object.hasOwn(entries, name),
    floats: (name) => {
      const { buffer, shape } = slice(name, 'F32')
      return { data: new Float32Array(buffer), shape }
    },
    ints: (name) => {
      const { buffer, shape } = slice(name, 'I32')
      return { data: new Int32Array(buffer), shape }
    },
  }
}
