/** The two parts of a split: indices of rows, each in the order drawn. */
export interface Split {
  readonly training: number[]
  readonly validation: number[]
}

/**
 * Draws `fraction` of `count` rows for validation, at random by `seed`; at least one row stays on each side when the fraction is above 0 and there
 * are two rows. The same count, fraction and seed always give the same split.
 */
export function randomSplit(count: number, fraction: number, seed: number): Split {
  const order = Array.from({ length: count }, (_, index) => index)
  const next = randomSource(seed)
  for (let last = count - 1; last > 0; last--) {
    const other = Math.floor(next() * (last + 1))
    const held = order[last] as number
    order[last] = order[other] as number
    order[other] = held
  }
  const wanted = fraction > 0 ? Math.min(Math.max(Math.round(count * fraction), 1), count - 1) : 0
  return { training: order.slice(wanted), validation: order.slice(0, Math.max(wanted, 0)) }
}

/** Keeps a share of the different keys apart, drawn by the seed, with all their rows: indices in the rows' order. */
export function splitByKey(keys: readonly string[], fraction: number, seed: number): Split {
  const different = [...new Set(keys)]
  const held = new Set(randomSplit(different.length, fraction, seed).validation.map((index) => different[index]))
  const split: Split = { training: [], validation: [] }
  for (const [row, key] of keys.entries()) split[held.has(key) ? 'validation' : 'training'].push(row)
  return split
}

/** The rows of each key, in the order of the first of each. */
export function rowsByKey(keys: readonly string[]): number[][] {
  const found = new Map<string, number[]>()
  for (const [row, key] of keys.entries()) {
    const known = found.get(key)
    if (known) known.push(row)
    else found.set(key, [row])
  }
  return [...found.values()]
}

/** Uniform numbers from 0 to 1 by the generator sfc32 (Doty-Humphrey, PractRand), keyed by the seed. */
export function randomSource(seed: number): () => number {
  let a = 0
  let b = seed | 0
  let c = Math.floor(seed / 2 ** 32) | 0
  let counter = 1
  const next = () => {
    const result = (a + b + counter) | 0
    counter = (counter + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (((c << 21) | (c >>> 11)) + result) | 0
    return (result >>> 0) / 2 ** 32
  }
  // The first numbers of similar seeds are alike.
  for (let skipped = 0; skipped < 16; skipped++) next()
  return next
}
