import type { Block } from '../data/blocks.js'
import type { Dataset } from '../data/dataset.js'
import { RowList } from '../data/packed.js'
import { unlessAborted } from './cancel.js'

/** Elements of a pass, as many as are asked for at a time. */
export class Elements {
  readonly #iterator: AsyncIterator<Block<unknown>>
  #ready = new RowList<unknown>()
  #at = 0
  #ended = false

  readonly #signal: AbortSignal | undefined

  constructor(source: Dataset<unknown>, pass: number, skip: number, signal: AbortSignal | undefined) {
    this.#signal = signal
    this.#iterator = source.openPacked({ pass, skip })[Symbol.asyncIterator]()
  }

  /** The next elements; fewer at the end. */
  async take(count: number): Promise<Block<unknown>> {
    while (!this.#ended && this.#ready.length - this.#at < count) {
      const next = await unlessAborted(this.#iterator.next(), this.#signal)
      if (next.done) this.#ended = true
      else {
        if (this.#at > 0) this.#ready = joined(this.#ready.slice(this.#at))
        this.#at = 0
        this.#ready.append(next.value)
      }
    }
    const taken = this.#ready.slice(this.#at, this.#at + count)
    this.#at += taken.length
    return taken
  }

  /** Puts elements back. */
  back(elements: Block<unknown>): void {
    this.#ready = joined(elements, this.#ready.slice(this.#at))
    this.#at = 0
  }

  /** Tells the source that no more is needed. One that is waiting for something is not waited for. */
  async close(): Promise<void> {
    const closed = Promise.resolve(this.#iterator.return?.()).catch(() => undefined)
    await (this.#signal?.aborted ? undefined : closed)
  }
}

function joined(...blocks: readonly Block<unknown>[]): RowList<unknown> {
  const list = new RowList<unknown>()
  for (const block of blocks) list.append(block)
  return list
}
