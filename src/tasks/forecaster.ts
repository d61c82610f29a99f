import type { History } from '../callbacks/callback.js'
import { runSliced, type Sliced } from '../data/slices.js'
import type { Tensor } from '../data/tensor.js'
import { describe, SeqloomError } from '../errors.js'
import type { Prediction, SaveOptions, Sequential, Session } from '../model/index.js'
import { abortSignal, checkOptions } from '../options.js'
import { fitTask, throwIfAborted } from './fitTask.js'
import { ForecastErrors, type ForecastMeasures } from './forecastErrors.js'
import { forecasterModel, quantileCount, quantileLoss, windows } from './forecasterModel.js'
import {
  type ForecasterOptions,
  type ForecasterSettings,
  forecasterSettings,
  forecasterTraining,
  type TrainForecasterOptions,
} from './forecasterOptions.js'
import { type ForecasterParts, readForecaster, saveForecaster } from './savedForecaster.js'
import { type Observation, readRow, readSeries, Scaling, type Series } from './series.js'
import { withoutAccuracy } from './taskReports.js'

/** What a variable will be. */
export interface Forecast {
  /** It will be above and below with equal probability. */
  readonly median: number
  /** The lower end of the interval. */
  readonly lower: number
  /** The upper end of the interval. */
  readonly upper: number
}

/** How many of the last steps are kept, at least: from them a loaded forecaster reads itself into the present. */
const keptSteps = 2048

/**
 * Learns to forecast a series of one or many variables: a recurrent network reads it once, step by step, and gives the median and an interval of
 * the next values, learned by the quantile loss. After training it knows the whole series that it was given; {@link update} adds what happens next.
 */
export class Forecaster<const Name extends string = 'value'> {
  #settings: ForecasterSettings
  #parts: ForecasterParts | undefined
  #session: Session | undefined
  #latest: Float32Array | undefined

  /** `ERR_OPTION` for options that are unknown or out of range. */
  constructor(options: ForecasterOptions<Name> = {}) {
    this.#settings = forecasterSettings(options)
  }

  /** Loads what {@link save} wrote, with the last 2,048 steps that it had read or more. Rejects with `ERR_IO` or `ERR_FORMAT`. */
  static async load<Name extends string = string>(directory: string | URL): Promise<Forecaster<Name>> {
    const forecaster = new Forecaster<Name>()
    forecaster.#parts = await readForecaster(directory)
    forecaster.#settings = forecaster.#parts.settings
    await forecaster.#begin(forecaster.#parts.history)
    return forecaster
  }

