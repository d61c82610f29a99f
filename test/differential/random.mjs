// Random numbers that depend on nothing but a text, such as a seed, a name and the number of a case.

/** A source of numbers from 0 to below 1 (mulberry32, begun with the FNV-1a hash of the text). */
function numbers(text) {
  let state = 2166136261
  for (const character of text) state = Math.imul(state ^ character.codePointAt(0), 16777619)
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

/** What cases draw from. */
export class Random {
  #next

  constructor(text) {
    this.#next = numbers(text)
  }

  /** From `least` to `most`, both included. */
  integer(least, most) {
    return least + Math.floor(this.#next() * (most - least + 1))
  }

  /** Between two numbers, with as many digits as float32 has for sure. */
  number(least = -1, most = 1) {
    return Math.fround(least + this.#next() * (most - least))
  }

  chance(probability = 0.5) {
    return this.#next() < probability
  }

  pick(list) {
    return list[this.integer(0, list.length - 1)]
  }

  /** Options, each of which is there with a probability: `{ units: 3, useBias: undefined }` has units alone. */
  some(options, probability = 0.5) {
    return Object.fromEntries(
      Object.entries(options)
        .map(([name, make]) => [name, this.chance(probability) ? make() : undefined])
        .filter(([, value]) => value !== undefined),
    )
  }

  /** A tensor of numbers, as cases hold it. */
  tensor(shape, { least = -1, most = 1, dtype = 'float32' } = {}) {
    const size = shape.reduce((a, b) => a * b, 1)
    const draw = dtype === 'int32' ? () => this.integer(least, most) : () => this.number(least, most)
    return { shape, dtype, data: Array.from({ length: size }, draw) }
  }

  /** Rows of probabilities that add up to 1. */
  probabilities(shape) {
    const made = this.tensor(shape, { least: 0.02, most: 1 })
    const width = shape.at(-1)
    for (let at = 0; at < made.data.length; at += width) {
      const row = made.data.slice(at, at + width)
      const sum = row.reduce((a, b) => a + b, 0)
      for (const [i, value] of row.entries()) made.data[at + i] = Math.fround(value / sum)
    }
    return made
  }

  /** Rows with a single 1. */
  oneHot(shape) {
    const made = { shape, dtype: 'float32', data: Array(shape.reduce((a, b) => a * b, 1)).fill(0) }
    for (let at = 0; at < made.data.length; at += shape.at(-1)) made.data[at + this.integer(0, shape.at(-1) - 1)] = 1
    return made
  }

  /** A mask `[batch, time]`: ragged, with holes, or with rows that are empty. */
  mask(batch, time, kind = this.pick(['ragged', 'holes', 'empty', 'full'])) {
    const rows = Array.from({ length: batch }, () => {
      if (kind === 'full') return Array(time).fill(true)
      if (kind === 'ragged') {
        const length = this.integer(1, time)
        return Array.from({ length: time }, (_, t) => t < length)
      }
      return Array.from({ length: time }, () => this.chance(0.6))
    })
    // Somewhere there is something, and where rows may not be empty, in each of them.
    for (const [at, row] of rows.entries()) if (!row.includes(true) && (kind !== 'empty' || at === 0)) row[0] = true
    return rows
  }
}
