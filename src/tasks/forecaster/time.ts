import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'

/** A point in time as rows have it: an ISO date, with a time and a zone if need be, a Date, or a number. */
export type TimeValue = string | number | Date

/** How a point in time was written, so that later ones can be written alike. */
export type TimeForm =
  | { readonly kind: 'number' | 'milliseconds' | 'digits' }
  | { readonly kind: 'date'; readonly local: boolean }
  | {
      readonly kind: 'text'
      /** Which parts of a date there are. */
      readonly date: 'year' | 'quarter' | 'month' | 'day'
      /** What stands between them. */
      readonly separator: string
      /** Whether days come first, then months: 31.12.2026. */
      readonly dayFirst?: true
      /** What stands between date and time; without it there is no time. */
      readonly gap?: string
      readonly precision?: 'minute' | 'second' | 'millisecond'
      /** The zone as it is written: nothing, `Z` or an offset. */
      readonly zone: string
      /** Minutes that the zone is ahead of UTC. */
      readonly offset: number
    }

/** Times of rows on one axis: milliseconds of the clock that they were written by, or plain numbers. */
export interface Times {
  readonly values: readonly number[]
  readonly form: TimeForm
}

/** Whether times of this form are dates, with weekdays and months, rather than plain numbers. */
export const isCalendar = (form: TimeForm): boolean => form.kind !== 'number' && form.kind !== 'digits'

interface Moment {
  /** Milliseconds since 1970 by the clock of its zone, or a plain number. */
  readonly wall: number
  /** Minutes that this clock is ahead of UTC. */
  readonly offset: number
  readonly form: TimeForm
}

const minute = 60_000
const day = 24 * 60 * minute
/** Numbers from here on are milliseconds since 1970: this one is in 1973. */
const leastMilliseconds = 1e11

/**
 * Reads the times of all rows, which may go on from others of a form `like` theirs; `ERR_DATA`, naming the row, for what
 * is no time or of another kind than those before, and where days cannot be told from months.
 */
export function readTimes(where: string, field: string, given: readonly unknown[], like?: TimeForm): Times {
  const moments = given.map((value, row) => readTime(`${where}: row ${row}: ${field}`, value))
  const forms = moments.map(({ form }) => form)
  const dayFirst = forms.findIndex(isDayFirst)
  const isPlain = (like && isDayFirst(like)) || moments.some(({ wall, form }) => isDayFirst(form) && dayOf(wall) > 12)
  if (dayFirst >= 0 && !isPlain) {
    const moment = moments[dayFirst] as Moment
    const meant = [...new Set([isoOf(moment), isoOf(swapped(moment))])].map(describe).join(' or ')
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: row ${dayFirst}: ${field} is ${describe(given[dayFirst])}, and no row has a day above 12, which would tell days from months: write the year first, ${meant}`,
    )
  }
  const [first] = forms as [TimeForm]
  const different = forms.findIndex((form) => form.kind !== first.kind)
  if (different > 0) {
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: row ${different}: ${field} is ${describe(given[different])}, in row 0 it is ${describe(given[0])}: all must be of one form`,
    )
  }
  const last = forms.at(-1) as TimeForm
  const offsets = new Set(moments.map(({ offset }) => offset))
  const walls = () => moments.map(({ wall }) => wall)
  if (offsets.size <= 1 && first.kind !== 'date') return { values: walls(), form: last }
  const instants = moments.map(({ wall, offset }) => wall - offset * minute)
  // Days that begin at midnight of a clock that is put forward in summer are not of equal length; by that clock they
  // are.
  if (sameTimeOfDay(instants) || !sameTimeOfDay(walls())) {
    const form: TimeForm = last.kind === 'text' ? { ...last, zone: 'Z', offset: 0 } : last
    return { values: instants, form: form.kind === 'date' ? { kind: 'date', local: false } : form }
  }
  return { values: walls(), form: last }
}

const isDayFirst = (form: TimeForm): boolean => form.kind === 'text' && form.dayFirst === true

