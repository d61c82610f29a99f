import '../dispose.js'
import type { History } from '../callbacks/callback.js'
import { runSliced, type Sliced } from '../data/slices.js'
import type { Tensor } from '../data/tensor.js'
import { AbortError, describe, reading, SeqloomError } from '../errors.js'
import type { Model, SaveOptions, Session } from '../model/index.js'
import { abortSignal, checkOptions, custom, integer } from '../options.js'
import { fitTask, throwIfAborted } from './fitTask.js'
import { ForecastErrors, type ForecastMeasures } from './forecastErrors.js'
import { calibrate, trusted, uncalibrated, widened } from './forecaster/calibration.js'
import { normalReach } from './forecaster/quantile.js'
import { fitStart } from './forecaster/start.js'
import { Features, type Step, type Table } from './forecasterFeatures.js'
import { forecasterModel, quantileCount, quantileLoss } from './forecasterModel.js'
import {
  type ForecasterOptions,
  type ForecasterSettings,
  forecasterSettings,
  forecasterTraining,
  type TrainForecasterOptions,
} from './forecasterOptions.js'
import { heldOut, workOf } from './forecasterPlan.js'
import { trainingSpans, validationSpans, type Windows, windows } from './forecasterWindows.js'
import { calendarFeatures, stepped } from './forecastFrequency.js'
import {
  type ForecastRow,
  groupName,
  type RowFormat,
  readFirstRows,
  readKnownRows,
  readMoreRows,
} from './forecastRows.js'
import { showTime, type TimeValue, writeTime } from './forecastTime.js'
import { type ForecasterParts, type ForecastGroup, readForecaster, saveForecaster } from './savedForecaster.js'
import { type Observation, readRow, readSeries, type Scaling, type Series } from './series.js'
import { withoutAccuracy } from './taskReports.js'
import { fillGaps, type GroupValue, joined, type Track } from './tracks.js'

/** What a variable will be. */
export interface Forecast {
  /** It will be above and below with equal probability. */
  readonly median: number
  /** The lower end of the interval. */
  readonly lower: number
  /** The upper end of the interval. */
  readonly upper: number
}

/** The forecasts of one step: of each variable, and with `time` and `group` when and for which series. */
export type Forecasts<Name extends string, Time extends string = never, Group extends string = never> = Readonly<
  Record<Name, Forecast> & Record<Time, TimeValue> & Record<Group, GroupValue>
>

/** What a forecaster reads: with `time`, rows of a table; else a series in the order of time. */
export type ForecasterData<Time extends string> = [Time] extends [never] ? Series : readonly ForecastRow[]

/** How far ahead is forecast, and what is known of that time. */
export interface ForecastOptions {
  /** Steps ahead; default and most are those that were trained. */
  readonly horizon?: number
  /** Rows of the steps to come, with time, group and the known covariates; rows of other times are passed over. Needed if there are known covariates. */
  readonly known?: readonly ForecastRow[]
}

/** How many of the last steps are kept, at least: from them a loaded forecaster reads itself into the present. */
const keptSteps = 2048

/** So many windows before what is held out are read with it, as in use everything before is. */
const contextWindows = 8

/** A group that is read to its end: the session has read all steps but the last one, which goes in with what is known ahead of it. */
interface Reading {
  readonly session: Session<Tensor>
  last: Step
}

/**
 * Learns to forecast series of one or many variables: a recurrent network reads them once, step by step, and gives the median and an interval of
 * the next values, learned by the quantile loss. After training it knows all that it was given; {@link update} adds what happens next.
 *
 * Data are arrays in the order of time, or, with the option `time`, rows of a table: then forecasts have dates, `group` tells several series
 * apart, and `covariates` help.
 */
export class Forecaster<
  const Name extends string = 'value',
  const Time extends string = never,
  const Group extends string = never,
