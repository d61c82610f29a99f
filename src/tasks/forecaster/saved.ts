import type { Tensor } from '../../data/tensor.js'
import { SeqloomError } from '../../errors.js'
import type { Model } from '../../model/index.js'
import { isRecord } from '../../options.js'
import { restoredSettings, savedSettings } from '../shared/cell.js'
import type { Trainee } from '../shared/keepBest.js'
import { type Saving, taskKind } from '../shared/saved.js'
import { type Baseline, longestBack, Regressors, reachBack } from './baseline.js'
import type { Calibration } from './calibration.js'
import { areEncoders, widthOfAll } from './covariates.js'
import { Features } from './features.js'
import { areCalendarFeatures, type CalendarFeature, isFrequency } from './frequency.js'
import { quantileCount } from './model.js'
import { type ForecasterSettings, forecasterSettings } from './options.js'
import type { RowFormat } from './rows.js'
import { areTransforms, readSeries, Scaling } from './series.js'
import { isTimeForm } from './time.js'
import type { GroupValue, Track } from './tracks.js'

/** A series that a forecaster knows. */
export interface ForecastGroup {
  readonly group: GroupValue | undefined
  readonly scaling: Scaling
  /** The last steps that were read, from which a loaded forecaster goes on; undefined if nothing was read of it. */
  track: Track | undefined
}

/** What a forecaster consists of once there is a model. */
export interface ForecasterParts extends Trainee {
  readonly model: Model<Tensor>
  readonly settings: ForecasterSettings
  /** What was learned about rows; undefined where series are arrays. */
  readonly format: RowFormat | undefined
  readonly calendar: readonly CalendarFeature[]
  /** The linear forecasts that the network corrects; undefined for forecasters of earlier versions. */
  readonly baselines?: readonly Baseline[] | undefined
  /** What was found on held-out values; undefined for forecasters of earlier versions. */
  readonly calibration?: Calibration | undefined
  readonly groups: readonly ForecastGroup[]
}

const forecasterFile = 'forecaster.json'

/** A forecaster is saved with its settings, its scalings and the last steps of its series. */
export const saving: Saving<ForecasterParts> = {
  kind: taskKind('forecasting', 'a forecaster', 'Forecaster', [forecasterFile]),
  contents({ settings, format, calendar, baselines, calibration, groups }) {
    const plain = baselines?.map((one) => ({
      ...one,
      coefficients: plainRows(one.coefficients),
      ...(one.effects && { effects: plainRows(one.effects) }),
    }))
    const saved = {
      ...{ settings: savedSettings(settings), format, calendar, baselines: plain, calibration },
      groups: groups.map(({ group, scaling: { transforms, means, deviations, least }, track }) => ({
        group,
        scaling: { transforms, means, deviations, least },
        track,
      })),
    }
    return { assets: { [forecasterFile]: JSON.stringify(saved) } }
  },
  read(saved) {
    const { folder, model } = saved
    const read = saved.json(forecasterFile)
    const damaged = (why: string) => new SeqloomError('ERR_FORMAT', `${folder}: ${forecasterFile}: ${why}`)
    if (!isRecord(read)) throw damaged('expected an object')
    try {
      const settings = forecasterSettings(restoredSettings(read.settings) as object)
      const format = settings.time === undefined ? undefined : readFormat(read.format, settings)
      const calendar = read.calendar ?? []
      if (!areCalendarFeatures(calendar)) throw damaged('calendar must be a list of features')
      // Before there were groups, a file held the one series.
      const listed = read.groups ?? [
        { scaling: read.scaling, track: { origin: 0, values: read.history, known: [], past: [] } },
      ]
      if (!Array.isArray(listed) || listed.length === 0) throw damaged('groups must be a list')
      const groups = listed.map((group: unknown) => readGroup(group, settings, format))
      if (new Set(groups.map(({ group }) => group)).size < groups.length) throw damaged('a group stands there twice')
      // Widths depend on whether there are linear forecasts, not on which.
      const linear = read.baselines === undefined ? undefined : []
      const { aheadWidth, inputWidth } = new Features(settings, format, calendar, groups.length, linear)
      const outputs = quantileCount * settings.horizon * settings.variables.length
      const {
        inputs: [input],
        outputs: [output],
      } = model.topology()
      const [reads, writes] = [input?.shape.at(-1), output?.shape.at(-1)]
      if (reads !== inputWidth || writes !== outputs) {
        const needed = `${inputWidth} inputs and ${outputs} outputs`
        throw damaged(`its model has ${reads} inputs and ${writes} outputs, a forecaster of these settings ${needed}`)
      }
      const baselines = linear && readBaselines(read.baselines, settings, aheadWidth, groups.length)
      const calibration = baselines && readCalibration(read.calibration, settings)
      if (groups.every(({ track }) => !track)) throw damaged('a forecaster has a history')
      return { model: model as Model<Tensor>, settings, format, calendar, baselines, calibration, groups }
    } catch (error) {
      if (error instanceof SeqloomError && error.code !== 'ERR_FORMAT') throw damaged(error.message)
      throw error
    }
  },
}

const plainRows = (rows: readonly ArrayLike<number>[]) => rows.map((row) => Array.from(row))

const wrong = (what: string): SeqloomError => new SeqloomError('ERR_DATA', what)

