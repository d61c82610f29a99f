import type { GroupValue } from './tracks.js'

/** How well a variable was forecast a number of steps ahead. */
export interface ForecastMeasures {
  /** How many values were compared; missing ones are not. */
  readonly count: number
  /** The root of the mean squared difference between median and value. */
  readonly rmse: number
  /** The mean absolute difference between median and value. */
  readonly mae: number
  /**
   * The weighted absolute percentage error: the sum of the absolute differences as a share of the sum of the absolute
   * values.
   */
  readonly wape: number
  /** The share of values inside their interval. */
  readonly coverage: number
  /** The mean width of the intervals. */
  readonly width: number
  /** The root mean square error of the simplest forecast: that nothing changes. */
  readonly persistence: number
  /** With `group`: the same measures of each series, under its name. */
  readonly groups?: readonly GroupMeasures[]
}

/** How well a variable of one series was forecast. */
export type GroupMeasures = Omit<ForecastMeasures, 'groups'> & { readonly group: GroupValue }

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
  #size = 0
  #inside = 0
  #width = 0
  #still = 0

  add({ median, lower, upper }: Range, now: number, later: number): void {
    this.#count++
    this.#squared += (later - median) ** 2
    this.#absolute += Math.abs(later - median)
    this.#size += Math.abs(later)
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
      wape: this.#absolute / this.#size,
      coverage: this.#inside / count,
      width: this.#width / count,
      persistence: Math.sqrt(this.#still / count),
    }
  }
}

/** Compares forecasts with what came. */
export class ForecastErrors<Name extends string> {
  readonly #all: Sums[][]
  readonly #groups = new Map<GroupValue, Sums[][]>()

  constructor(
    readonly variables: readonly Name[],
    readonly horizon: number,
  ) {
    this.#all = this.#sums()
  }

  /** Adds the forecasts of a series that were made after the step `now`, as far as what came `later` is known. */
  add(
    group: GroupValue | undefined,
    forecasts: readonly Readonly<Record<Name, Range>>[],
    now: readonly number[],
    later: readonly (readonly number[])[],
  ): void {
    const sums = [this.#all, ...(group === undefined ? [] : [this.#of(group)])]
    for (const [ahead, row] of later.entries()) {
      this.variables.forEach((name, index) => {
        const value = row[index] as number
        if (Number.isNaN(value)) return
        for (const all of sums) all[ahead]?.[index]?.add(forecasts[ahead]?.[name] as Range, now[index] as number, value)
      })
    }
  }

  /** For each step ahead, how well each variable was forecast. */
  measures(): Readonly<Record<Name, ForecastMeasures>>[] {
    return this.#all.map((sums, ahead) => {
      const entries = this.variables.map((name, index) => {
        const groups = [...this.#groups].map(([group, all]) => {
          const of = (all[ahead] as Sums[])[index] as Sums
          return { group, ...of.measures() }
        })
        return [name, { ...(sums[index] as Sums).measures(), ...(groups.length > 0 && { groups }) }]
      })
      return Object.fromEntries(entries) as Record<Name, ForecastMeasures>
    })
  }

  #of(group: GroupValue): Sums[][] {
    const known = this.#groups.get(group)
    if (known) return known
    const sums = this.#sums()
    this.#groups.set(group, sums)
    return sums
  }

  #sums(): Sums[][] {
    return Array.from({ length: this.horizon }, () => this.variables.map(() => new Sums()))
  }
}
