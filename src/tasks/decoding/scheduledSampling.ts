import type { Tensor } from '../../data/tensor.js'
import { randomSource } from '../shared/split.js'

/**
 * Replaces a share of the words that a decoder reads with guesses. `previous` are rows that begin with the start;
 * `guesses` `[rows, time]` holds what the decoder wrote at each step, so that the guess of one step is read at the
 * next.
 */
export function mixed(previous: readonly Int32Array[], guesses: Tensor, share: number, seed: number): Int32Array[] {
  const next = randomSource(seed)
  const time = guesses.shape[1] as number
  return previous.map((words, row) =>
    words.map((word, step) => (step > 0 && next() < share ? (guesses.data[row * time + step - 1] as number) : word)),
  )
}
