import type { Blocks } from '../../data/blocks.js'
import { Dataset, type Start } from '../../data/dataset.js'
import { moved, namingPlaces, placed, placeOf } from '../../data/places.js'
import { isStreamed } from '../../data/sources.js'
import { SeqloomError } from '../../errors.js'
import { finite, type RowStream, type Rows } from './rows.js'

/** How many rows are answered at a time. */
const together = 256

/**
 * The answers for rows that come one after another, in their order, made as they are read: no more than some of them
 * are in memory.
 */
export function answersFor<Row, Answer>(
  where: string,
  rows: RowStream<Row>,
  answer: (rows: readonly Row[]) => Promise<readonly Answer[]>,
): Dataset<Answer> {
  const source = finite(where, rows)
  const from = async function* (start: Start): Blocks<Answer> {
    for await (const block of source.open(start)) {
      const place = placeOf(block)
      for (let at = 0; at < block.length; at += together) {
        const some = block.slice(at, at + together)
        const answers = await namingPlaces((row) => place?.(at + row), answer(some))
        yield placed(
          answers,
          moved(place, (row) => at + row),
        )
      }
    }
  }
  return new Dataset<Answer>({ name: source.name, once: source.once, all: (pass) => from({ pass, skip: 0 }), from })
}

/** Does work on rows, on some of them at a time where they come one after another. */
export async function inParts<Row>(
  where: string,
  rows: Rows<Row>,
  work: (rows: readonly Row[]) => Promise<readonly unknown[]>,
): Promise<void> {
  if (!isStreamed(rows)) {
    await work(rows as readonly Row[])
    return
  }
  let count = 0
  const source = answersFor(where, rows as RowStream<Row>, work)
  for await (const block of source.open({ pass: 0, skip: 0 })) count += block.length
  if (count === 0) throw new SeqloomError('ERR_DATA', `${where}: there are no rows in ${source.name}`)
}
