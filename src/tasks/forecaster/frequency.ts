import { isRecord } from '../../options.js'
import { daysInMonth, isCalendar, modulo, type TimeForm, utc } from './time.js'

/** How steps of time follow each other. */
export type Frequency =
  /** Equal distances: plain numbers, or milliseconds. */
  | { readonly unit: 'equal'; readonly every: number }
  /** So many months, on a day, or the month's last where that is earlier: 31 is always the last. */
  | { readonly unit: 'month'; readonly every: number; readonly day: number }
  /** Every day that is one of some weekdays, 0 for Sunday. */
  | { readonly unit: 'weekday'; readonly weekdays: readonly number[] }

const day = 86_400_000
const weekday = (time: number): number => modulo(Math.floor(time / day) + 4, 7)
const months = (time: number): number => {
  const date = new Date(time)
  return date.getUTCFullYear() * 12 + date.getUTCMonth()
}
const isMonthEnd = (time: number): boolean => new Date(time + day).getUTCDate() === 1
const timeOfDay = (time: number): number => modulo(time, day)

/** The time that lies so many steps after another. */
export function stepped(frequency: Frequency, origin: number, steps: number): number {
  if (frequency.unit === 'equal') return origin + steps * frequency.every
  if (frequency.unit === 'month') {
    const month = months(origin) + steps * frequency.every
    const [year, inYear] = [Math.floor(month / 12), modulo(month, 12)]
    return utc(year, inYear, Math.min(frequency.day, daysInMonth(year, inYear))) + timeOfDay(origin)
  }
  const { weekdays } = frequency
  const place = weekdays.indexOf(weekday(origin))
  const weeks = Math.floor((place + steps) / weekdays.length)
  const to = weekdays[modulo(place + steps, weekdays.length)] as number
  return origin + (weeks * 7 + to - weekday(origin)) * day
}

/** How many steps a time lies after another; undefined if it is none of the steps. */
export function stepsBetween(frequency: Frequency, origin: number, time: number): number | undefined {
  const steps = nearest(frequency, origin, time)
  const found = stepped(frequency, origin, steps)
  const tolerance = frequency.unit === 'equal' ? 1e-6 * frequency.every : 0
  return Math.abs(found - time) <= tolerance ? steps : undefined
}

function nearest(frequency: Frequency, origin: number, time: number): number {
  if (frequency.unit === 'equal') return Math.round((time - origin) / frequency.every)
  if (frequency.unit === 'month') return Math.round((months(time) - months(origin)) / frequency.every)
  const { weekdays } = frequency
  const days = Math.round((time - origin) / day)
  const weeks = Math.floor((days + weekday(origin)) / 7)
  const place = (of: number) => Math.max(0, weekdays.indexOf(of))
  return weeks * weekdays.length + place(weekday(time)) - place(weekday(origin))
}

/**
 * Finds how the times of some series follow each other, each in rising order without repetitions: what most neighbours
 * are apart, months by the calendar, days without those weekdays that never occur. Undefined if they are irregular.
 */
export function inferFrequency(series: readonly (readonly number[])[], form: TimeForm): Frequency | undefined {
  const apart = series.flatMap((times) => times.slice(1).map((time, index) => time - (times[index] as number)))
  const common = mostCommon(apart)
  const fits = (frequency: Frequency) =>
    series.every((times) => times.every((time) => stepsBetween(frequency, times[0] as number, time) !== undefined))
  if (!isCalendar(form)) return [{ unit: 'equal', every: common } as const].find(fits)
  const all = series.flat()
  const latest = all.map((time) => new Date(time).getUTCDate()).reduce((a, b) => Math.max(a, b))
  const monthly: Frequency = { unit: 'month', every: monthsApart(series), day: all.every(isMonthEnd) ? 31 : latest }
  if (least(apart) >= 28 * day && fits(monthly)) return monthly
  const equal: Frequency = { unit: 'equal', every: common }
  if (common % day === 0 && common < 7 * day) {
    const weekly: Frequency = { unit: 'weekday', weekdays: [...new Set(all.map(weekday))].sort((a, b) => a - b) }
    if (closedDays(series, weekly.weekdays) && fits(weekly)) return weekly
  }
  return fits(equal) ? equal : undefined
}

const least = (values: readonly number[]): number => values.reduce((a, b) => Math.min(a, b))

function mostCommon(values: readonly number[]): number {
  const counts = new Map<number, number>()
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1)
  return [...counts].reduce((best, next) =>
    next[1] > best[1] || (next[1] === best[1] && next[0] < best[0]) ? next : best,
  )[0]
}

