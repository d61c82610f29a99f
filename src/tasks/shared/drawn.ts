/** A number from 0 to 1 that a text and a seed determine: FNV-1a (Fowler, Noll and Vo), mixed as in MurmurHash3 (Appleby). */
export function rankOf(key: string, seed: number): number {
  let h = 0x811c9dc5 ^ Math.imul(seed | 0, 0x9e3779b1) ^ Math.imul(Math.floor(seed / 2 ** 32), 0x85ebca6b)
  for (let at = 0; at < key.length; at++) h = Math.imul(h ^ key.charCodeAt(at), 0x01000193)
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return ((h ^ (h >>> 16)) >>> 0) / 2 ** 32
}

/** Something with a rank. */
interface Ranked<T> {
  readonly rank: number
  readonly value: T
  readonly size: number
}

/**
 * Those of many values that have the lowest ranks, as many as take no more than `most` bytes: a random part in bounded
 * memory, if ranks are random, which depends on the ranks alone.
 */
export class LowestRanks<T> {
  readonly #most: number
  #kept: Ranked<T>[] = []
  #size = 0
  /** Values of this rank and higher ones are not kept. */
  bound: number

  constructor(bound: number, most: number) {
    this.bound = bound
    this.#most = most
  }

  /** The values, in the order in which they came. */
  get values(): T[] {
    return this.#kept.map(({ value }) => value)
  }

  /** Adds a value below the bound; gives those that had to go. */
  add(rank: number, value: T, size: number): T[] {
    this.#kept.push({ rank, value, size })
    this.#size += size
    return this.#size > this.#most ? this.#drop() : []
  }

  /** Keeps about half of the values. */
  #drop(): T[] {
    const ranks = this.#kept.map(({ rank }) => rank).sort((a, b) => a - b)
    this.bound = ranks[Math.floor(ranks.length / 2)] as number
    const dropped = this.#kept.filter(({ rank }) => rank >= this.bound)
    this.#kept = this.#kept.filter(({ rank }) => rank < this.bound)
    this.#size = this.#kept.reduce((sum, { size }) => sum + size, 0)
    return dropped.map(({ value }) => value)
  }
}

/** About how many bytes a value takes. */
export function sizeIn(value: unknown, depth = 0): number {
  if (typeof value === 'string') return 16 + value.length
  if (ArrayBuffer.isView(value)) return value.byteLength
  if (typeof value !== 'object' || value === null || depth > 8) return 8
  const each: unknown[] = Array.isArray(value) ? value : Object.values(value)
  if (typeof each[0] === 'number') return 16 + 8 * each.length
  return each.reduce<number>((sum, part) => sum + sizeIn(part, depth + 1), 16)
}