> implements Disposable
{
  #settings: ForecasterSettings
  #parts: ForecasterParts | undefined
  #features: Features | undefined
  #readings = new Map<GroupValue | undefined, Reading>()
  readonly #running = new Set<Promise<unknown>>()
  #training = false
  #disposed = false

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: ForecasterOptions<Name, Time, Group> = {}) {
    this.#settings = forecasterSettings(options)
  }

  /** Loads what {@link save} wrote, with the last 2,048 steps that it had read or more. Rejects with `ERR_IO` or `ERR_FORMAT`. */
  static async load<Name extends string = string, Time extends string = never, Group extends string = never>(
    directory: string | URL,
  ): Promise<Forecaster<Name, Time, Group>> {
    const forecaster = new Forecaster<Name, Time, Group>()
    await forecaster.#use(await readForecaster(directory))
    return forecaster
  }

  /** The names of the variables. */
  get variables(): readonly Name[] {
    return this.#settings.variables as readonly Name[]
  }

  /** The field that says when a row was; undefined where series are arrays. */
  get time(): Time | undefined {
    return this.#settings.time as Time | undefined
  }

  /** The field that tells series apart; undefined where there is one series. */
  get group(): Group | undefined {
    return this.#settings.group as Group | undefined
  }

  /** The names of the covariates. */
  get covariates(): { readonly known: readonly string[]; readonly past: readonly string[] } {
    return this.#settings.covariates
  }

  /** What becomes of missing steps and values. */
  get fill(): 'none' | 'linear' | 'last' | 'mask' {
    return this.#settings.fill
  }

  /** How many steps ahead are forecast. */
  get horizon(): number {
    return this.#settings.horizon
  }

  /** Whether there is a model: training has begun, or the forecaster was loaded. */
  get ready(): boolean {
    return this.#parts !== undefined
  }

  /** The model itself; `ERR_STATE` before training. */
  get model(): Model {
    return this.#existing().model
  }

  /**
   * Trains on series and reads them to their ends. Scaling is fitted, for each group by itself, to the part that is trained on, without what is held
   * out at the end. A forecaster that has a model already goes on from its weights and scaling.
   *
   * Rejects with `ERR_DATA` for values that are not finite (naming the step or row), times that are irregular, doubled or missing, and series that are
   * too short, `ERR_OPTION`, `ERR_NUMERIC`, and an AbortError when the signal aborts.
   */
  async train(data: ForecasterData<Time>, options: TrainForecasterOptions = {}): Promise<History> {
    const settings = forecasterTraining(options)
    this.#check()
    if (this.#training) {
      throw new SeqloomError('ERR_STATE', 'Forecaster.train: a training is running already; wait for it')
    }
    this.#training = true
    try {
      return await this.#busy(this.#train(data, settings))
    } finally {
      this.#training = false
    }
  }

  /**
   * What comes after all that was read, one entry for each step ahead, and with `group` for each series: `(await …)[0].value.median` is the next value of a
   * single variable. With `time`, entries have their dates. Errors: `ERR_STATE` before training, `ERR_OPTION` for a horizon beyond the one that was
   * trained, `ERR_DATA` where known covariates of steps to come are missing, naming group and dates.
   */
  forecast(options: number | ForecastOptions = {}): Forecasts<Name, Time, Group>[] {
    const where = 'Forecaster.forecast'
    this.#existing()
    return reading('ERR_DATA', where, () => {
      const { horizon = this.#settings.horizon, known } = typeof options === 'number' ? { horizon: options } : options
      this.#checkForecast(where, { horizon, known })
      return this.#forecastOf(where, [...this.#readings.keys()], horizon, known)
    })
  }

  /**
   * Reads what comes next, a step of a series or one row or more, and returns the forecasts after it, of the series that went on. It takes one step of
   * the network however long the history is. Where covariates are known ahead, `options.known` gives them, else nothing is forecast. With `fill`, values
   * may be missing; instead of drawing a line to what is not known yet, `'linear'` repeats the last value. Errors: `ERR_STATE` before training, `ERR_DATA`.
   */
  update(
    observation: [Time] extends [never] ? Observation : ForecastRow | readonly ForecastRow[],
    options: Omit<ForecastOptions, 'horizon'> = {},
  ): Forecasts<Name, Time, Group>[] {
    const parts = this.#existing()
    const { settings, format } = parts
    const where = 'Forecaster.update'
    this.#checkForecast(where, options)
    const tracks = reading('ERR_DATA', where, (): Track[] => {
      if (format) {
        const rows = Array.isArray(observation) ? observation : [observation]
        return readMoreRows(where, rows, settings, format, (group) => this.#groupOf(where, group).track)
      }
      const last = parts.groups[0]?.track?.values.at(-1)
      const [row] = fillGaps([readRow(where, observation as Observation, settings)], settings.fill, last)
      return [{ group: undefined, origin: 0, values: [row as number[]], known: [], past: [] }]
    })
    for (const track of tracks) {
      const group = this.#groupOf(where, track.group)
      const reading = this.#readings.get(track.group)
      if (!reading || !group.track) continue
      for (const step of this.#featuresNow().read(track, parts.groups.indexOf(group), group.scaling, reading.last)) {
        reading.session.step(presentOf(this.#featuresNow(), reading.last))
        reading.last = step
      }
      group.track = trimmed(joined(group.track, track), format)
    }
    if (settings.covariates.known.length > 0 && options.known === undefined) return []
    return this.#forecastOf(
      where,
      tracks.map(({ group }) => group),
      this.horizon,
      options.known,
    )
  }

  /**
   * Forgets what was read and reads other series of the same kind instead. Rejects with `ERR_STATE` before training and with `ERR_DATA`, also for groups
   * that were not trained on.
   */
  async read(data: ForecasterData<Time>): Promise<void> {
    const parts = this.#existing()
    const { tracks } = this.#readAll('Forecaster.read', data)
    if (tracks.every(({ values }) => values.length === 0)) {
      throw new SeqloomError('ERR_DATA', 'Forecaster.read: the series has no steps')
    }
    const places = tracks.map((track) => this.#groupOf('Forecaster.read', track.group))
    await this.#use({
      ...parts,
      groups: parts.groups.map((group) => {
        const place = places.indexOf(group)
        return { group: group.group, scaling: group.scaling, track: tracks[place] }
      }),
    })
  }

  /**
   * Measures on what comes after all that was read, forecasting at every step from all steps before; what was read stays as it was. One entry for
   * each step ahead, over all groups, with each group's own measures. Rejects with `ERR_STATE` before training, `ERR_DATA`, and an AbortError when
   * the signal aborts.
   */
  async evaluate(
    data: ForecasterData<Time>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Readonly<Record<Name, ForecastMeasures>>[]> {
    const where = 'Forecaster.evaluate'
    checkOptions(where, options, { accepted: { signal: abortSignal } })
    const { settings, format } = this.#existing()
    const tracks = reading('ERR_DATA', where, () =>
      format
        ? readMoreRows(where, data, settings, format, (group) => this.#groupOf(where, group).track)
        : [seriesTrack(where, data as Series, settings, this.#existing().groups[0]?.track)],
    )
    const longest = tracks.reduce((most, { values }) => Math.max(most, values.length), 0)
    if (longest < this.horizon) {
      throw new SeqloomError(
        'ERR_DATA',
        `${where}: the series has ${longest} steps; the horizon of ${this.horizon} needs as many`,
      )
    }
    return await this.#busy(runSliced(this.#measure(tracks), options.signal))
  }

  /** Refuses further calls with `ERR_STATE`, waits for those that run, a training included, and frees the model. */
  async dispose(): Promise<void> {
    this.#disposed = true
    await Promise.allSettled(this.#running)
    this.#free()
    this.#parts = undefined
  }

  /** As {@link dispose}, without waiting. */
  [Symbol.dispose](): void {
    void this.dispose()
  }

  /** Saves the model, its scaling and the last steps that were read in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`, also where the folder holds something else. */
  async save(directory: string | URL, options: SaveOptions = {}): Promise<void> {
    await this.#busy(saveForecaster(directory, this.#existing(), options))
  }

  /** Trains new parts, or a copy of those that there are, and makes them the forecaster's own in the end. */
  async #train(data: ForecasterData<Time>, settings: TrainForecasterOptions): Promise<History> {
    const { signal } = settings
    throwIfAborted(signal)
    const { tracks, format } = this.#readAll('Forecaster.train', data)
    const lengths = tracks.map(({ values }) => values.length)
    const held = heldOut(lengths, this.#settings, settings)
    const ends = lengths.map((length, index) => length - (held.steps[index] as number))
    const known = this.#parts
    const parts = await this.#partsFor(tracks, ends, format, signal)
    const features = featuresOf(parts)
    const tables: Table[] = []
    for (const track of tracks) {
      const place = parts.groups.findIndex(({ group }) => group === track.group)
      const { scaling } = parts.groups[place] as ForecastGroup
      tables.push(await runSliced(features.table(track, place, scaling), signal))
    }
    const { window, interval } = this.#settings
    const spans = trainingSpans(tables, ends, window, features.inputWidth)
    const { x, y, count } = await runSliced(windows(spans, features), signal)
    const heldSpans = validationSpans(tables, ends, contextWindows * window)
    const validation = heldSpans.length > 0 ? await runSliced(windows(heldSpans, features), signal) : undefined
    const trust = settings.validationSplit === 0 ? 1 : trustIn(ends.reduce((sum, end) => sum + end))
    const work = workOf(count, features.aheadWidth > 0 ? 'ahead' : 'plain', settings)
    try {
      const history = await fitTask(
        parts,
        {
          ...{ x, y, rows: count, loss: quantileLoss(interval, reachOf(parts)) },
          validationData: validation && [validation.x, validation.y],
        },
        { ...settings, ...work, ...held.kept, ...withoutAccuracy(settings) },
      )
      await this.#use(await calibrated(parts, validation, trust))
      return history
    } catch (error) {
      // An interrupted training leaves the best so far; one that failed, what there was before.
      if (parts.learned && (error instanceof AbortError || !known))
        await this.#use(await calibrated(parts, validation, trust))
      else parts.model.dispose()
      throw error
    }
  }

  *#measure(tracks: readonly Track[]): Sliced<Readonly<Record<Name, ForecastMeasures>>[]> {
    const { groups } = this.#existing()
    const features = this.#featuresNow()
    const errors = new ForecastErrors(this.variables, this.horizon)
    // What is read meanwhile, or by a training that ends, changes nothing here.
    const begun = tracks.map((track) => {
      const group = this.#groupOf('Forecaster.evaluate', track.group)
      const reading = this.#readings.get(track.group)
      if (!reading)
        throw new SeqloomError(
          'ERR_DATA',
          `Forecaster.evaluate: nothing was read of ${groupName(this.#settings, track.group)}`,
        )
      return { track, group, last: reading.last, session: reading.session.clone() }
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
          const later = track.values.slice(step, step + this.horizon)
          errors.add(track.group, this.#decode(group.scaling, bases, output), this.#unscaled(group.scaling, now), later)
          now = next
          yield
        }
      }
    } finally {
      for (const { session } of begun) session.dispose()
    }
    return errors.measures()
  }

  /** Makes parts the forecaster's own and reads their tracks to the end. */
  async #use(parts: ForecasterParts): Promise<void> {
    const features = featuresOf(parts)
    const readings = await runSliced(readTracks(parts, features))
    this.#free(parts.model)
    this.#parts = parts
    this.#settings = parts.settings
    this.#features = features
    this.#readings = readings
  }

  /** Frees what was read and the model, unless it is the one that stays. */
  #free(staying?: Model): void {
    for (const { session } of this.#readings.values()) session.dispose()
    this.#readings = new Map()
    if (this.#parts && this.#parts.model !== staying) this.#parts.model.dispose()
  }

  /** Work that a disposal waits for. */
  async #busy<T>(work: Promise<T>): Promise<T> {
    this.#running.add(work)
    try {
      return await work
    } finally {
      this.#running.delete(work)
    }
  }

  #readAll(where: string, data: ForecasterData<Time>): { tracks: Track[]; format: RowFormat | undefined } {
    const settings = this.#settings
    return reading('ERR_DATA', where, () => {
      if (settings.time === undefined) {
        return { tracks: [seriesTrack(where, data as Series, settings)], format: undefined }
      }
      const format = this.#parts?.format
      if (format) return { tracks: readMoreRows(where, data, settings, format), format }
      return readFirstRows(where, data, settings)
    })
  }

  /** The parts to train on tracks, of which the first `ends` steps are trained on; those that there are already, with other tracks. */
  async #partsFor(
    tracks: readonly Track[],
    ends: readonly number[],
    format: RowFormat | undefined,
    signal: AbortSignal | undefined,
  ): Promise<ForecasterParts> {
    const settings = this.#settings
    if (this.#parts) {
      const places = tracks.map(({ group }) => this.#groupOf('Forecaster.train', group))
      const groups = this.#parts.groups.map(({ group, scaling }, index) => {
        const place = places.indexOf(this.#parts?.groups[index] as ForecastGroup)
        return { group, scaling, track: tracks[place] }
      })
      return { ...this.#parts, model: this.#parts.model.clone() as Model<Tensor>, groups }
    }
    const span = tracks.reduce((longest, { origin }, index) => {
      if (!format) return 0
      return Math.max(longest, stepped(format.frequency, origin, (ends[index] as number) - 1) - origin)
    }, 0)
    const calendar = format && settings.calendar ? calendarFeatures(format.frequency, format.form, span) : []
    const start = fitStart('Forecaster.train', tracks, ends, settings, format, calendar)
    const { scalings, baselines } = await runSliced(start, signal)
    const groups = tracks.map((track, index): ForecastGroup => {
      return { group: track.group, scaling: scalings[index] as Scaling, track }
    })
    const features = new Features(settings, format, calendar, groups.length, baselines)
    return { model: forecasterModel(features) as Model<Tensor>, settings, format, calendar, baselines, groups }
  }

  #checkForecast(where: string, options: object): void {
    const { time, horizon } = this.#settings
    checkOptions(where, options, {
      accepted: {
        horizon: { ...integer(1, horizon), expected: `an integer from 1 to ${horizon}, which was trained` },
        known:
          time === undefined
            ? custom('left out: only rows with time have covariates', () => false)
            : custom('an array of rows', Array.isArray),
      },
    })
  }

  #forecastOf(
    where: string,
    groups: readonly (GroupValue | undefined)[],
    horizon: number,
    known: readonly ForecastRow[] | undefined,
  ): Forecasts<Name, Time, Group>[] {
    const { format, settings } = this.#existing()
    const read = groups.map((group) => {
      const { track, scaling } = this.#groupOf(where, group)
      const { origin, values } = track as Track
      return { group, origin, end: values.length, scaling, reading: this.#readings.get(group) as Reading }
    })
    const aheadOf =
      format && settings.covariates.known.length > 0 ? this.#knownAhead(where, read, horizon, known, format) : []
    return read.flatMap(({ group, origin, end, scaling, reading }, index) => {
      const features = this.#featuresNow()
      const ahead = Array.from({ length: this.horizon }, (_, step) =>
        features.ahead(origin, end + step, aheadOf[index]?.[step]),
      )
      const session = reading.session.clone()
      try {
        const known = (step: number) => (step <= horizon ? ahead[step - 1] : undefined)
        const bases = features.bases(reading.last, known)
        const output = session.step(inputOf(features, reading.last, known, bases)).data
        const forecasts = this.#decode(scaling, bases, output as Float32Array).slice(0, horizon)
        if (!format) return forecasts as Forecasts<Name, Time, Group>[]
        return forecasts.map((forecast, step) => ({
          [settings.time as string]: writeTime(stepped(format.frequency, origin, end + step), format.form),
          ...(settings.group !== undefined && { [settings.group]: group }),
          ...forecast,
        })) as Forecasts<Name, Time, Group>[]
      } finally {
        session.dispose()
      }
    })
  }

  /** What is known ahead, encoded; `ERR_DATA` naming what is not given. */
  #knownAhead(
    where: string,
    groups: readonly { readonly group: GroupValue | undefined; readonly origin: number; readonly end: number }[],
    horizon: number,
    known: readonly ForecastRow[] | undefined,
    format: RowFormat,
  ): (number[] | undefined)[][] {
    const { settings } = this.#existing()
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

  #unscaled(scaling: Scaling, { anchor }: Step): number[] {
    return Array.from(anchor, (value, variable) => scaling.unscale(value, variable))
  }

  /** Forecasts from the linear ones after a step and the model's outputs. */
  #decode(scaling: Scaling, bases: Float32Array, output: Float32Array): Readonly<Record<Name, Forecast>>[] {
    const { variables, horizon } = this.#settings
    const parts = this.#existing()
    const { calibration } = parts
    const [features, reach] = [this.#featuresNow(), reachOf(parts)]
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

  /** The group that a value names, which must have been trained on. */
  #groupOf(where: string, value: GroupValue | undefined): ForecastGroup {
    const { groups, settings } = this.#existing()
    const found = groups.find(({ group }) => group === value)
    if (found) return found
    const known = groups.slice(0, 10).map(({ group }) => describe(group))
    const more = groups.length > 10 ? ` and ${groups.length - 10} more` : ''
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: ${groupName(settings, value)} was not among those trained on: ${known.join(', ')}${more}; train a forecaster with its rows, too`,
    )
  }

  #featuresNow(): Features {
    this.#existing()
    return this.#features as Features
  }

  #check(): void {
    if (this.#disposed) throw new SeqloomError('ERR_STATE', 'Forecaster: this forecaster was disposed')
  }

  #existing(): ForecasterParts {
    this.#check()
    if (this.#parts) return this.#parts
    throw new SeqloomError('ERR_STATE', 'Forecaster: there is no model yet; call train or Forecaster.load first')
  }
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

/** The input of a step that is only read: what is known ahead of it would change the forecasts, which nobody asks for, and nothing that is remembered. */
function presentOf(features: Features, step: Step): Float32Array {
  const none = () => undefined
  return inputOf(features, step, none, features.aheadWidth > 0 ? step.anchor : features.bases(step, none))
}

const featuresOf = ({ settings, format, calendar, groups, baselines }: ForecasterParts): Features =>
  new Features(settings, format, calendar, groups.length, baselines)

/** How far intervals reach before the network says more, in units of its outputs; those of earlier versions said all. */
const reachOf = ({ baselines, settings }: ForecasterParts): number => (baselines ? normalReach(settings.interval) : 0)

/** How far a network is trusted that nothing was held out from: the fewer steps it has learned from, the less. */
const trustIn = (steps: number): number => steps / (steps + 200)

/** Parts after training, with what held-out values say about their network. */
async function calibrated(parts: ForecasterParts, held: Windows | undefined, trust: number): Promise<ForecasterParts> {
  const { baselines, model, settings } = parts
  if (!baselines) return parts
  const { horizon, interval, variables } = settings
  const shape = { horizon, interval, variables: variables.length, reach: reachOf(parts) }
  const calibration = held
    ? calibrate(await model.predict(held.x), held.y, shape)
    : uncalibrated(trust, horizon, variables.length)
  return { ...parts, calibration }
}

/** An array as the only track; with `before`, it goes on from there. */
function seriesTrack(where: string, series: Series, settings: ForecasterSettings, before?: Track): Track {
  const values = fillGaps(readSeries(where, series, settings), settings.fill, before?.values.at(-1))
  return { group: undefined, origin: 0, values, known: [], past: [] }
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