function monthsApart(series: readonly (readonly number[])[]): number {
  let common = 0
  for (const times of series) {
    for (const [index, time] of times.entries()) {
      if (index > 0) common = greatestDivisor(common, months(time) - months(times[index - 1] as number))
    }
  }
  return common
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b)
}

/**
 * Whether the weekdays that never occur were passed over often enough to be closed days: Saturday and Sunday once,
 * others twice.
 */
function closedDays(series: readonly (readonly number[])[], open: readonly number[]): boolean {
  if (open.length === 7) return false
  const passed = new Array<number>(7).fill(0)
  for (const times of series) {
    const [first, last] = [times[0] as number, times.at(-1) as number]
    for (let time = first; time <= last; time += day) {
      const on = weekday(time)
      passed[on] = (passed[on] as number) + 1
    }
  }
  return passed.every((count, on) => open.includes(on) || count >= (on === 0 || on === 6 ? 1 : 2))
}

/** What may be read off the calendar at every step. */
export type CalendarFeature = 'timeOfDay' | 'weekday' | 'dayOfYear' | 'month' | 'quarter'

const widths: Readonly<Record<CalendarFeature, number>> = {
  timeOfDay: 6,
  weekday: 7,
  dayOfYear: 4,
  month: 12,
  quarter: 4,
}
const year = 365.2425 * day

/**
 * What the calendar can tell at this frequency: what comes again within the time from the first to the last step at
 * least twice.
 */
export function calendarFeatures(frequency: Frequency, form: TimeForm, span: number): CalendarFeature[] {
  if (!isCalendar(form)) return []
  const repeated = (period: number) => span >= 1.9 * period
  if (frequency.unit === 'month') {
    if (!repeated(year) || frequency.every % 12 === 0) return []
    return [frequency.every % 3 === 0 ? 'quarter' : 'month']
  }
  const every = frequency.unit === 'equal' ? frequency.every : day
  const features: CalendarFeature[] = []
  if (every < day && repeated(day)) features.push('timeOfDay')
  if (every % (7 * day) !== 0 && every < 7 * day && repeated(7 * day)) features.push('weekday')
  if (repeated(year)) features.push('dayOfYear')
  return features
}

/** How many numbers the features are. */
export const calendarWidth = (features: readonly CalendarFeature[]): number =>
  features.reduce((sum, feature) => sum + widths[feature], 0)

/** The features of a time: weekday, month and quarter as ones among zeros, time of day and day of year as waves. */
export function calendarValues(features: readonly CalendarFeature[], time: number): number[] {
  const oneOf = (index: number, count: number) => Array.from({ length: count }, (_, place) => Number(place === index))
  const waves = (phase: number, count: number) =>
    Array.from({ length: count }, (_, wave) => 2 * Math.PI * (wave + 1) * phase).flatMap((x) => [
      Math.sin(x),
      Math.cos(x),
    ])
  const read: Readonly<Record<CalendarFeature, () => number[]>> = {
    timeOfDay: () => waves(timeOfDay(time) / day, 3),
    weekday: () => oneOf(weekday(time), 7),
    dayOfYear: () => waves((time - utc(new Date(time).getUTCFullYear(), 0, 1)) / year, 2),
    month: () => oneOf(new Date(time).getUTCMonth(), 12),
    quarter: () => oneOf(Math.floor(new Date(time).getUTCMonth() / 3), 4),
  }
  return features.flatMap((feature) => read[feature]())
}

/** Whether something read from a file is a frequency. */
export function isFrequency(value: unknown): value is Frequency {
  if (!isRecord(value)) return false
  const { unit, every, day: on, weekdays } = value
  if (unit === 'equal') return typeof every === 'number' && every > 0 && Number.isFinite(every)
  const within = (x: unknown, least: number, most: number) =>
    Number.isInteger(x) && (x as number) >= least && (x as number) <= most
  if (unit === 'month') return within(every, 1, 12_000) && within(on, 1, 31)
  return (
    unit === 'weekday' &&
    Array.isArray(weekdays) &&
    weekdays.length > 0 &&
    weekdays.every((x, i) => within(x, i === 0 ? 0 : weekdays[i - 1] + 1, 6))
  )
}

/** Whether something read from a file is a list of features. */
export const areCalendarFeatures = (value: unknown): value is CalendarFeature[] =>
  Array.isArray(value) && value.every((feature) => typeof feature === 'string' && Object.hasOwn(widths, feature))
