import type { Block } from './blocks.js'
import type { Random } from './random.js'

/** How rows that are only numbers lie one after another, and what is made of them. */
export interface Packing<T> {
  /** How many numbers a row takes. */
  readonly width: number
  /** The row whose numbers begin somewhere. */
  row(values: Float64Array, from: number): T
  /** All rows as one batch, its parts tensors. */
  batch(values: Float64Array): unknown
}

/** Rows of numbers in one array: objects are made of those alone that somebody looks at. */
export class PackedRows<T> implements Block<T> {
  readonly values: Float64Array
  readonly packing: Packing<T>

  constructor(values: Float64Array, packing: Packing<T>) {
    this.values = values
    this.packing = packing
  }

  get length(): number {
    return this.values.length / this.packing.width
  }

  at(index: number): T {
    return this.packing.row(this.values, index * this.packing.width)
  }

  slice(from = 0, to = this.length): PackedRows<T> {
    const { width } = this.packing
    return new PackedRows(this.values.subarray(from * width, to * width), this.packing)
  }

  *[Symbol.iterator](): IterableIterator<T> {
    for (let at = 0; at < this.length; at++) yield this.at(at)
  }

  *entries(): IterableIterator<[number, T]> {
    for (let at = 0; at < this.length; at++) yield [at, this.at(at)]
  }
}

/** A list of elements: rows of numbers stay packed until others come. */
export class RowList<T> {
  /** The elements; or numbers of packed rows, with room for more. */
  #view: T[] | PackedRows<T> = []
  #length = 0
  readonly #room: number

  get length(): number {
    return this.#length
  }

  /** Without elements, but with room for so many packed rows. */
  constructor(room = 0) {
    this.#room = room
  }

  /** The elements as they are now, not copied. */
  get view(): Block<T> {
    return this.#view
  }

  /** Adds all elements of a block. */
  append(block: Block<T>): void {
    if (block.length === 0) return
    this.#makeRoom(block, block.length)
    const view = this.#view
    if (view instanceof PackedRows) {
      view.values.set((block as PackedRows<T>).values, this.#length * view.packing.width)
    } else for (const element of block) view.push(element)
    this.#length += block.length
  }

  /** Puts element `at` of a block in a place. */
  #set(index: number, block: Block<T>, at: number): void {
    const view = this.#view
    if (view instanceof PackedRows && block instanceof PackedRows && block.packing === view.packing) {
      const { width } = view.packing
      const [source, own] = [block.values, view.values]
      for (let from = at * width, to = index * width, end = from + width; from < end; ) {
        own[to++] = source[from++] as number
      }
    } else this.#unpacked()[index] = block.at(at) as T
  }

  /** For each element of a block, one that is drawn at random, whose place it takes. */
  exchange(block: Block<T>, random: Random): Block<T> {
    const view = this.#view
    if (view instanceof PackedRows && block instanceof PackedRows && block.packing === view.packing) {
      const { width } = view.packing
      const [source, own] = [block.values, view.values]
      const drawn = new Float64Array(source.length)
      for (let from = 0; from < source.length; ) {
        let at = random(this.#length) * width
        for (const end = at + width; at < end; at++, from++) {
          drawn[from] = own[at] as number
          own[at] = source[from] as number
        }
      }
      return new PackedRows(drawn, view.packing)
    }
    const list = this.#unpacked()
    return Array.from(block, (element) => {
      const chosen = random(list.length)
      const drawn = list[chosen] as T
      list[chosen] = element
      return drawn
    })
  }

  swap(a: number, b: number): void {
    const kept = this.slice(a, a + 1)
    this.#set(a, this.#view, b)
    this.#set(b, kept, 0)
  }

  /** A copy of some elements. */
  slice(from: number, to = this.#length): Block<T> {
    const view = this.#view
    const end = Math.min(to, this.#length)
    if (!(view instanceof PackedRows)) return view.slice(from, end)
    const { width } = view.packing
    return new PackedRows(view.values.slice(from * width, end * width), view.packing)
  }

  /** Makes room for elements of a block. */
  #makeRoom(block: Block<T>, count: number): void {
    if (this.#length === 0 && block instanceof PackedRows) this.#view = new PackedRows<T>(noValues, block.packing)
    const view = this.#view
    if (!(view instanceof PackedRows)) return
    if (!(block instanceof PackedRows && block.packing === view.packing)) {
      this.#unpacked()
      return
    }
    const { width } = view.packing
    const needed = (this.#length + count) * width
    if (needed <= view.values.length) return
    const values = new Float64Array(Math.max(needed, this.#room * width, 2 * view.values.length))
    values.set(view.values)
    this.#view = new PackedRows(values, view.packing)
  }

  #unpacked(): T[] {
    if (this.#view instanceof PackedRows) this.#view = [...this.slice(0)]
    return this.#view
  }
}

const noValues = new Float64Array(0)
