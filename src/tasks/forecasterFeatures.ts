import type { Sliced } from '../data/slices.js'
import { widthOfAll } from './forecastCovariates.js'
import { type Baseline, Baselines, firstLearned, type Past } from './forecaster/baseline.js'
import type { ForecasterSettings } from './forecasterOptions.js'
import { type CalendarFeature, calendarValues, calendarWidth, stepped } from './forecastFrequency.js'
import type { RowFormat } from './forecastRows.js'
import type { Scaling } from './series.js'
import { randomSource } from './split.js'
import type { Track } from './tracks.js'

/** Up to so many groups each has a number of its own; more share as many. */
const longestCode = 32

/** How far back the mean reaches, at most, from which the network reads the present. */
const longestLevel = 1024

/** Innovations are bounded by so many spreads: an outlier is no reason to forget all else. */
const mostSpreads = 8

/** What the network reads of one step, and from where its forecasts go. */
export interface Step {
  readonly present: Float32Array
  /** The last values that were there, scaled; 0 before the first. */
  readonly anchor: Float32Array
  /** What was read up to this step, which stands at `at`. */
  readonly past: Past
  readonly at: number
}

/** What the network reads and learns of a track. */
export interface Table {
  readonly steps: readonly Step[]
  /** The scaled values; NaN where missing. */
  readonly scaled: readonly Float32Array[]
  /** What is known ahead of each step. */
  readonly ahead: readonly Float32Array[]
  /** The linear forecasts after each step. */
  readonly bases: readonly Float32Array[]
}

/**
 * Turns steps into what the network reads. Of the step itself: the scaled values (where one is missing, the last that was there) as distances from their
 * mean over a window, so that a trend leads nowhere new, and how much they differ from their linear forecast; with `fill: 'mask'` a one for each that is
 * not missing, past covariates, what is known ahead of this step, and which group it is. Then, of each step to come, what is known ahead: covariates, what
 * the calendar says, and the linear forecast.
 */
export class Features {
  readonly aheadWidth: number
  readonly presentWidth: number
  /** The numbers of one step to come. */
  readonly comingWidth: number
  readonly #baselines: Baselines | undefined
  readonly #codes: readonly Float32Array[]

