import { runSliced, type Sliced } from '../../data/slices.js'
import type { Tensor } from '../../data/tensor.js'
import { SeqloomError } from '../../errors.js'
import type { Session } from '../../model/index.js'
import { trusted, widened } from './calibration.js'
import type { Features, Step } from './features.js'
import { stepped } from './frequency.js'
import { ForecastErrors, type ForecastMeasures } from './measures.js'
import { quantileCount } from './model.js'
import { featuresOf, groupOf, reachOf } from './parts.js'
import { type ForecastRow, groupName, type RowFormat, readKnownRows } from './rows.js'
import type { ForecasterParts } from './saved.js'
import type { Scaling } from './series.js'
import { showTime, writeTime } from './time.js'
import { type GroupValue, joined, type Track } from './tracks.js'

/** The forecast of a variable. */
export interface Forecast {
  /** The value that is exceeded with probability one half. */
  readonly median: number
  /** The lower end of the interval. */
  readonly lower: number
  /** The upper end of the interval. */
  readonly upper: number
}

/** At least this many of the last steps are kept, from which a loaded forecaster rebuilds its state. */
const keptSteps = 2048

/**
 * A group that has been read to its end. The session has read all steps except the last one, which is read together
 * with what is known ahead of it.
 */
interface Reading {
  readonly session: Session<Tensor>
  last: Step
}

/** A trained forecaster that has read its series to their ends: what forecasts, and reads on. */
export class Reader {
  readonly parts: ForecasterParts
  readonly #features: Features
  readonly #readings: ReadonlyMap<GroupValue | undefined, Reading>

  private constructor(
    parts: ForecasterParts,
    features: Features,
    readings: ReadonlyMap<GroupValue | undefined, Reading>,
  ) {
    this.parts = parts
    this.#features = features
    this.#readings = readings
  }

  /** Reads the tracks of all groups. */
  static async of(parts: ForecasterParts): Promise<Reader> {
    const features = featuresOf(parts)
    return new Reader(parts, features, await runSliced(readTracks(parts, features)))
  }