  /** The names of the variables. */
  get variables(): readonly Name[] {
    return this.#settings.variables as readonly Name[]
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
  get model(): Sequential {
    return this.#existing().model
  }

  /**
   * Trains on a series and reads it to its end. Scaling is fitted to the part that is trained on, without the validation part at the end. A
   * forecaster that has a model already goes on from its weights and scaling.
   *
   * Rejects with `ERR_DATA` for values that are not finite (naming the step) and series that are too short, `ERR_OPTION`, `ERR_NUMERIC`, and an
   * AbortError when the signal aborts.
   */
  async train(series: Series, options: TrainForecasterOptions = {}): Promise<History> {
    const settings = forecasterTraining(options)
    const rows = readSeries('Forecaster.train', series, this.#settings)
    throwIfAborted(settings.signal)
    const held = Math.round(rows.length * settings.validationSplit)
    const [training, last] = [rows.slice(0, rows.length - held), rows.slice(rows.length - held)]
    const scaling = this.#parts?.scaling ?? Scaling.fit(training, this.#settings.transform)
    const { x, y, count } = windows('training part', training, scaling, this.#settings)
    const validation = held > 0 ? windows('validation part', last, scaling, this.#settings) : undefined
    const model = this.#parts?.model ?? forecasterModel(this.#settings)
    const parts: ForecasterParts = { model, settings: this.#settings, scaling, history: rows }
    try {
      return await fitTask(
        parts,
        {
          ...{ x, y, rows: count, loss: quantileLoss(this.#settings.interval) },
          validationData: validation && [validation.x, validation.y],
        },
        { ...settings, ...withoutAccuracy(settings) },
      )
    } finally {
      this.#parts = parts
      await this.#begin(rows)
    }
  }

  /**
   * What comes after all that was read, one entry for each step ahead: `(await …)[0].value.median` is the next value of a single variable. Errors:
   * `ERR_STATE` before training, `ERR_OPTION` for a horizon beyond the one that was trained.
   */
  forecast(horizon: number = this.#settings.horizon): Readonly<Record<Name, Forecast>>[] {
    this.#existing()
    if (!Number.isInteger(horizon) || horizon < 1 || horizon > this.#settings.horizon) {
      throw new SeqloomError(
        'ERR_OPTION',
        `Forecaster.forecast: the horizon must be an integer from 1 to ${this.#settings.horizon}, which was trained, not ${describe(horizon)}`,
      )
    }
    return this.#decode(this.#last(), this.#latest as Float32Array).slice(0, horizon)
  }

  /**
   * Reads the next step, a number for one variable or a row, and returns the forecast after it. It takes one step of the network however long the
   * history is. Errors: `ERR_STATE` before training, `ERR_DATA`.
   */
  update(observation: Observation): Readonly<Record<Name, Forecast>>[] {
    const parts = this.#existing()
    const row = readRow('Forecaster.update', observation, this.#settings)
    this.#latest = outputOf((this.#session as Session).step(parts.scaling.scale(row)))
    parts.history.push(row)
    if (parts.history.length > 2 * keptSteps) parts.history = parts.history.slice(-keptSteps)
    return this.forecast()
  }

  /** Forgets what was read and reads another series of the same kind instead. Errors: `ERR_STATE` before training, `ERR_DATA`. */
  async read(series: Series): Promise<void> {
    const parts = this.#existing()
    const rows = readSeries('Forecaster.read', series, this.#settings)
    if (rows.length === 0) throw new SeqloomError('ERR_DATA', 'Forecaster.read: the series has no steps')
    parts.history = rows
    await this.#begin(rows)
  }

  /**
   * Measures on what comes after all that was read, forecasting at every step from all steps before; what was read stays as it was. One entry for
   * each step ahead. Rejects with `ERR_STATE` before training, `ERR_DATA`, and an AbortError when the signal aborts.
   */
  async evaluate(
    series: Series,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Readonly<Record<Name, ForecastMeasures>>[]> {
    checkOptions('Forecaster.evaluate', options, { accepted: { signal: abortSignal } })
    this.#existing()
    const rows = readSeries('Forecaster.evaluate', series, this.#settings)
    if (rows.length < this.horizon) {
      throw new SeqloomError(
        'ERR_DATA',
        `Forecaster.evaluate: the series has ${rows.length} steps; the horizon of ${this.horizon} needs as many`,
      )
    }
    const session = (this.#session as Session).clone()
    try {
      return await runSliced(this.#measure(session, rows), options.signal)
    } finally {
      session.dispose()
    }
  }

  /** Saves the model, its scaling and the last steps that were read in a folder. Rejects with `ERR_STATE` before training and with `ERR_IO`, also where the folder holds something else. */
  async save(directory: string | URL, options: SaveOptions = {}): Promise<void> {
    await saveForecaster(directory, this.#existing(), options)
  }

  *#measure(session: Session, rows: readonly number[][]): Sliced<Readonly<Record<Name, ForecastMeasures>>[]> {
    const { scaling } = this.#existing()
    const errors = new ForecastErrors(this.variables, this.horizon)
    let [now, output] = [this.#last(), this.#latest as Float32Array]
    for (const [step, row] of rows.entries()) {
      errors.add(this.#decode(now, output), now, rows.slice(step, step + this.horizon))
      output = outputOf(session.step(scaling.scale(row)))
      now = row
      yield
    }
    return errors.measures()
  }

  /** Begins a session and reads the last steps. */
  async #begin(rows: number[][]): Promise<void> {
    const parts = this.#existing()
    this.#session?.dispose()
    const session = parts.model.session()
    this.#session = session
    parts.history = rows.slice(-keptSteps)
    const read = function* (this: Forecaster<Name>): Sliced<void> {
      for (const row of parts.history) {
        this.#latest = session.step(parts.scaling.scale(row)).data as Float32Array
        yield
      }
    }
    await runSliced(read.call(this))
  }

  #last(): readonly number[] {
    return this.#existing().history.at(-1) as number[]
  }

  /** Forecasts from the model's outputs after the step `now`. */
  #decode(now: readonly number[], output: Float32Array): Readonly<Record<Name, Forecast>>[] {
    const { scaling } = this.#existing()
    const { variables, horizon } = this.#settings
    const scaled = scaling.scale(now)
    const block = horizon * variables.length
    return Array.from({ length: horizon }, (_, ahead) => {
      const entries = variables.map((name, variable) => {
        const place = ahead * variables.length + variable
        const found = Array.from({ length: quantileCount }, (_, q) => output[q * block + place] as number)
        // Learned separately, quantiles may cross.
        const [lower, median, upper] = found
          .sort((a, b) => a - b)
          .map((change) => scaling.unscale((scaled[variable] as number) + change, variable))
        return [name, { median, lower, upper }]
      })
      return Object.fromEntries(entries)
    })
  }

  #existing(): ForecasterParts {
    if (this.#parts) return this.#parts
    throw new SeqloomError('ERR_STATE', 'Forecaster: there is no model yet; call train or Forecaster.load first')
  }
}

/** The values of a model's only output. */
function outputOf(prediction: Prediction): Float32Array {
  return (prediction as Tensor).data as Float32Array
}
