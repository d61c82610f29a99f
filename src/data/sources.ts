import { callTheirs, reading, requireReadable } from '../errors.js'
import { checkOptions, custom, isCallable, isRecord } from '../options.js'
import { type Blocks, blocksOf, sliced } from './blocks.js'
import { Dataset, type Start } from './dataset.js'
import type { Files } from './files.js'
import { isWebStream, iterableOf } from './iterables.js'
import { goneThrough, ofFiles } from './ofFiles.js'
import { placed } from './places.js'
import type { TextFileOptions } from './tables.js'
import type { Streamed } from './tensor.js'
import { checkEncoding } from './textFile.js'

/** The lines of text files, without their ends; compressed ones as for `data.csv`. */
export function text(files: Files, options: TextFileOptions = {}): Dataset<string> {
  requireReadable('data.text', options)
  checkOptions('data.text', options, {
    accepted: { encoding: custom('a text', (v) => typeof v === 'string' && v !== '') },
  })
  if (options.encoding !== undefined) checkEncoding(options.encoding)
  return ofFiles('data.text', files, async function* (path, how) {
    const { lineBlocks } = await import('./jsonLines.js')
    let first = 1
    for await (const lines of lineBlocks(path, { ...options, ...how })) {
      const from = first
      first += lines.length
      yield placed(lines, (at) => `${path}: line ${from + at}`)
    }
  })
}

/** What {@link from} takes. */
export type From<T> =
  | AsyncIterable<T>
  | Iterable<T>
  | ReadableStream<T>
  | ((start: Start) => AsyncIterable<T> | Iterable<T>)

/**
 * The elements of an array, any iterable or async iterable, a Node.js or web stream, or of what a function returns,
 * which is called for every pass. With `seeks`, the function leaves out the first `skip` elements itself, so that a
 * resumed training need not go through them; its `signal` is aborted once no more elements are needed. Streams and
 * iterators are told so: `return`, `cancel` or `destroy` is called. They can be gone through once; that again is `ERR_DATA`.
 */
export function from<T>(source: From<T>, options: { readonly seeks?: boolean } = {}): Dataset<T> {
  requireReadable('data.from', options)
  checkOptions('data.from', options, { accepted: { seeks: custom('true or false', (v) => typeof v === 'boolean') } })
  return reading('ERR_DATA', 'data.from', () => opening(source, options.seeks ?? false))
}

function opening<T>(source: From<T>, seeks: boolean): Dataset<T> {
  if (source instanceof Dataset) return source as Dataset<T>
  const name = 'the stream'
  if (isCallable(source)) {
    const open = source as (start: Start) => AsyncIterable<T> | Iterable<T>
    const all = (start: Start): Blocks<T> => blocksOf(iterableOf<T>(callTheirs(() => open(start))), start.signal)
    return new Dataset<T>({ name, ...(seeks ? { from: all } : { all }) })
  }
  if (Array.isArray(source)) {
    const given = source as readonly T[]
    return new Dataset<T>({
      name: 'the array',
      from: ({ skip }) => sliced(given, skip),
      size: async () => given.length,
    })
  }
  const iterable = iterableOf<T>(source)
  const once = isWebStream(source) || 'next' in iterable || 'pipe' in iterable
  let [used, gave] = [false, false]
  return new Dataset<T>({
    name,
    once,
    async *all({ signal }) {
      if (once && used) throw goneThrough(name)
      used = true
      let some = false
      for await (const block of blocksOf(iterable, signal)) {
        some ||= block.length > 0
        yield block
      }
      // One that does not say that it is over after once, as that of node:readline.
      if (gave && !some) throw goneThrough(name)
      gave ||= some
    },
  })
}

/** Whether a value gives rows or batches one after another, rather than being data itself. */
export function isStreamed(value: unknown): value is Streamed {
  try {
    if (value instanceof Dataset) return true
    if (!isRecord(value) || Array.isArray(value) || ArrayBuffer.isView(value)) return false
    return !('shape' in value) && (Symbol.asyncIterator in value || Symbol.iterator in value || 'getReader' in value)
  } catch {
    // A proxy that throws.
    return false
  }
}
