/** Mixes 32 bits (the finaliser of MurmurHash3, Appleby). */
function mixed(bits: number): number {
  let h = bits | 0
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

const rounds = 6

/**
 * An order of the numbers below `size` that a seed and the number of a pass determine: what comes at a place is
 * computed, so that the order takes no memory and can be entered anywhere. It is a Feistel network over as many bits as
 * the size has, walked until it falls below the size (Black and Rogaway, 2002: cycle walking).
 */
export function permutation(size: number, seed: number, pass: number): (at: number) => number {
  const half = Math.max(1, Math.ceil(Math.log2(Math.max(size, 2)) / 2))
  const below = 2 ** half
  const keys = Array.from({ length: rounds }, (_, round) =>
    mixed(mixed(seed | 0) ^ mixed(Math.floor(seed / 2 ** 32) + 1) ^ mixed(Math.imul(pass + 1, 0x9e3779b9) + round)),
  )
  const step = (at: number): number => {
    let [left, right] = [Math.floor(at / below), at % below]
    for (const key of keys) [left, right] = [right, (left ^ mixed(right ^ key)) & (below - 1)]
    return left * below + right
  }
  return (at) => {
    let found = step(at)
    while (found >= size) found = step(found)
    return found
  }
}
