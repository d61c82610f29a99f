/** A generator of whole numbers below a bound, the same on every machine for one seed (Lehmer's, modulus 2³¹ − 1). */
export function randomIntegers(seed) {
  let state = seed
  return (below) => {
    state = (state * 48271) % 2147483647
    return state % below
  }
}
