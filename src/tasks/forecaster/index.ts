import type { History } from '../../callbacks/callback.js'
import { runSliced } from '../../data/slices.js'
import { isStreamed } from '../../data/sources.js'
import { inWay } from '../../distributed.js'
import { AbortError, reading, SeqloomError } from '../../errors.js'
import type { Model, QuantizeOptions, SaveOptions } from '../../model/index.js'
import { abortSignal, checkOptions, custom, integer } from '../../options.js'
import type { ForecasterOptions, TrainForecasterOptions } from '../optionTypes.js'
import { fitTask, throwIfAborted } from '../shared/fitTask.js'
import { type RowStream, withRows } from '../shared/rows.js'
import { readTask, saveTask } from '../shared/saved.js'
import { Task } from '../shared/task.js'
import type { Table } from './features.js'
import type { ForecastMeasures } from './measures.js'
import { quantileLoss } from './model.js'
import {
  type ForecasterSettings,
  forecasterOptions,
  forecasterSettings,
  forecasterTraining,
  trainForecasterOptions,
} from './options.js'
import { calibrated, featuresOf, groupOf, partsFor, reachOf, trustIn } from './parts.js'
import { heldOut, workOf } from './plan.js'
import { type Forecast, Reader } from './reader.js'
import { type ForecastRow, type RowFormat, readFirstRows, readMoreRows } from './rows.js'
import { type ForecasterParts, type ForecastGroup, saving } from './saved.js'
import { type Observation, readRow, readSeries, type Series } from './series.js'
import { typedRows } from './texts.js'
import type { TimeValue } from './time.js'
import { fillGaps, type GroupValue, type Track } from './tracks.js'
import { trainingSpans, validationSpans, windows } from './windows.js'

export type { ForecastMeasures, GroupMeasures } from './measures.js'
export type { Covariates } from './options.js'
export type { Forecast } from './reader.js'
export type { ForecastRow } from './rows.js'
export type { Observation, Series } from './series.js'
export type { TimeValue } from './time.js'
export type { GroupValue } from './tracks.js'

/** The forecasts of one step for each variable; with `time` and `group` also its time and series. */
export type Forecasts<Name extends string, Time extends string = never, Group extends string = never> = Readonly<
  Record<Name, Forecast> & Record<Time, TimeValue> & Record<Group, GroupValue>
>

/** What a forecaster reads: with `time`, rows of a table; else a series in chronological order. */
export type ForecasterData<Time extends string> = [Time] extends [never] ? Series : readonly ForecastRow[]

/** What a forecaster takes: its data, or their rows or steps one after another, which it takes into memory. */
export type ForecasterInput<Time extends string> =
  | ForecasterData<Time>
  | RowStream<[Time] extends [never] ? Observation : ForecastRow>

/** How far ahead to forecast, and what is known of the steps to come. */
export interface ForecastOptions {
  /** Steps ahead; by default, and at most, the trained horizon. */
  readonly horizon?: number
  /**
   * Rows of the steps to come, with time, group and the known covariates; rows with other times are ignored. Needed if
   * there are known covariates.
   */
  readonly known?: readonly ForecastRow[]
}

/** This many windows before the held-out part are read with it, since in use everything before is read. */
const contextWindows = 8

/**
 * Learns to forecast series of one or many variables. A recurrent network reads them once, step by step, and gives the
 * median and an interval of the next values, learned with the quantile loss. After training it has read all its data;
 * {@link update} adds what happens next.
 *
 * Data are arrays in chronological order, or, with the option `time`, rows of a table. Then forecasts have dates,
 * `group` distinguishes several series, and `covariates` can help.
 */
export class Forecaster<
  const Name extends string = 'value',
  const Time extends string = never,
  const Group extends string = never,
