/**
 * A generator of random numbers from 0 up to 1: Alea, by J. Baagøe (2010), which tfjs uses, too, so that a seed gives
 * the same numbers.
 */
export function alea(seed: string): () => number {
  let n = 0xefc8249d
  const hash = (text: string) => {
    for (let i = 0; i < text.length; i++) {
      n += text.charCodeAt(i)
      let h = 0.02519603282416938 * n
      n = h >>> 0
      h = (h - n) * n
      n = h >>> 0
      n += (h - n) * 2 ** 32
    }
    return (n >>> 0) * 2 ** -32
  }
  const state = [hash(' '), hash(' '), hash(' ')] as [number, number, number]
  let carry = 1
  for (let i = 0; i < 3; i++) {
    state[i] = (state[i] as number) - hash(seed)
    if ((state[i] as number) < 0) state[i] = (state[i] as number) + 1
  }
  return () => {
    const t = 2091639 * state[0] + carry * 2 ** -32
    carry = t | 0
    state[0] = state[1]
    state[1] = state[2]
    state[2] = t - carry
    return state[2]
  }
}
