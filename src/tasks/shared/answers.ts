import type { Blocks } from '../../data/blocks.js'
import { Dataset, type Start } from '../../data/dataset.js'
import { moved, namingPlaces, type Place, placed, placeOf } from '../../data/places.js'
import { isStreamed } from '../../data/sources.js'
import { type Ranks, readersFor, together } from '../../distributed.js'
import { SeqloomError } from '../../errors.js'
import { exchanged } from '../../model/exchange.js'
import { inManner } from '../../rank.js'
import { finite, type RowStream, type Rows } from './rows.js'

/** How many rows are answered at a time. */
const atOnce = 256

/** Some consecutive rows, and where each was read. */
interface Some<Row> {
  readonly rows: readonly Row[]
  readonly place: Place | undefined
  /** The number of the first one among all. */
  readonly first: number
}

type Answering<Row, Answer> = (rows: readonly Row[]) => Promise<readonly Answer[]>

/** The rows of a data set from one on, some at a time. */
async function* someOf<Row>(source: Dataset<Row>, start: Start, most: number): AsyncGenerator<Some<Row>, void, void> {
  const blocks = source.open(start)[Symbol.asyncIterator]()
  let first = start.skip
  try {
    for (;;) {
      // Whatever it calls, no other rank waits for it.
      const { value: block, done } = await inManner(false, () => blocks.next())
      if (done) return
      const place = placeOf(block)
      for (let at = 0; at < block.length; at += most) {
        yield { rows: block.slice(at, at + most), place: moved(place, (row) => at + row), first: first + at }
      }
      first += block.length
    }
  } finally {
    await blocks.return?.()
  }
}

const answered = <Row, Answer>({ rows, place, first }: Some<Row>, answer: Answering<Row, Answer>) =>
  namingPlaces((row) => place?.(row), answer(rows), first)

/** Answers that ranks make in turn; all of them get all answers. `ERR_DATA` if they have not the same rows. */
async function* dealt<Row, Answer>(
  where: string,
  ranks: Ranks,
  given: AsyncGenerator<Some<Row>, void, void>,
  answer: Answering<Row, Answer>,
): Blocks<Answer> {
  for (;;) {
    const round: Some<Row>[] = []
    while (round.length < ranks.size) {
      const next = await given.next()
      if (next.done) break
      round.push(next.value)
    }
    const own = round[ranks.rank]
    const all = await together(ranks, async () => {
      const answers = own ? await answered(own, answer) : []
      return await exchanged(where, { counts: round.map(({ rows }) => rows.length), answers })
    })
    if (all.some(({ counts }) => counts.join() !== all[0]?.counts.join())) {
      throw new SeqloomError('ERR_DATA', `${where}: the ranks have different rows; all must be given the same`)
    }
    for (const [at, { place }] of round.entries()) yield placed(all[at]?.answers ?? [], place)
    if (round.length < ranks.size) return
  }
}

/**
 * The answers for rows that come one after another, in their order, made as they are read: no more than some of them
 * are in memory. Ranks answer in turn, and each gets all answers.
 */
export function answersFor<Row, Answer>(
  where: string,
  rows: RowStream<Row>,
  answer: Answering<Row, Answer>,
): Dataset<Answer> {
  const source = finite(where, rows)
  const from = async function* (start: Start): Blocks<Answer> {
    const ranks = readersFor(where)
    const given = someOf(source, start, atOnce)
    if (ranks.size > 1) {
      yield* dealt(where, ranks, given, answer)
      return
    }
    for await (const some of given) yield placed(await answered(some, answer), some.place)
  }
  return new Dataset<Answer>({ name: source.name, once: source.once, from })
}

/**
 * Does work on rows, on some of them at a time where they come one after another. Each rank does all of it, but the
 * models that it uses share theirs: they get enough rows for all.
 */
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
  const source = finite(where, rows as RowStream<Row>)
  for await (const some of someOf(source, { pass: 0, skip: 0 }, atOnce * readersFor(where).size)) {
    await answered(some, work)
    count += some.rows.length
  }
  if (count === 0) throw new SeqloomError('ERR_DATA', `${where}: there are no rows in ${source.name}`)
}