> extends Task {
  /** @internal The options of its constructor and of `train`. */
  static readonly optionTables = [forecasterOptions, trainForecasterOptions] as const

  #settings: ForecasterSettings
  #reader: Reader | undefined
  readonly #running = new Set<Promise<unknown>>()
  #training = false
  #disposed = false

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: ForecasterOptions<Name, Time, Group> = {}) {
    super()
    this.#settings = forecasterSettings(options)
  }

  /**
   * Loads what {@link save} wrote, including at least the last 2,048 steps that it had read. Rejects with `ERR_IO` or
   * `ERR_FORMAT`.
   */
  static async load<Name extends string = string, Time extends string = never, Group extends string = never>(
    directory: string | URL,
  ): Promise<Forecaster<Name, Time, Group>> {
    const forecaster = new Forecaster<Name, Time, Group>()
    const { parts } = await readTask(saving, directory)
    await forecaster.#use(parts)
    return forecaster
  }

  /** The names of the variables. */
  get variables(): readonly Name[] {
    return this.#settings.variables as readonly Name[]
  }

  /** The field with the time of a row; undefined if series are arrays. */
  get time(): Time | undefined {
    return this.#settings.time as Time | undefined
  }

  /** The field that distinguishes series; undefined if there is one series. */
  get group(): Group | undefined {
    return this.#settings.group as Group | undefined
  }

  /** The names of the covariates. */
  get covariates(): { readonly known: readonly string[]; readonly past: readonly string[] } {
    return this.#settings.covariates
  }

  /** What is done with missing steps and values. */
  get fill(): 'none' | 'linear' | 'last' | 'mask' {
    return this.#settings.fill
  }

  /** How many steps ahead are forecast. */
  get horizon(): number {
    return this.#settings.horizon
  }

  /** Whether there is a model: training has begun, or the forecaster was loaded. */
  get ready(): boolean {
    return this.#reader !== undefined
  }

  /** The model itself; `ERR_STATE` before training. */
  get model(): Model {
    return this.#existing().parts.model
  }

  /**
   * Trains on series and reads them to their ends. Scaling is fitted for each group by itself, to the training part,
   * without what is held out at the end. A forecaster that already has a model continues from its weights and scaling.
   * Of rows that come one after another, such as those of `data.csv`, columns of numbers and truth values may be texts.
   *
   * Rejects with `ERR_DATA` for values that are not finite (naming the step or row), times that are irregular, doubled
   * or missing, and series that are too short, `ERR_OPTION`, `ERR_NUMERIC`, and an AbortError when the signal aborts.
   */
  async train(data: ForecasterInput<Time>, options: TrainForecasterOptions = {}): Promise<History> {
    const settings = forecasterTraining(options)
    this.#check()
    if (this.#training) {
      throw new SeqloomError('ERR_STATE', 'Forecaster.train: a training is running already; wait for it')
    }
    this.#training = true
    try {
      const train = () => this.#whole('Forecaster.train', data, settings.signal, (rows) => this.#train(rows, settings))
      return await this.#busy(inWay('Forecaster.train', settings.distributed, train))
    } finally {
      this.#training = false
    }
  }

  /**
   * Forecasts what comes after all that was read: one entry per step ahead and, with `group`, per series.
   * `forecast()[0].value.median` is the next value of a single variable. With `time`, entries have dates. Errors:
   * `ERR_STATE` before training, `ERR_OPTION` for a horizon beyond the trained one, `ERR_DATA` if known covariates of
   * steps to come are missing, naming the group and the dates.
   */
  forecast(options: number | ForecastOptions = {}): Forecasts<Name, Time, Group>[] {
    const where = 'Forecaster.forecast'
    const reader = this.#existing()
    return reading('ERR_DATA', where, () => {
      const { horizon = this.#settings.horizon, known } = typeof options === 'number' ? { horizon: options } : options
      this.#checkForecast(where, { horizon, known })
      return reader.forecast(where, reader.groups, horizon, known) as Forecasts<Name, Time, Group>[]
    })
  }

  /**
   * Reads what comes next (a step of a series, or one or more rows) and returns the forecasts after it, for the series
   * that continued. This takes one step of the network, however long the history is. If there are covariates that are
   * known ahead, `options.known` gives them; without it nothing is forecast. With `fill`, values may be missing; here
   * `'linear'` repeats the last value, since the next one is not known yet. Errors: `ERR_STATE` before training,
   * `ERR_DATA`.
   */
  update(
    observation: [Time] extends [never] ? Observation : ForecastRow | readonly ForecastRow[],
    options: Omit<ForecastOptions, 'horizon'> = {},
  ): Forecasts<Name, Time, Group>[] {
    const reader = this.#existing()
    const { settings, format, groups } = reader.parts
    const where = 'Forecaster.update'
    this.#checkForecast(where, options)
    const tracks = reading('ERR_DATA', where, (): Track[] => {
      if (format) {
        const rows = Array.isArray(observation) ? observation : [observation]
        return readMoreRows(where, rows, settings, format, (group) => groupOf(where, reader.parts, group).track)
      }
      const last = groups[0]?.track?.values.at(-1)
      const [row] = fillGaps([readRow(where, observation as Observation, settings)], settings.fill, last)
      return [{ group: undefined, origin: 0, values: [row as number[]], known: [], past: [] }]
    })
    reader.update(where, tracks)
    if (settings.covariates.known.length > 0 && options.known === undefined) return []
    const updated = tracks.map(({ group }) => group)
    return reader.forecast(where, updated, this.horizon, options.known) as Forecasts<Name, Time, Group>[]
  }

  /**
   * Forgets what was read and reads other series of the same kind instead. Rejects with `ERR_STATE` before training and
   * with `ERR_DATA`, also for groups that were not trained on.
   */
  async read(data: ForecasterInput<Time>): Promise<void> {
    await this.#whole('Forecaster.read', data, undefined, (rows) => this.#read(rows))
  }

  async #read(data: ForecasterData<Time>): Promise<void> {
    const { parts } = this.#existing()
    const { tracks } = this.#readAll('Forecaster.read', data)
    if (tracks.every(({ values }) => values.length === 0)) {
      throw new SeqloomError('ERR_DATA', 'Forecaster.read: the series has no steps')
    }
    const places = tracks.map((track) => groupOf('Forecaster.read', parts, track.group))
    await this.#use({
      ...parts,
      groups: parts.groups.map((group) => {
        const place = places.indexOf(group)
        return { group: group.group, scaling: group.scaling, track: tracks[place] }
      }),
    })
  }

  /**
   * Measures on what comes after all that was read, forecasting at every step from all steps before it; the
   * forecaster's own state stays as it was. Gives one entry per step ahead, over all groups, with each group's own
   * measures. Rejects with `ERR_STATE` before training, `ERR_DATA`, and an AbortError when the signal aborts.
   */
  async evaluate(
    data: ForecasterInput<Time>,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Readonly<Record<Name, ForecastMeasures>>[]> {
    const where = 'Forecaster.evaluate'
    checkOptions(where, options, { accepted: { signal: abortSignal } })
    return await this.#whole(where, data, options.signal, (rows) => this.#measure(where, rows, options))
  }

  async #measure(
    where: string,
    data: ForecasterData<Time>,
    options: { readonly signal?: AbortSignal },
  ): Promise<Readonly<Record<Name, ForecastMeasures>>[]> {
    const reader = this.#existing()
    const { settings, format, groups } = reader.parts
    const tracks = reading('ERR_DATA', where, () =>
      format
        ? readMoreRows(where, data, settings, format, (group) => groupOf(where, reader.parts, group).track)
        : [seriesTrack(where, data as Series, settings, groups[0]?.track)],
    )
    const longest = tracks.reduce((most, { values }) => Math.max(most, values.length), 0)
    if (longest < this.horizon) {
      throw new SeqloomError(
        'ERR_DATA',
        `${where}: the series has ${longest} steps; the horizon of ${this.horizon} needs as many`,
      )
    }
    const measured = runSliced(reader.measure(where, tracks), options.signal)
    return (await this.#busy(measured)) as Readonly<Record<Name, ForecastMeasures>>[]
  }

  async dispose(): Promise<void> {
    this.#disposed = true
    await Promise.allSettled(this.#running)
    this.#reader?.free()
    this.#reader = undefined
  }

  /**
   * Saves the model, its scaling and the last steps that were read to a folder. Rejects with `ERR_STATE` before
   * training and with `ERR_IO`, also if the folder holds something else.
   */
  async save(directory: string | URL, options: SaveOptions = {}): Promise<void> {
    await this.#busy(saveTask(saving, directory, this.#existing().parts, undefined, options))
  }

  /** Trains new parts, or a copy of those that there are, and makes them the forecaster's own in the end. */
  async #train(data: ForecasterData<Time>, settings: TrainForecasterOptions): Promise<History> {
    const { signal } = settings
    throwIfAborted(signal)
    const { tracks, format } = this.#readAll('Forecaster.train', data)
    const lengths = tracks.map(({ values }) => values.length)
    const held = heldOut(lengths, this.#settings, settings)
    const ends = lengths.map((length, index) => length - (held.steps[index] as number))
    const known = this.#reader?.parts
    const parts = await partsFor(known, this.#settings, tracks, ends, format, signal)
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
        { ...settings, ...work, ...held.kept },
      )
      await this.#use(await calibrated(parts, validation, trust))
      return history
    } catch (error) {
      // An interrupted training leaves the best weights so far; a failed one leaves what was there before.
      if (parts.learned && (error instanceof AbortError || !known))
        await this.#use(await calibrated(parts, validation, trust))
      else parts.model.dispose()
      throw error
    }
  }

  /**
   * The same forecaster with int8 weights, which has read the same series; `train` then is `ERR_UNSUPPORTED`. See
   * {@link Model.quantize}. Rejects with `ERR_STATE` before training and while it is working, and with `ERR_OPTION`.
   */
  async quantize(options: QuantizeOptions = {}): Promise<this> {
    const { parts } = this.#existing()
    const made = new Forecaster<Name, Time, Group>()
    await made.#use({ ...parts, model: parts.model.quantize(options) })
    return made as this
  }

  /**
   * Does work on data, those that come one after another once all are in memory, with the numbers that their texts are:
   * tables may have texts alone.
   */
  async #whole<T>(
    where: string,
    data: ForecasterInput<Time>,
    signal: AbortSignal | undefined,
    work: (data: ForecasterData<Time>) => Promise<T>,
  ): Promise<T> {
    if (!isStreamed(data)) return await work(data as ForecasterData<Time>)
    return await withRows(where, data as RowStream<ForecastRow>, signal, async (rows, decimal) => {
      const isSeries = this.#settings.time === undefined
      const { format } = this.#reader?.parts ?? {}
      const read = isSeries ? rows : typedRows(where, rows, this.#settings, decimal, format)
      return await work(read as ForecasterData<Time>)
    })
  }

  /** Takes over new parts and reads their tracks to the end. */
  async #use(parts: ForecasterParts): Promise<void> {
    const reader = await Reader.of(parts)
    this.#reader?.free(parts.model)
    this.#reader = reader
    this.#settings = parts.settings
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
      const format = this.#reader?.parts.format
      if (format) return { tracks: readMoreRows(where, data, settings, format), format }
      return readFirstRows(where, data, settings)
    })
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

  #check(): void {
    if (this.#disposed) throw new SeqloomError('ERR_STATE', 'Forecaster: this forecaster was disposed')
  }

  #existing(): Reader {
    this.#check()
    if (this.#reader) return this.#reader
    throw new SeqloomError('ERR_STATE', 'Forecaster: there is no model yet; call train or Forecaster.load first')
  }
}

/** An array as the only track; with `before`, it goes on from there. */
function seriesTrack(where: string, series: Series, settings: ForecasterSettings, before?: Track): Track {
  const values = fillGaps(readSeries(where, series, settings), settings.fill, before?.values.at(-1))
  return { group: undefined, origin: 0, values, known: [], past: [] }
}
