/** Trials that compete: how many there are, and after how many epochs they are compared. */
export interface Bracket {
  readonly trials: number
  /** How many epochs a trial has had when it is compared, the last one last; undefined for as many as it wants. */
  readonly rungs: readonly (number | undefined)[]
}

/** How many of a bracket's trials go on to each of its rungs. */
export const counts = ({ trials, rungs }: Bracket, factor: number): number[] =>
  rungs.map((_, rung) => Math.max(1, Math.floor(trials / factor ** rung + 1e-9)))

/** The epochs of successive halving from at least `least` to `most`, each `factor` times as many as those before. */
function rungsOf(least: number, most: number, factor: number): number[] {
  const rungs = [most]
  while ((rungs[0] as number) / factor >= least) rungs.unshift(Math.max(1, Math.floor((rungs[0] as number) / factor)))
  return rungs
}

/** Successive halving (Jamieson and Talwalkar, arXiv 1502.07943, figure 3): by default so many trials that one is left. */
export function halvingBracket(epochs: number, minEpochs: number, factor: number, trials?: number): Bracket {
  const rungs = rungsOf(minEpochs, epochs, factor)
  return { trials: trials ?? factor ** (rungs.length - 1), rungs }
}

/**
 * Hyperband (Li et al., arXiv 1603.06560, algorithm 1): successive halvings that begin with many short trials, with
 * fewer longer ones, and so on.
 */
export function hyperbandBrackets(epochs: number, factor: number): Bracket[] {
  const all = rungsOf(1, epochs, factor)
  return all.map((_, skipped) => {
    const rungs = all.slice(skipped)
    const trials = Math.ceil((all.length / rungs.length) * factor ** (rungs.length - 1))
    return { trials, rungs }
  })
}
