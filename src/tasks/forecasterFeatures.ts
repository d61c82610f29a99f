import { widthOfAll } from './forecastCovariates.js'
import type { ForecasterSettings } from './forecasterOptions.js'
import { type CalendarFeature, calendarValues, calendarWidth, stepped } from './forecastFrequency.js'
import type { RowFormat } from './forecastRows.js'
import type { Scaling } from './series.js'
import { randomSource } from './split.js'
import type { Track } from './tracks.js'

/** Up to so many groups each has a number of its own; more share as many. */
const longestCode = 32

/** What the network reads of one step, and from where its forecasts go. */
export interface Step {
  readonly present: Float32Array
  /** The last values that were there, scaled; 0 before the first. Forecasts are differences from them. */
  readonly anchor: Float32Array
}

/** What the network reads and learns of a track. */
export interface Table {
  readonly steps: readonly Step[]
  /** The scaled values; NaN where missing. */
  readonly scaled: readonly Float32Array[]
  /** What is known ahead of each step. */
  readonly ahead: readonly Float32Array[]
}

/**
 * Turns steps into what the network reads. Of the step itself: the scaled values (where one is missing, the last that was there), with `fill: 'mask'` a
 * one for each that is not missing, past covariates, what is known ahead of this step, and which group it is. Then, of each step to come, what is
 * known ahead: covariates and what the calendar says.
 */
export class Features {
  readonly aheadWidth: number
  readonly presentWidth: number
  readonly #codes: readonly Float32Array[]

  constructor(
    readonly settings: ForecasterSettings,
    readonly format: RowFormat | undefined,
    readonly calendar: readonly CalendarFeature[],
    groups: number,
  ) {
    const { variables, fill } = settings
    this.aheadWidth = (format ? widthOfAll(format.known) : 0) + calendarWidth(calendar)
    this.#codes = groupCodes(groups)
    const flags = fill === 'mask' ? variables.length : 0
    const past = format ? widthOfAll(format.past) : 0
    this.presentWidth = variables.length + flags + past + this.aheadWidth + (this.#codes[0]?.length ?? 0)
  }

  /** The numbers of one step of the input. */
  get inputWidth(): number {
    return this.presentWidth + this.settings.horizon * this.aheadWidth
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
    for (const [step, row] of track.values.entries()) {
      const scaled = scaling.scale(row)
      const before = anchor
      anchor = scaled.map((value, index) => (Number.isNaN(value) ? (before[index] as number) : value))
      const ahead = this.ahead(track.origin, step, track.known[step])
      const flags = fill === 'mask' ? Array.from(scaled, (value) => Number(!Number.isNaN(value))) : []
      const past = (track.past[step] ?? []).map((x) => (Number.isNaN(x) ? 0 : x))
      const present = Float32Array.of(...anchor, ...flags, ...past, ...ahead, ...(this.#codes[group] ?? []))
      yield { present, anchor, scaled, ahead }
    }
  }

  /** Reads a whole track. */
  table(track: Track, group: number, scaling: Scaling): Table {
    const read = [...this.read(track, group, scaling)]
    return { steps: read, scaled: read.map(({ scaled }) => scaled), ahead: read.map(({ ahead }) => ahead) }
  }

  /** Writes the input of a step; of steps to come that nothing is known of, zeros. */
  write({ present }: Step, ahead: (step: number) => Float32Array | undefined, into: Float32Array, at: number): void {
    into.set(present, at)
    if (this.aheadWidth === 0) return
    for (let k = 1; k <= this.settings.horizon; k++) {
      const known = ahead(k)
      if (known) into.set(known, at + this.presentWidth + (k - 1) * this.aheadWidth)
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
