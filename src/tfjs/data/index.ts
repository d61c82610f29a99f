// tf.data: data sets that are read as they are needed.
import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import type { TensorContainer } from '../engine.js'
import { unsupported } from '../failure.js'
import { type CSVConfig, CSVDataset } from './csv.js'
import { type Dataset, made } from './dataset.js'
import { LazyIterator } from './lazyIterator.js'

export { type ColumnConfig, type CSVConfig, CSVDataset, TextLineDataset } from './csv.js'
export { array, Dataset, type DatasetContainer, zip } from './dataset.js'
export type { LazyIterator, Next } from './lazyIterator.js'
export type { DataSource } from './source.js'
export { FileDataSource, URLDataSource } from './source.js'

type Iterated<T> = Iterator<T> | AsyncIterator<T>

/** Elements of an iterator. */
async function* elementsOf<T>(iterator: Iterated<T>): AsyncGenerator<T, T | null | undefined> {
  if (typeof iterator?.next !== 'function') {
    throw new SeqloomError(
      'ERR_DATA',
      `data.generator: the function must return an iterator, with a method next(), not ${describe(iterator)}`,
    )
  }
  for (;;) {
    const { done, value } = await iterator.next()
    // As in tfjs, what comes with the end is passed on with it: training takes it for a batch.
    if (done) return value
    yield value
  }
}

/** The elements of a generator function, or of any function that returns an iterator; it is called for each pass. */
export function generator<T extends TensorContainer>(
  generator: () => Iterator<T> | Promise<Iterator<T>> | AsyncIterator<T>,
): Dataset<T> {
  return made(async () => new LazyIterator(elementsOf<T>(await generator())))
}

/** What a function returns, call after call: `{ value, done }`. */
export function func<T extends TensorContainer>(f: () => IteratorResult<T> | Promise<IteratorResult<T>>): Dataset<T> {
  return made(async () => new LazyIterator(elementsOf<T>({ next: async () => f() })))
}

/**
 * The rows of a CSV file, at `file://path` or `http(s)://address`, as objects by column.
 *
 * Errors, when it is read: `ERR_IO` if it cannot be, `ERR_DATA` for rows that do not fit, `ERR_OPTION`.
 */
export function csv(source: string | { readonly url: string } | URL, csvConfig: CSVConfig = {}): CSVDataset {
  const address = source instanceof URL ? source.href : isRecord(source) ? source.url : source
  if (typeof address !== 'string') {
    throw new SeqloomError(
      'ERR_OPTION',
      `data.csv: the source must be a file:// or http:// address, not ${describe(source)}`,
    )
  }
  return new CSVDataset(address, csvConfig)
}

export function webcam(..._: unknown[]): never {
  throw unsupported('tf.data.webcam', 'there is no camera; give pictures as tensors')
}

export function microphone(..._: unknown[]): never {
  throw unsupported('tf.data.microphone', 'there is no microphone; give samples as tensors')
}
