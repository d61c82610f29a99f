import type { Block } from '../data/blocks.js'
import type { Dataset } from '../data/dataset.js'
import { RowList } from '../data/packed.js'
import { type Part, parts, type Wanted } from '../data/parts.js'
import { unlessAborted } from './cancel.js'
import type { Elements } from './elements.js'

/** The rows of several batches that a rank works on. */
export interface Taken {
  readonly rows: Block<unknown>
  /** How many rows these batches have on all ranks together. */
  readonly of: number
  /** The number of a row in the pass, if they do not follow each other. */
  readonly numberOf?: (row: number) => number
}

/** A rank's parts of the batches of a pass, those of several batches at a time. */
export class Parts {
  readonly #parts: AsyncIterator<Part<unknown>>
  readonly #close: () => Promise<void>
  readonly #signal: AbortSignal | undefined

  private constructor(
    each: AsyncIterable<Part<unknown>>,
    signal: AbortSignal | undefined,
    close: () => Promise<void> = async () => undefined,
  ) {
    this.#parts = each[Symbol.asyncIterator]()
    this.#signal = signal
    this.#close = close
  }

  /** Of a source that is opened at a row. */
  static of(
    source: Dataset<unknown>,
    start: { pass: number; skip: number },
    wanted: Wanted,
    signal?: AbortSignal,
  ): Parts {
    return new Parts(source.openParts(start, wanted), signal)
  }

  /** Of what comes from a stream, which cannot be opened again, from row `first` on. */
  static from(elements: Elements, wanted: Wanted, first: number, signal?: AbortSignal): Parts {
    const blocks = async function* () {
      for (let taken = await elements.take(wanted.size); taken.length > 0; taken = await elements.take(wanted.size)) {
        yield taken
      }
    }
    return new Parts(parts(blocks(), wanted, first), signal, () => elements.close())
  }

  /** Those of the next batches; of no rows at the end. */
  async take(batches: number): Promise<Taken> {
    const rows = new RowList<unknown>()
    const numbers: number[] = []
    let of = 0
    for (let at = 0; at < batches; at++) {
      const next = await unlessAborted(this.#parts.next(), this.#signal)
      if (next.done) break
      const { rows: some, first } = next.value
      rows.append(some)
      for (let row = 0; row < some.length; row++) numbers.push(first + row)
      of += next.value.of
    }
    return { rows: rows.slice(0), of, numberOf: (row) => numbers[row] ?? row }
  }

  async close(): Promise<void> {
    const closed = Promise.resolve(this.#parts.return?.()).then(this.#close, () => undefined)
    await (this.#signal?.aborted ? undefined : closed)
  }
}
