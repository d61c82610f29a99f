/** What was read of a series so far, step by step. */
export interface Past {
  /** The scaled values, without gaps. */
  readonly values: Float32Array[]
  /** What was known ahead of each step. */
  readonly ahead: Float32Array[]
}

/** What a linear forecast of a variable reads. */
export interface BaselineShape {
  /** How many steps a season has; 0 if there is none. */
  readonly period: number
  /** How many seasons before are read. */
  readonly seasons: number
  /** Whether it reads what is known ahead. */
  readonly known: boolean
}

/** A linear forecast of a variable, which the network starts from: how much the values to come differ from the last one. */
export interface Baseline extends BaselineShape {
  /** For each step ahead, a coefficient of everything that is read. */
  readonly coefficients: readonly ArrayLike<number>[]
  /**
   * For each step ahead, the size of its errors on steps that came after those it was fitted to: the unit of the network's outputs. Intervals reach as many
   * to either side as they would if errors were normal, until the network knows better.
   */
  readonly spread: readonly number[]
}

/** Lags whose distance from the present is read, and the spans of means. */
const [lags, means] = [
  [1, 2, 3],
  [8, 32],
] as const

/** Where the coefficients of what is read stand. */
export const places = {
  constant: 0,
  now: 1,
  shortMean: 2 + lags.length,
  longMean: 3 + lags.length,
  ahead: 4 + lags.length,
} as const

/** No linear forecast reads further back. */
export const longestBack = 2000

/** How many steps back a linear forecast reads. */
export const reachBack = ({ period, seasons }: BaselineShape): number => Math.max(means[1], period * seasons)

/** The first of so many steps from which is learned: what lies before the beginning is made up, so only where there is little else, earlier. */
export const firstLearned = ({ period, seasons }: BaselineShape, steps: number): number =>
  Math.min(Math.max(means[0], period * seasons), Math.floor(steps / 3))

/** Reads what a linear forecast of one variable needs: a constant, the present, what lies before it, and what was at the same place of earlier seasons. */
export class Regressors {
  readonly width: number
  readonly #shape: BaselineShape
  readonly #variable: number
  readonly #aheadWidth: number

  constructor(shape: BaselineShape, variable: number, aheadWidth: number) {
    this.#shape = shape
    this.#variable = variable
    this.#aheadWidth = shape.known ? aheadWidth : 0
    this.width = places.ahead + 2 * shape.seasons + this.#aheadWidth * (shape.period > 0 ? 3 : 2)
  }

  /** Where the coefficients of what is known ahead stand. */
  get knownPlace(): number {
    return places.ahead + 2 * this.#shape.seasons
  }

  /** Writes what does not depend on the step ahead. */
  writePresent(past: Past, at: number, into: Float64Array): void {
    const { period, seasons } = this.#shape
    const now = this.#value(past, at, 0)
    into[places.constant] = 1
    into[places.now] = now
    for (const [index, lag] of lags.entries()) into[2 + index] = this.#value(past, at, lag) - now
    let [sum, count] = [0, 0]
    for (const [index, span] of [period > 1 ? Math.min(period, means[1]) : means[0], means[1]].entries()) {
      for (; count < Math.min(span, at + 1); count++) sum += this.#value(past, at, count)
      into[places.shortMean + index] = sum / count - now
    }
    for (let season = 1; season <= seasons; season++) {
      into[places.ahead + seasons + season - 1] = this.#value(past, at, season * period) - now
    }
    if (this.#aheadWidth > 0) into.set(past.ahead[at] as Float32Array, this.knownPlace + this.#aheadWidth)
  }

  /** Writes what depends on it: the same place in earlier seasons, and what is known of it. */
  writeAhead(past: Past, at: number, step: number, known: Float32Array | undefined, into: Float64Array): void {
    const { period, seasons } = this.#shape
    const now = this.#value(past, at, 0)
    const back = period > 0 ? period * Math.ceil(step / period) - step : 0
    for (let season = 0; season < seasons; season++) {
      into[places.ahead + season] = this.#value(past, at, back + season * period) - now
    }
    const width = this.#aheadWidth
    if (width === 0) return
    if (known) into.set(known, this.knownPlace)
    else into.fill(0, this.knownPlace, this.knownPlace + width)
    if (period > 0) into.set(past.ahead[this.#place(at, back)] as Float32Array, this.knownPlace + 2 * width)
  }

  #value(past: Past, at: number, lag: number): number {
    return (past.values[this.#place(at, lag)] as Float32Array)[this.#variable] as number
  }

  /** Where a value so long ago stands; before the beginning, the first one, or the one at the same place of a later season. */
  #place(at: number, lag: number): number {
    const { period } = this.#shape
    const place = at - lag
    if (place >= 0) return place
    return period > 0 ? Math.min(at, ((place % period) + period) % period) : 0
  }
}

/** The linear forecasts of variables. */
export class Baselines {
  readonly #all: readonly { readonly baseline: Baseline; readonly regressors: Regressors; readonly x: Float64Array }[]

  constructor(
    readonly baselines: readonly Baseline[],
    aheadWidth: number,
  ) {
    this.#all = baselines.map((baseline, variable) => {
      const regressors = new Regressors(baseline, variable, aheadWidth)
      return { baseline, regressors, x: new Float64Array(regressors.width) }
    })
  }

  /** How many steps back they read. */
  get reachBack(): number {
    return this.baselines.reduce((most, baseline) => Math.max(most, reachBack(baseline)), 0)
  }

  /** The forecasts `[steps ahead, variables]` after a step. */
  after(past: Past, at: number, steps: number, known: (step: number) => Float32Array | undefined): Float32Array {
    const forecasts = new Float32Array(steps * this.#all.length)
    for (const [variable, { baseline, regressors, x }] of this.#all.entries()) {
      const now = (past.values[at] as Float32Array)[variable] as number
      regressors.writePresent(past, at, x)
      for (let step = 1; step <= steps; step++) {
        regressors.writeAhead(past, at, step, known(step), x)
        forecasts[(step - 1) * this.#all.length + variable] =
          now + product(baseline.coefficients[step - 1] as ArrayLike<number>, x)
      }
    }
    return forecasts
  }
}

/** The sum of the products of coefficients and what was read. */
export function product(coefficients: ArrayLike<number>, x: Float64Array): number {
  let sum = 0
  for (let i = 0; i < x.length; i++) sum += (coefficients[i] as number) * (x[i] as number)
  return sum
}
