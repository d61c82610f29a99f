// An RNN transducer in plain float64, from the equations of arXiv 1211.3711.

/** A random number generator that gives the same numbers everywhere. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

export const logAdd = (a: number, b: number): number => {
  const [low, high] = a < b ? [a, b] : [b, a]
  return low === Number.NEGATIVE_INFINITY ? high : high + Math.log1p(Math.exp(low - high))
}

/** tanh(f + g) · kernel + bias, and the logarithm of its softmax. */
export interface Joint {
  readonly kernel: readonly (readonly number[])[]
  readonly bias: readonly number[]
}

/** The logarithms of the probabilities of all symbols at a place. */
export function symbolsAt(f: readonly number[], g: readonly number[], { kernel, bias }: Joint): number[] {
  const hidden = f.map((x, at) => Math.tanh(x + (g[at] as number)))
  const logits = bias.map((b, symbol) => hidden.reduce((sum, h, at) => sum + h * (kernel[at]?.[symbol] as number), b))
  const most = Math.max(...logits)
  const norm = most + Math.log(logits.reduce((sum, x) => sum + Math.exp(x - most), 0))
  return logits.map((x) => x - norm)
}

/** -log p(target) of one row. */
export function transducerLoss(
  frames: readonly (readonly number[])[],
  labels: readonly (readonly number[])[],
  target: readonly number[],
  joint: Joint,
  blank = 0,
): number {
  const alpha: number[][] = []
  const logs = frames.map((f) => target.concat(blank).map((_, u) => symbolsAt(f, labels[u] as number[], joint)))
  for (let t = 0; t < frames.length; t++) {
    alpha.push([])
    for (let u = 0; u <= target.length; u++) {
      const above =
        t > 0 ? (alpha[t - 1]?.[u] as number) + (logs[t - 1]?.[u]?.[blank] as number) : Number.NEGATIVE_INFINITY
      const left =
        u > 0
          ? (alpha[t]?.[u - 1] as number) + (logs[t]?.[u - 1]?.[target[u - 1] as number] as number)
          : Number.NEGATIVE_INFINITY
      alpha[t]?.push(t + u === 0 ? 0 : logAdd(above, left))
    }
  }
  return -((alpha.at(-1)?.at(-1) as number) + (logs.at(-1)?.at(-1)?.[blank] as number))
}
