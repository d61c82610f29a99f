import { createHash } from 'node:crypto'

/** Random numbers from a seed and what they are for (mulberry32). */
export function randomFrom(...seeds) {
  let state = createHash('sha256').update(seeds.join('/')).digest().readUInt32LE(0)
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), state | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (count) => Math.floor(next() * count)
  return { next, below, of: (list) => list[below(list.length)] }
}