function readFormat(saved: unknown, { covariates }: ForecasterSettings): RowFormat {
  const { frequency, form, known, past } = isRecord(saved) ? saved : {}
  if (!isFrequency(frequency) || !isTimeForm(form)) throw wrong('format must have a frequency and the form of times')
  if (!areEncoders(known, covariates.known) || !areEncoders(past, covariates.past)) {
    throw wrong('format must have an encoder for each covariate')
  }
  return { frequency, form, known, past }
}

/** Whether something is an array of so many finite numbers that are accepted. */
const areNumbers = (value: unknown, count: number, accepts: (x: number) => boolean = () => true): value is number[] =>
  Array.isArray(value) && value.length === count && value.every((x) => Number.isFinite(x) && accepts(x))

function readBaselines(
  saved: unknown,
  { variables, horizon }: ForecasterSettings,
  aheadWidth: number,
  groups: number,
): Baseline[] {
  if (!Array.isArray(saved) || saved.length !== variables.length) throw wrong('baselines must be one for each variable')
  return saved.map((one: unknown, variable): Baseline => {
    const { period, seasons, known, coefficients, effects, spread } = isRecord(one) ? one : {}
    const whole = [period, seasons].every(
      (x) => Number.isInteger(x) && (x as number) >= 0 && (x as number) <= longestBack,
    )
    const shape = { period: period as number, seasons: seasons as number, known: known === true }
    if (!whole || (period === 0) !== (seasons === 0) || reachBack(shape) > longestBack) {
      throw wrong('a baseline must have a period and a number of seasons')
    }
    const { width } = new Regressors(shape, variable, aheadWidth)
    const right = Array.isArray(coefficients) && coefficients.length === horizon
    if (!right || !coefficients.every((row) => areNumbers(row, width)) || !areNumbers(spread, horizon, (x) => x > 0)) {
      throw wrong(`a baseline must have ${width} coefficients and a spread for each of ${horizon} steps`)
    }
    if (effects === undefined) return { ...shape, coefficients, spread }
    const forEach = Array.isArray(effects) && effects.length === groups
    if (!forEach || !effects.every((row) => areNumbers(row, aheadWidth))) {
      throw wrong(`a baseline must have ${aheadWidth} effects for each of ${groups} series`)
    }
    return { ...shape, coefficients, effects, spread }
  })
}

function readCalibration(saved: unknown, { variables, horizon }: ForecasterSettings): Calibration {
  const { trust, widths } = isRecord(saved) ? saved : {}
  const right =
    areNumbers(trust, variables.length, (x) => x >= 0 && x <= 1) &&
    Array.isArray(widths) &&
    widths.length === variables.length &&
    widths.every((row) => areNumbers(row, horizon, (x) => x >= 0))
  if (!right) throw wrong('calibration must have trust and widths for each variable')
  return { trust, widths }
}

function readGroup(saved: unknown, settings: ForecasterSettings, format: RowFormat | undefined): ForecastGroup {
  const { group, scaling, track } = isRecord(saved) ? saved : {}
  const named = typeof group === 'string' || typeof group === 'boolean' || Number.isFinite(group)
  if (settings.group === undefined ? group !== undefined : !named) throw wrong('groups must have names if group is set')
  const numbers = (value: unknown, accepts: (x: number) => boolean): number[] => {
    const right = Array.isArray(value) && value.length === settings.variables.length && value.every((x) => accepts(x))
    if (!right) throw wrong('scaling must have a finite number for each variable')
    return value
  }
  const { means, deviations, transforms, least } = isRecord(scaling) ? scaling : {}
  const { variables, transform } = settings
  // Earlier versions had one transform for all variables.
  const chosen = transforms ?? variables.map(() => (transform === 'auto' ? 'none' : transform))
  if (!areTransforms(chosen, variables.length)) throw wrong('scaling must have a transform for each variable')
  return {
    group: group as GroupValue | undefined,
    scaling: new Scaling(
      chosen,
      numbers(means, Number.isFinite),
      numbers(deviations, (x) => Number.isFinite(x) && x > 0),
      least === undefined ? undefined : numbers(least, (x) => Number.isFinite(x) && x >= 0),
    ),
    track: track === undefined ? undefined : readTrack(track, group as GroupValue | undefined, settings, format),
  }
}

function readTrack(
  saved: unknown,
  group: GroupValue | undefined,
  settings: ForecasterSettings,
  format: RowFormat | undefined,
): Track {
  const { origin, values, known, past } = isRecord(saved) ? saved : {}
  if (typeof origin !== 'number' || Math.abs(origin) > 8.64e15) throw wrong('the origin of a series must be a time')
  const read = readSeries('history', values as number[][], settings)
  if (read.length === 0) throw wrong('the history of a series must have steps')
  const rows = (what: string, given: unknown, width: number): number[][] => {
    const right =
      Array.isArray(given) &&
      given.length === (format ? read.length : 0) &&
      given.every(
        (row) => Array.isArray(row) && row.length === width && row.every((x) => x === null || Number.isFinite(x)),
      )
    if (!right) throw wrong(`the ${what} covariates of a series must be ${width} numbers for each step`)
    return given.map((row: (number | null)[]) => row.map((x) => x ?? Number.NaN))
  }
  const widths = { known: format ? widthOfAll(format.known) : 0, past: format ? widthOfAll(format.past) : 0 }
  return {
    group,
    origin,
    values: read,
    known: rows('known', known, widths.known),
    past: rows('past', past, widths.past),
  }
}