const dayOf = (wall: number): number => new Date(wall).getUTCDate()

/** The day of a moment as ISO 8601 has it. */
const isoOf = ({ wall }: Pick<Moment, 'wall'>): string => new Date(wall).toISOString().slice(0, 10)

/** A day up to the twelfth of a month, taken for the month. */
function swapped({ wall }: Moment): Pick<Moment, 'wall'> {
  const date = new Date(wall)
  return { wall: utc(date.getUTCFullYear(), date.getUTCDate() - 1, date.getUTCMonth() + 1) }
}

const sameTimeOfDay = (times: readonly number[]): boolean => {
  const first = modulo(times[0] as number, day)
  return times.every((time) => modulo(time, day) === first)
}

/** The remainder that is never negative. */
export const modulo = (value: number, size: number): number => ((value % size) + size) % size

function readTime(where: string, value: unknown): Moment {
  if (typeof value === 'number' && Number.isFinite(value)) {
    const kind = Number.isInteger(value) && Math.abs(value) >= leastMilliseconds ? 'milliseconds' : 'number'
    if (kind === 'number' || Math.abs(value) <= 8.64e15) return { wall: value, offset: 0, form: { kind } }
  }
  if (value instanceof Date && Number.isFinite(value.getTime())) {
    const offset = -value.getTimezoneOffset()
    return { wall: value.getTime() + offset * minute, offset, form: { kind: 'date', local: true } }
  }
  const found = typeof value === 'string' ? readText(value.trim()) : undefined
  if (found) return found
  throw new SeqloomError(
    'ERR_DATA',
    `${where} must be a date such as '2024-01-31', '2024-01-31T12:00Z', '2024-01' or '2024-Q1', a Date or a number, not ${describe(value)}${cureOf(value)}`,
  )
}

/** What helps with dates in which days or months may come first. */
const cureOf = (value: unknown): string =>
  typeof value === 'string' && /^\s*\d{1,2}([-/.])\d{1,2}\1\d{2,4}\b/.test(value)
    ? '; write the year first, or days, months and years with points between them: 31.12.2024'
    : ''

/** Days first, as in German: 31.12.2024, 31.12.2024 14:30. */
const dayFirst = /^(\d{1,2})\.(\d{1,2})\.(\d{4})(?:( )(\d{2}):(\d{2})(?::(\d{2}))?)?$/

