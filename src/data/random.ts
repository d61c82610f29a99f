/** A whole number below a bound, drawn at random. */
export type Random = (below: number) => number

/** Random numbers that a seed and the number of a pass determine: SplitMix32 (Steele, Lea and Flood, 2014). */
export function randomOf(seed: number, pass: number): Random {
  let state =
    (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(Math.floor(seed / 2 ** 32) + pass + 1, 0xc2b2ae35)) | 0
  return (below) => {
    state = (state + 0x9e3779b9) | 0
    let bits = state ^ (state >>> 16)
    bits = Math.imul(bits, 0x21f0aaad)
    bits ^= bits >>> 15
    bits = Math.imul(bits, 0x735a2d97)
    bits ^= bits >>> 15
    return Math.floor(((bits >>> 0) / 2 ** 32) * below)
  }
}
