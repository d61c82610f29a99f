/** How well a variable was forecast a number of steps ahead. */
export interface ForecastMeasures {
  /** How many values were compared. */
  readonly count: number
  /** The root of the mean squared difference between median and value. */
  readonly rmse: number
  /** The mean absolute difference between median and value. */
  readonly mae: number
  /** The share of values inside their interval. */
  readonly coverage: number
  /** The mean width of the intervals. */
  readonly width: number
  /** The root mean square error of the simplest forecast, that nothing changes. */
  readonly persistence: number
}

interface Range {
  readonly median: number
  readonly lower: number
  readonly upper: number
}

/** Sums over what is compared; named after the measures that they become. */
class Sums {
  #count = 0
  #squared = 0
  #absolute = 0
  #inside = 0
  #width = 0
  #still = 0

  add({ median, lower, upper }: Range, now: number, later: number): void {
    this.#count++
    this.#squared += (later - median) ** 2
    this.#absolute += Math.abs(later - median)
    this.#inside += Number(later >= lower && later <= upper)
    this.#width += upper - lower
    this.#still += (later - now) ** 2
  }

  measures(): ForecastMeasures {
    const count = this.#count
    return {
      count,
      rmse: Math.sqrt(this.#squared / count),
      mae: this.#absolute / count,
      coverage: this.#inside / count,
      width: this.#width / count,
      persistence: Math.sqrt(this.#still / count),
    }
  }
}

/** Compares forecasts with what came. */
export class ForecastErrors<Name extends string> {
  readonly #sums: readonly (readonly Sums[])[]

  constructor(
    readonly variables: readonly Name[],
    horizon: number,
  ) {
    this.#sums = Array.from({ length: horizon }, () => variables.map(() => new Sums()))
  }

  /** Adds the forecasts that were made after the step `now`, as far as what came `later` is known. */
  add(forecasts: readonly Readonly<Record<Name, Range>>[], now: readonly number[], later: readonly number[][]): void {
    for (const [ahead, row] of later.entries()) {
      this.variables.forEach((name, index) => {
        const forecast = forecasts[ahead]?.[name] as Range
        this.#sums[ahead]?.[index]?.add(forecast, now[index] as number, row[index] as number)
      })
    }
  }

  /** For each step ahead, how well each variable was forecast. */
  measures(): Readonly<Record<Name, ForecastMeasures>>[] {
    return this.#sums.map(
      (sums) =>
        Object.fromEntries(this.variables.map((name, index) => [name, (sums[index] as Sums).measures()])) as Record<
          Name,
          ForecastMeasures
        >,
    )
  }
}