const written =
  /^(\d{4})(?:([-/.]?)(\d{2})(?:\2(\d{2})(?:([T ])(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(Z|[+-]\d{2}:?\d{2})?)?)?)?$/i

function readText(text: string): Moment | undefined {
  const quarter = /^(\d{4})([-/ ]?)Q([1-4])$/i.exec(text)
  if (quarter) {
    const [, year, separator = '', number] = quarter
    const wall = Date.UTC(Number(year), 3 * (Number(number) - 1))
    return { wall, offset: 0, form: { kind: 'text', date: 'quarter', separator, zone: '', offset: 0 } }
  }
  const german = dayFirst.exec(text)
  if (german) {
    const [, date, month, year, ...clock] = german
    const two = (digits: string | undefined) => digits?.padStart(2, '0')
    const moment = readParts(['', year, '.', two(month), two(date), ...clock])
    return moment && { ...moment, form: { ...moment.form, dayFirst: true } as TimeForm }
  }
  const parts = written.exec(text)
  // Six digits alone may be any number; eight are a date if they can be one.
  if (parts && !(parts[2] === '' && parts[4] === undefined)) {
    const moment = readParts(parts)
    if (moment || parts[2] !== '') return moment
  }
  if (/^[+-]?\d+(\.\d+)?$/.test(text)) return { wall: Number(text), offset: 0, form: { kind: 'digits' } }
  return undefined
}

function readParts(parts: readonly (string | undefined)[]): Moment | undefined {
  const [, year, separator = '-', month = '01', dayOfMonth = '01', gap, hour = '0', minutes = '0', seconds, fraction] =
    parts
  const zone = (parts[10] ?? '').toUpperCase()
  const fields = [year, month, dayOfMonth, hour, minutes, seconds ?? '0'].map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const [y, m, d, h, min, s] = fields
  if (m < 1 || m > 12 || d < 1 || d > daysInMonth(y, m - 1) || h > 23 || min > 59 || s > 59) return undefined
  const wall = utc(y, m - 1, d) + ((h * 60 + min) * 60 + s) * 1000 + Math.floor(Number(`0.${fraction ?? 0}`) * 1000)
  const offset = zone === '' || zone === 'Z' ? 0 : (zone[0] === '-' ? -1 : 1) * offsetMinutes(zone.slice(1))
  const date = parts[3] === undefined ? 'year' : parts[4] === undefined ? 'month' : 'day'
  const precision = fraction === undefined ? (seconds === undefined ? 'minute' : 'second') : 'millisecond'
  const clock = gap === undefined ? {} : { gap, precision }
  return { wall, offset, form: { kind: 'text', date, separator, ...clock, zone, offset } as TimeForm }
}

const offsetMinutes = (text: string): number => Number(text.slice(0, 2)) * 60 + Number(text.slice(-2))

/** The milliseconds of a date; years below 100 are years below 100. */
export function utc(year: number, month: number, dayOfMonth: number): number {
  const date = new Date(0)
  date.setUTCFullYear(year, month, dayOfMonth)
  return date.getTime()
}

/** How many days a month has, counted from 0; months beyond the year's are those of other years. */
export const daysInMonth = (year: number, month: number): number => new Date(utc(year, month + 1, 0)).getUTCDate()

/** A time as rows have it. */
export function writeTime(time: number, form: TimeForm): TimeValue {
  if (form.kind !== 'date' && form.kind !== 'text') return form.kind === 'digits' ? String(time) : time
  const date = new Date(time)
  const [year, month, dayOfMonth] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  if (form.kind === 'date') {
    if (!form.local) return date
    const clock = [date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds(), date.getUTCMilliseconds()] as const
    return new Date(year, month, dayOfMonth, ...clock)
  }
  const pad = (value: number, size = 2) => String(value).padStart(size, '0')
  const { separator } = form
  if (form.date === 'quarter') return `${pad(year, 4)}${separator}Q${1 + Math.floor(month / 3)}`
  const shown = { year: 1, month: 2, day: 3 }[form.date]
  const parts = [pad(year, 4), pad(month + 1), pad(dayOfMonth)].slice(0, shown)
  const text = (form.dayFirst ? parts.reverse() : parts).join(separator)
  if (form.gap === undefined) return text
  const ends = { minute: 16, second: 19, millisecond: 23 }[form.precision ?? 'second']
  return `${text}${form.gap}${date.toISOString().slice(11, ends)}${form.zone}`
}

/** A time for messages. */
export function showTime(time: number, form: TimeForm): string {
  const value = writeTime(time, form)
  return value instanceof Date ? value.toISOString() : String(value)
}

/** Whether something read from a file is the form of times. */
export function isTimeForm(value: unknown): value is TimeForm {
  if (!isRecord(value)) return false
  const { kind, local, date, separator, dayFirst, gap, precision, zone, offset } = value
  if (kind === 'number' || kind === 'milliseconds' || kind === 'digits') return true
  if (kind === 'date') return typeof local === 'boolean'
  const among = (given: unknown, ...accepted: unknown[]) => accepted.includes(given)
  return (
    kind === 'text' &&
    among(date, 'year', 'quarter', 'month', 'day') &&
    among(dayFirst, undefined, true) &&
    among(gap, undefined, ' ', 'T', 't') &&
    among(precision, undefined, 'minute', 'second', 'millisecond') &&
    typeof separator === 'string' &&
    separator.length <= 1 &&
    typeof zone === 'string' &&
    zone.length <= 6 &&
    Number.isFinite(offset)
  )
}
