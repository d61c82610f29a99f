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
