import { isNumericArray } from '../../data/tensor.js'
import { reading } from '../../errors.js'
import { isRecord } from '../../options.js'

/** What a layer learns from, batch by batch; nothing of the layer changes before the end. */
export interface Learner<Batch> {
  add(batch: Batch): void
  end(): void
}

/**
 * Lets a learner see a batch, or each of an iterable's: a generator's, a set's, those of any object that is not an array;
 * of an asynchronous iterable, as a promise. What it throws comes as the cause of `ERR_DATA`.
 */
export function learn<Batch>(where: string, data: unknown, learner: Learner<Batch>): void | Promise<void> {
  return reading('ERR_DATA', where, () => {
    if (isIterable(data, Symbol.asyncIterator)) return learnLater(where, data as AsyncIterable<Batch>, learner)
    const batches = isIterable(data, Symbol.iterator) ? (data as Iterable<Batch>) : [data as Batch]
    for (const batch of batches) learner.add(batch)
    return learner.end()
  })
}

async function learnLater<Batch>(where: string, data: AsyncIterable<Batch>, learner: Learner<Batch>): Promise<void> {
  try {
    for await (const batch of data) learner.add(batch)
  } catch (error) {
    reading('ERR_DATA', where, () => {
      throw error
    })
  }
  learner.end()
}

/** Whether something gives batches and is none itself: an array is one, a tensor is one. */
const isIterable = (data: unknown, symbol: symbol): boolean =>
  isRecord(data) && !isNumericArray(data) && !('shape' in data) && !(data instanceof BigInt64Array) && symbol in data