  constructor(
    readonly settings: ForecasterSettings,
    readonly format: RowFormat | undefined,
    readonly calendar: readonly CalendarFeature[],
    groups: number,
    /** Undefined for forecasters of earlier versions: their forecasts are differences from the last values. */
    readonly baselines: readonly Baseline[] | undefined,
  ) {
    const { variables, fill } = settings
    this.aheadWidth = (format ? widthOfAll(format.known) : 0) + calendarWidth(calendar)
    this.#codes = groupCodes(groups)
    const flags = fill === 'mask' ? variables.length : 0
    const past = format ? widthOfAll(format.past) : 0
    this.#baselines = baselines && new Baselines(baselines, this.aheadWidth)
    const values = (baselines ? 3 : 1) * variables.length
    this.presentWidth = values + flags + past + this.aheadWidth + (this.#codes[0]?.length ?? 0)
    this.comingWidth = this.aheadWidth + (baselines ? variables.length : 0)
  }

  /** The numbers of one step of the input. */
  get inputWidth(): number {
    return this.presentWidth + this.settings.horizon * this.comingWidth
  }

  /** What is known ahead of the step `step` of a track that begins at `origin`. */
  ahead(origin: number, step: number, known: readonly number[] | undefined): Float32Array {
    const { format, calendar } = this
    if (!format) return new Float32Array(0)
    const read = calendar.length > 0 ? calendarValues(calendar, stepped(format.frequency, origin, step)) : []
    return Float32Array.from([...(known ?? []), ...read], (x) => (Number.isNaN(x) ? 0 : x))
  }

  /** Reads steps of a track one by one; with `last`, they go on from there. */
  *read(
    track: Track,
    group: number,
    scaling: Scaling,
    last?: Step,
  ): Generator<Step & { scaled: Float32Array; ahead: Float32Array }> {
    const { variables, fill } = this.settings
    let anchor = last?.anchor ?? new Float32Array(variables.length)
    const read: Past = last ? this.#tail(last) : { values: [], ahead: [] }
    for (const [step, row] of track.values.entries()) {
      const scaled = scaling.scale(row)
      const before = anchor
      anchor = scaled.map((value, index) => (Number.isNaN(value) ? (before[index] as number) : value))
      const ahead = this.ahead(track.origin, step, track.known[step])
      const flags = fill === 'mask' ? Array.from(scaled, (value) => Number(!Number.isNaN(value))) : []
      const past = (track.past[step] ?? []).map((x) => (Number.isNaN(x) ? 0 : x))
      read.values.push(anchor)
      read.ahead.push(ahead)
      const at = read.values.length - 1
      const values = this.#baselines ? this.#placed(this.#baselines, read, at, scaled) : anchor
      const present = Float32Array.of(...values, ...flags, ...past, ...ahead, ...(this.#codes[group] ?? []))
      yield { present, anchor, scaled, ahead, past: read, at }
    }
  }

  /** The linear forecasts `[steps ahead, variables]` after a step, scaled. */
  bases({ past, at, anchor }: Step, ahead: (step: number) => Float32Array | undefined): Float32Array {
    const { horizon } = this.settings
    if (this.#baselines) return this.#baselines.after(past, at, horizon, ahead)
    return Float32Array.from({ length: horizon * anchor.length }, (_, i) => anchor[i % anchor.length] as number)
  }

  /** The units of the network's outputs for a variable so many steps ahead. */
  spread(variable: number, ahead: number): number {
    return this.baselines?.[variable]?.spread[ahead - 1] ?? 1
  }

  /** The first step of a series of so many from which a variable's forecasts are learned. */
  firstLearned(variable: number, steps: number): number {
    const baseline = this.baselines?.[variable]
    return baseline ? firstLearned(baseline, steps) : 0
  }

  /** As much of what was read as is needed to go on. */
  #tail({ past, at }: Step): Past {
    const kept = Math.max(this.#baselines?.reachBack ?? 0, longestLevel) + 1
    const from = Math.max(0, at + 1 - kept)
    return { values: past.values.slice(from, at + 1), ahead: past.ahead.slice(from, at + 1) }
  }

  /** The last values as distances from their recent mean, and from what was forecast of them. */
  #placed(baselines: Baselines, past: Past, at: number, scaled: Float32Array): number[] {
    const now = past.values[at] as Float32Array
    const span = Math.min(this.settings.window, longestLevel, at + 1)
    const sums = new Float64Array(now.length)
    for (let lag = 0; lag < span; lag++) {
      const row = past.values[at - lag] as Float32Array
      for (const [variable, value] of row.entries()) sums[variable] = (sums[variable] as number) + value
    }
    const level = Array.from(now, (value, variable) => value - (sums[variable] as number) / span)
    const forecast = at > 0 ? baselines.after(past, at - 1, 1, () => past.ahead[at]) : now
    const innovation = Array.from(scaled, (value, variable) => {
      if (Number.isNaN(value)) return 0
      const error = (value - (forecast[variable] as number)) / this.spread(variable, 1)
      return Math.min(Math.max(error, -mostSpreads), mostSpreads)
    })
    const place = Array.from(now, (value) => Math.tanh(value / 2))
    return [...place, ...level, ...innovation]
  }

  /** Reads a whole track. */
  *table(track: Track, group: number, scaling: Scaling): Sliced<Table> {
    const steps: ReturnType<Features['read']> extends Generator<infer One> ? One[] : never = []
    for (const step of this.read(track, group, scaling)) {
      steps.push(step)
      yield
    }
    const bases: Float32Array[] = []
    for (const [now, step] of steps.entries()) {
      bases.push(this.bases(step, (ahead) => steps[now + ahead]?.ahead))
      yield
    }
    return { steps, scaled: steps.map(({ scaled }) => scaled), ahead: steps.map(({ ahead }) => ahead), bases }
  }

  /** Writes the input of a step, with its linear forecasts; of steps to come that nothing is known of, zeros. */
  write(
    { present, anchor }: Step,
    ahead: (step: number) => Float32Array | undefined,
    bases: Float32Array,
    into: Float32Array,
    at: number,
  ): void {
    into.set(present, at)
    if (this.comingWidth === 0) return
    for (let k = 1; k <= this.settings.horizon; k++) {
      const known = this.aheadWidth > 0 ? ahead(k) : undefined
      if (this.aheadWidth > 0 && !known) continue
      const place = at + this.presentWidth + (k - 1) * this.comingWidth
      if (known) into.set(known, place)
      if (!this.#baselines) continue
      for (const [variable, now] of anchor.entries()) {
        into[place + this.aheadWidth + variable] = (bases[(k - 1) * anchor.length + variable] as number) - now
      }
    }
  }
}

/** A code for each of several groups: ones among zeros, or of many groups random signs, which tell them apart as well. */
function groupCodes(groups: number): Float32Array[] {
  if (groups < 2) return []
  const length = Math.min(groups, longestCode)
  return Array.from({ length: groups }, (_, group) => {
    if (groups <= longestCode) return Float32Array.from({ length }, (_, place) => Number(place === group))
    const next = randomSource(group)
    return Float32Array.from({ length }, () => (next() < 0.5 ? -1 : 1) / Math.sqrt(length))
  })
}
