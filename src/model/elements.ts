import type { Block } from '../data/blocks.js'
import type { Dataset } from '../data/dataset.js'
import { RowList } from '../data/packed.js'
import { unlessAborted } from './cancel.js'

/** Elements of a pass, as many as are asked for at a time. */
export class Elements {
  readonly #iterator: AsyncIterator<Block<unknown>>
  /** What was read and not taken. */
  #ready: Block<unknown>[] = []
  #count = 0
  #ended = false

  readonly #signal: AbortSignal | undefined
  readonly #closing = new AbortController()

  constructor(source: Dataset<unknown>, pass: number, skip: number, signal: AbortSignal | undefined) {
    this.#signal = signal
    this.#iterator = source.openPacked({ pass, skip, signal: this.#closing.signal })[Symbol.asyncIterator]()
  }

  /** The next elements; fewer at the end. */
  async take(count: number): Promise<Block<unknown>> {
    while (!this.#ended && this.#count < count) {
      const next = await unlessAborted(this.#iterator.next(), this.#signal)
      if (next.done) this.#ended = true
      else {
        this.#ready.push(next.value)
        this.#count += next.value.length
      }
    }
    const size = Math.min(count, this.#count)
    this.#count -= size
    const taken = new RowList<unknown>(size)
    while (taken.length < size) {
      const block = this.#ready.shift() as Block<unknown>
      const left = size - taken.length
      if (block.length > left) this.#ready.unshift(block.slice(left))
      const part = block.length > left ? block.slice(0, left) : block
      if (part.length === size) return part
      taken.append(part)
    }
    return taken.view.slice(0, size)
  }

  /** Puts elements back. */
  back(elements: Block<unknown>): void {
    this.#ready.unshift(elements)
    this.#count += elements.length
  }

  /** Tells the source that no more is needed. One that is waiting for something is not waited for. */
  async close(): Promise<void> {
    this.#closing.abort()
    const closed = Promise.resolve(this.#iterator.return?.()).catch(() => undefined)
    await (this.#signal?.aborted ? undefined : closed)
  }
}
