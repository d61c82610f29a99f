import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import { notRows } from '../shared/rows.js'
import { type CovariateEncoder, encodeCovariate, fitCovariate, isMissing, widthOf, widthOfAll } from './covariates.js'
import { type Frequency, inferFrequency, stepped, stepsBetween } from './frequency.js'
import type { ForecasterSettings } from './options.js'
import { readValue } from './series.js'
import { isCalendar, readTimes, showTime, type TimeForm } from './time.js'
import { fillGaps, type GroupValue, type Track } from './tracks.js'

/** A row of a table: its fields by name. */
export type ForecastRow = Readonly<Record<string, unknown>>

/** What was learned about time and covariates of rows. */
export interface RowFormat {
  readonly frequency: Frequency
  readonly form: TimeForm
  readonly known: readonly CovariateEncoder[]
  readonly past: readonly CovariateEncoder[]
}

/** The rows of one group in the order of time, without their values. */
interface Placed {
  readonly group: GroupValue | undefined
  /** Each row's number among those given, and its time. */
  readonly rows: { readonly index: number; readonly time: number }[]
}

/**
 * Reads rows to train on: how their time goes on, how covariates are encoded, and a track for each group. `ERR_DATA`,
 * naming rows.
 */
export function readFirstRows(
  where: string,
  rows: unknown,
  settings: ForecasterSettings,
): { format: RowFormat; tracks: Track[] } {
  const { table, form, placed } = placeRows(where, rows, settings, [...settings.variables, ...covariates(settings)])
  const { covariates: names } = settings
  const series = placed.map((group) => group.rows.map(({ time }) => time))
  if (series.every((times) => times.length < 2)) {
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: ${settings.group === undefined ? 'there is' : 'every group has'} only one row`,
    )
  }
  const frequency = inferFrequency(series, form)
  if (!frequency) throw irregular(where, placed, form, settings)
  const fit = (name: string) =>
    fitCovariate(
      where,
      name,
      table.map((row) => row[name]),
    )
  const format = { frequency, form, known: names.known.map(fit), past: names.past.map(fit) }
  return { format, tracks: placed.map((group) => track(where, table, group, settings, format)) }
}

/** Reads rows that are like those of the training. `ERR_DATA`, naming rows. */
export function readMoreRows(
  where: string,
  rows: unknown,
  settings: ForecasterSettings,
  format: RowFormat,
  last: (group: GroupValue | undefined) => Track | undefined = () => undefined,
): Track[] {
  const read = placeRows(where, rows, settings, [...settings.variables, ...covariates(settings)], format.form)
  return read.placed.map((group) => track(where, read.table, group, settings, format, last(group.group)))
}

/** What is known of steps to come, by group and step, encoded; rows of other steps are passed over. */
export function readKnownRows(
  where: string,
  rows: unknown,
  settings: ForecasterSettings,
  format: RowFormat,
  groups: readonly { readonly group: GroupValue | undefined; readonly origin: number; readonly end: number }[],
): (number[] | undefined)[][] {
  const { table, placed } = placeRows(where, rows, settings, settings.covariates.known, format.form)
  const found = groups.map((): (number[] | undefined)[] => [])
  for (const { group, rows: ofGroup } of placed) {
    const place = groups.findIndex((one) => one.group === group)
    const { origin, end } = groups[place] ?? { origin: 0, end: 0 }
    if (place < 0) {
      const row = ofGroup[0]?.index
      throw new SeqloomError('ERR_DATA', `${where}: row ${row}: there is no ${groupName(settings, group)} to forecast`)
    }
    for (const { index, time } of ofGroup) {
      const steps = stepOf(where, index, time, format, origin, settings)
      const ahead = steps - end
      if (ahead < 0 || ahead >= settings.horizon) continue
      const row = table[index] as ForecastRow
      const values = format.known.map((encoder) => {
        const value = row[encoder.name]
        if (!isMissing(value)) return encodeCovariate(`${where}: row ${index}`, encoder, value)
        throw new SeqloomError(
          'ERR_DATA',
          `${where}: row ${index} has no ${encoder.name}, which must be known for steps to come`,
        )
      })
      ;(found[place] as (number[] | undefined)[])[ahead] = values.flat()
    }
  }
  return found
}

const covariates = ({ covariates: { known, past } }: ForecasterSettings): string[] => [...known, ...past]

/** The words for a group in messages. */
export const groupName = ({ group }: Pick<ForecasterSettings, 'group'>, value: unknown): string =>
  `${group ?? 'group'} ${describe(value)}`

/**
 * Checks that rows are objects with the fields, reads their times and sorts those of each group; the same time twice is
 * `ERR_DATA`.
 */
function placeRows(
  where: string,
  rows: unknown,
  settings: ForecasterSettings,
  fields: readonly string[],
  like?: TimeForm,
) {
  const { time, group } = settings
  const needed = [time as string, ...(group === undefined ? [] : [group]), ...fields]
  if (!Array.isArray(rows)) {
    throw notRows(where, `rows { ${needed.join(', ')} }`, rows)
  }
  if (rows.length === 0) throw new SeqloomError('ERR_DATA', `${where}: there are no rows`)
  for (let index = 0; index < rows.length; index++) {
    const row: unknown = rows[index]
    if (!isRecord(row)) {
      throw new SeqloomError(
        'ERR_DATA',
        `${where}: row ${index} must be an object { ${needed.join(', ')} }, not ${describe(row)}`,
      )
    }
  }
  const table = rows as readonly ForecastRow[]
  for (const field of needed) {
    if (table.some((row) => row[field] !== undefined)) continue
    const has = Object.keys(table[0] as ForecastRow).slice(0, 20)
    throw new SeqloomError('ERR_DATA', `${where}: no row has a field '${field}'; row 0 has ${has.join(', ') || 'none'}`)
  }
  const { values: times, form } = readTimes(
    where,
    time as string,
    table.map((row) => row[time as string]),
    like,
  )
  if (like && isCalendar(form) !== isCalendar(like)) {
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: ${time} must be ${isCalendar(like) ? 'a date' : 'a number'}, as in training, not ${showTime(times[0] as number, form)}`,
    )
  }
  const groups = new Map<GroupValue | undefined, Placed>()
  for (const [index, row] of table.entries()) {
    const value = group === undefined ? undefined : readGroup(`${where}: row ${index}: ${group}`, row[group])
    const known = groups.get(value)
    const place = { index, time: times[index] as number }
    if (known) known.rows.push(place)
    else groups.set(value, { group: value, rows: [place] })
  }
  const placed = [...groups.values()]
  for (const one of placed) {
    one.rows.sort((a, b) => a.time - b.time || a.index - b.index)
    const twice = one.rows.findIndex(({ time: at }, index) => index > 0 && at === one.rows[index - 1]?.time)
    if (twice < 0) continue
    const [first, second] = [one.rows[twice - 1], one.rows[twice]]
    const whose =
      group === undefined
        ? '; rows of several series need group, the field that tells them apart'
        : ` for ${groupName(settings, one.group)}`
    const when = showTime(first?.time as number, form)
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: rows ${first?.index} and ${second?.index} are both of ${when}${whose}`,
    )
  }
  return { table, form, placed }
}

function readGroup(where: string, value: unknown): GroupValue {
  if (typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value)) return value as GroupValue
  throw new SeqloomError('ERR_DATA', `${where} must be a text or a number, not ${describe(value)}`)
}

/** How many steps a row's time lies after the first step of its group; `ERR_DATA` if it is none. */
function stepOf(
  where: string,
  index: number,
  time: number,
  { frequency, form }: RowFormat,
  origin: number,
  settings: ForecasterSettings,
): number {
  const steps = stepsBetween(frequency, origin, time)
  if (steps !== undefined) return steps
  const near = showTime(stepped(frequency, origin, Math.max(0, Math.round(nearSteps(frequency, origin, time)))), form)
  throw new SeqloomError(
    'ERR_DATA',
    `${where}: row ${index}: ${settings.time} ${showTime(time, form)} is no step of this series, which goes on by ${showFrequency(frequency, form)}; a step nearby is ${near}`,
  )
}

const nearSteps = (frequency: Frequency, origin: number, time: number): number => {
  const next = stepped(frequency, origin, 1) - origin
  return (time - origin) / next
}

/** The words for a frequency. */
export function showFrequency(frequency: Frequency, form: TimeForm): string {
  if (frequency.unit === 'month') {
    return frequency.every === 1 ? 'months' : `${frequency.every} months`
  }
  if (frequency.unit === 'weekday') {
    const names = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
    return `days that are ${frequency.weekdays.map((on) => names[on]).join(', ')}`
  }
  if (!isCalendar(form)) return String(frequency.every)
  const units = [
    ['weeks', 604_800_000],
    ['days', 86_400_000],
    ['hours', 3_600_000],
    ['minutes', 60_000],
    ['seconds', 1000],
    ['milliseconds', 1],
  ] as const
  const [unit, size] = units.find(([, each]) => frequency.every % each === 0) ?? ['milliseconds', 1]
  return frequency.every === size ? unit : `${frequency.every / size} ${unit}`
}

/** The values of a group's rows on its steps. With `before`, they go on from there; gaps are reported, or filled. */
function track(
  where: string,
  table: readonly ForecastRow[],
  { group, rows }: Placed,
  settings: ForecasterSettings,
  format: RowFormat,
  before?: Track,
): Track {
  const { variables, fill } = settings
  const [first] = rows as [Placed['rows'][number]]
  const start = before ? before.values.length : 0
  const origin = before ? before.origin : first.time
  const found: { step: number; index: number }[] = rows.map(({ index, time }) => ({
    step: stepOf(where, index, time, format, origin, settings) - start,
    index,
  }))
  const [earliest] = found as [{ step: number; index: number }]
  const { form, frequency } = format
  const at = (step: number) => showTime(stepped(frequency, origin, start + step), form)
  const whose = settings.group === undefined ? '' : `${groupName(settings, group)}: `
  if (earliest.step < 0) {
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: ${whose}row ${earliest.index} is of ${at(earliest.step)}, which was read already; the next step is ${at(0)}`,
    )
  }
  const count = (found.at(-1)?.step as number) + 1
  if (fill === 'none' && count > found.length) {
    const gap = found.findIndex(({ step }, index) => step > index)
    const between =
      gap === 0 ? `before row ${found[0]?.index}` : `between rows ${found[gap - 1]?.index} and ${found[gap]?.index}`
    const missing = count - found.length
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: ${whose}${missing} of ${count} steps ${missing === 1 ? 'is' : 'are'} missing (they go on by ${showFrequency(frequency, form)}), the first ${at(gap)}, ${between}; add rows, or give fill: 'linear', 'last' or 'mask'`,
    )
  }
  const rowOf = new Map(found.map(({ step, index }) => [step, index]))
  const encode = (encoder: CovariateEncoder, index: number, row: ForecastRow): number[] | undefined => {
    const value = row[encoder.name]
    if (!isMissing(value)) return encodeCovariate(`${where}: row ${index}`, encoder, value)
    if (fill !== 'none') return undefined
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: row ${index} has no ${encoder.name}; give it, or fill: 'linear', 'last' or 'mask'`,
    )
  }
  const read = (of: (index: number, row: ForecastRow) => readonly (number | undefined)[]): number[][] =>
    Array.from({ length: count }, (_, step) => {
      const index = rowOf.get(step)
      return index === undefined ? [] : Array.from(of(index, table[index] as ForecastRow), (x) => x ?? Number.NaN)
    })
  const encoded = (encoders: readonly CovariateEncoder[]) =>
    read((index, row) =>
      encoders.flatMap(
        (encoder) => encode(encoder, index, row) ?? (new Array(widthOf(encoder)).fill(undefined) as undefined[]),
      ),
    )
  const values = read((index, row) =>
    variables.map((name) => readValue(`${where}: row ${index}`, name, row[name], settings)),
  )
  const complete = (width: number, rowsOf: number[][]) =>
    rowsOf.map((row) => (row.length === 0 ? new Array<number>(width).fill(Number.NaN) : row))
  const known = complete(widthOfAll(format.known), encoded(format.known))
  const past = complete(widthOfAll(format.past), encoded(format.past))
  return {
    group,
    origin: stepped(frequency, origin, start),
    values: fillGaps(complete(variables.length, values), fill, before?.values.at(-1)),
    known: fillGaps(known, 'last', before?.known.at(-1)),
    past: fillGaps(past, 'last', before?.past.at(-1)),
  }
}

/** Why times have no frequency. */
function irregular(
  where: string,
  placed: readonly Placed[],
  form: TimeForm,
  settings: ForecasterSettings,
): SeqloomError {
  const [longest] = [...placed].sort((a, b) => b.rows.length - a.rows.length) as [Placed]
  const apart = longest.rows.slice(1).map(({ time }, index) => time - (longest.rows[index]?.time as number))
  const sorted = [...apart].sort((a, b) => a - b)
  const usual = sorted[Math.floor(sorted.length / 2)] as number
  const odd = apart.findIndex((distance) => Math.abs(distance / usual - Math.round(distance / usual)) > 1e-6)
  const [a, b] = [longest.rows[Math.max(odd, 0)], longest.rows[Math.max(odd, 0) + 1]]
  const whose = settings.group === undefined ? '' : `${groupName(settings, longest.group)}: `
  return new SeqloomError(
    'ERR_DATA',
    `${where}: ${whose}the times are not regular: between rows ${a?.index} and ${b?.index} it is from ${showTime(a?.time as number, form)} to ${showTime(b?.time as number, form)}; rows must be of equal steps of time, which may be missing here and there`,
  )
}