  /** The groups of which something was read. */
  get groups(): (GroupValue | undefined)[] {
    return [...this.#readings.keys()]
  }

  /** Reads tracks that go on from what was read. */
  update(where: string, tracks: readonly Track[]): void {
    const { format, groups } = this.parts
    for (const track of tracks) {
      const group = groupOf(where, this.parts, track.group)
      const read = this.#readings.get(track.group)
      if (!read || !group.track) continue
      for (const step of this.#features.read(track, groups.indexOf(group), group.scaling, read.last)) {
        read.session.step(presentOf(this.#features, read.last))
        read.last = step
      }
      group.track = trimmed(joined(group.track, track), format)
    }
  }

  /** What comes after all that was read of some groups; `horizon` steps, with what is known of them. `ERR_DATA`. */
  forecast(
    where: string,
    groups: readonly (GroupValue | undefined)[],
    horizon: number,
    known: readonly ForecastRow[] | undefined,
  ): Record<string, unknown>[] {
    const { format, settings } = this.parts
    const features = this.#features
    const read = groups.map((group) => {
      const { track, scaling } = groupOf(where, this.parts, group)
      const { origin, values } = track as Track
      return { group, origin, end: values.length, scaling, ...(this.#readings.get(group) as Reading) }
    })
    const aheadOf =
      format && settings.covariates.known.length > 0 ? this.#knownAhead(where, read, horizon, known, format) : []
    return read.flatMap(({ group, origin, end, scaling, session: present, last }, index) => {
      const ahead = Array.from({ length: settings.horizon }, (_, step) =>
        features.ahead(origin, end + step, aheadOf[index]?.[step]),
      )
      const session = present.clone()
      try {
        const known = (step: number) => (step <= horizon ? ahead[step - 1] : undefined)
        const bases = features.bases(last, known)
        const output = session.step(inputOf(features, last, known, bases)).data
        const forecasts = this.#decode(scaling, bases, output as Float32Array).slice(0, horizon)
        if (!format) return forecasts
        return forecasts.map((forecast, step) => ({
          [settings.time as string]: writeTime(stepped(format.frequency, origin, end + step), format.form),
          ...(settings.group !== undefined && { [settings.group]: group }),
          ...forecast,
        }))
      } finally {
        session.dispose()
      }
    })
  }

  /**
   * Measures on tracks that go on from what was read, forecasting at every step from all steps before it. What was read
   * stays as it was.
   */
  *measure(where: string, tracks: readonly Track[]): Sliced<Readonly<Record<string, ForecastMeasures>>[]> {
    const { groups, settings } = this.parts
    const { variables, horizon } = settings
    const features = this.#features
    const errors = new ForecastErrors(variables, horizon)
    // What is read meanwhile, or by a training that ends, changes nothing here.
    const begun = tracks.map((track) => {
      const group = groupOf(where, this.parts, track.group)
      const read = this.#readings.get(track.group)
      if (!read) throw new SeqloomError('ERR_DATA', `${where}: nothing was read of ${groupName(settings, track.group)}`)
      return { track, group, last: read.last, session: read.session.clone() }
    })
    try {
      for (const { track, group, last, session } of begun) {
        const steps = [...features.read(track, groups.indexOf(group), group.scaling, last)]
        let now = last
        for (const [step, next] of steps.entries()) {
          const known = (ahead: number) => steps[step + ahead - 1]?.ahead
          const bases = features.bases(now, known)
          const input = inputOf(features, now, known, bases)
          const output = session.step(input).data as Float32Array
          const later = track.values.slice(step, step + horizon)
          errors.add(track.group, this.#decode(group.scaling, bases, output), unscaled(group.scaling, now), later)
          now = next
          yield
        }
      }
    } finally {
      for (const { session } of begun) session.dispose()
    }
    return errors.measures()
  }

  /** Frees what was read, and the model unless it is `staying`. */
  free(staying?: ForecasterParts['model']): void {
    for (const { session } of this.#readings.values()) session.dispose()
    if (this.parts.model !== staying) this.parts.model.dispose()
  }

  /** What is known ahead, encoded; `ERR_DATA` naming what is not given. */
  #knownAhead(
    where: string,
    groups: readonly { readonly group: GroupValue | undefined; readonly origin: number; readonly end: number }[],
    horizon: number,
    known: readonly ForecastRow[] | undefined,
    format: RowFormat,
  ): (number[] | undefined)[][] {
    const { settings } = this.parts
    const found = known === undefined ? groups.map(() => []) : readKnownRows(where, known, settings, format, groups)
    const missing = groups.flatMap(({ group, origin, end }, index) => {
      const steps = Array.from({ length: horizon }, (_, step) => step).filter(
        (step) => found[index]?.[step] === undefined,
      )
      if (steps.length === 0) return []
      const at = (step: number) => showTime(stepped(format.frequency, origin, end + step), format.form)
      const whose = settings.group === undefined ? '' : `${groupName(settings, group)}: `
      const [first, last] = [steps[0] as number, steps.at(-1) as number]
      return [
        `${whose}${first === last ? at(first) : `${at(first)} to ${at(last)}`} (${steps.length} ${steps.length === 1 ? 'step' : 'steps'})`,
      ]
    })
    if (missing.length === 0) return found
    const shown = missing.slice(0, 5).join('; ')
    const more = missing.length > 5 ? `; and ${missing.length - 5} other groups` : ''
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: known needs rows with ${settings.covariates.known.join(', ')} for all steps to come; there are none of ${shown}${more}`,
    )
  }

  /** Forecasts from the linear ones after a step and the model's outputs. */
  #decode(scaling: Scaling, bases: Float32Array, output: Float32Array): Readonly<Record<string, Forecast>>[] {
    const { settings, calibration } = this.parts
    const { variables, horizon } = settings
    const [features, reach] = [this.#features, reachOf(this.parts)]
    const block = horizon * variables.length
    return Array.from({ length: horizon }, (_, ahead) => {
      const entries = variables.map((name, variable) => {
        const place = ahead * variables.length + variable
        const found = Array.from({ length: quantileCount }, (_, q) => output[q * block + place] as number)
        const said = trusted(found, calibration?.trust[variable] ?? 1, reach)
        const changes = calibration ? widened(said, calibration.widths[variable]?.[ahead] as number) : said
        const value = (change: number) =>
          scaling.unscale((bases[place] as number) + change * features.spread(variable, ahead + 1), variable)
        return [name, { median: value(changes.median), lower: value(changes.lower), upper: value(changes.upper) }]
      })
      return Object.fromEntries(entries)
    })
  }
}

function unscaled(scaling: Scaling, { anchor }: Step): number[] {
  return Array.from(anchor, (value, variable) => scaling.unscale(value, variable))
}

/** The input of a step, with what is known ahead of it. */
function inputOf(
  features: Features,
  step: Step,
  ahead: (step: number) => Float32Array | undefined,
  bases: Float32Array,
): Float32Array {
  const into = new Float32Array(features.inputWidth)
  features.write(step, ahead, bases, into, 0)
  return into
}

/**
 * The input of a step that is only read: what is known ahead of it would change the forecasts, which nobody asks for,
 * and nothing that is remembered.
 */
function presentOf(features: Features, step: Step): Float32Array {
  const none = () => undefined
  return inputOf(features, step, none, features.aheadWidth > 0 ? step.anchor : features.bases(step, none))
}

/** Reads all steps of the tracks but the last, each in a session of its own. */
function* readTracks(parts: ForecasterParts, features: Features): Sliced<Map<GroupValue | undefined, Reading>> {
  const readings = new Map<GroupValue | undefined, Reading>()
  for (const [index, { group, scaling, track }] of parts.groups.entries()) {
    if (!track) continue
    const session = parts.model.session()
    let last: Step | undefined
    for (const step of features.read(track, index, scaling)) {
      if (last) {
        session.step(presentOf(features, last))
      }
      last = step
      yield
    }
    if (last) readings.set(group, { session, last })
  }
  return readings
}

/** A track's last steps, once there are twice as many as are kept. */
function trimmed(track: Track, format: RowFormat | undefined): Track {
  const { length } = track.values
  if (length <= 2 * keptSteps) return track
  const from = length - keptSteps
  return {
    ...track,
    origin: format ? stepped(format.frequency, track.origin, from) : track.origin,
    values: track.values.slice(from),
    known: track.known.slice(from),
    past: track.past.slice(from),
  }
}
