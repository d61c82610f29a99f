import { numberIn } from '../../data/numbers.js'
import { describe, SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'

/** How a covariate becomes numbers: scaled to mean 0 and deviation 1, or, if it has texts, a one among zeros. */
export type CovariateEncoder =
  | { readonly name: string; readonly mean: number; readonly deviation: number }
  | { readonly name: string; readonly categories: readonly string[] }

/** The most different texts of a covariate: beyond, it is rather a name of the row. */
const mostCategories = 256

/** How many numbers a covariate becomes. */
export const widthOf = (encoder: CovariateEncoder): number => ('categories' in encoder ? encoder.categories.length : 1)

/** The numbers of all covariates together. */
export const widthOfAll = (encoders: readonly CovariateEncoder[]): number =>
  encoders.reduce((sum, encoder) => sum + widthOf(encoder), 0)

/** Whether a value says that there is none. */
export const isMissing = (value: unknown): boolean =>
  value === null || value === undefined || (typeof value === 'number' && Number.isNaN(value))

/**
 * Learns from the rows to train on how a covariate is encoded; `ERR_DATA`, naming the row, for what is neither number,
 * truth value nor text.
 */
export function fitCovariate(where: string, name: string, values: readonly unknown[]): CovariateEncoder {
  for (const [row, value] of values.entries()) checkCovariate(`${where}: row ${row}: ${name}`, value)
  const present = values.filter((value) => !isMissing(value))
  if (present.length === 0) throw new SeqloomError('ERR_DATA', `${where}: no row has a value of ${name}`)
  if (present.some((value) => typeof value === 'string')) {
    const categories = [...new Set(present.map(String))].sort()
    if (categories.length <= mostCategories) return { name, categories }
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: ${name} has ${categories.length} different texts; a covariate has at most ${mostCategories}, or is a number`,
    )
  }
  const numbers = present.map(Number)
  const mean = numbers.reduce((sum, x) => sum + x / numbers.length, 0)
  const deviation = Math.sqrt(numbers.reduce((sum, x) => sum + (x - mean) ** 2 / numbers.length, 0))
  return { name, mean, deviation: deviation > 1e-9 * Math.abs(mean) ? deviation : 1 }
}

function checkCovariate(where: string, value: unknown): void {
  if (isMissing(value) || typeof value === 'boolean' || typeof value === 'string' || Number.isFinite(value)) return
  throw new SeqloomError('ERR_DATA', `${where} must be a number, true, false or a text, not ${describe(value)}`)
}

/**
 * The numbers of a value that is not missing; `ERR_DATA` for a text that training had not, and for a text where it had
 * numbers.
 */
export function encodeCovariate(where: string, encoder: CovariateEncoder, value: unknown): number[] {
  checkCovariate(`${where}: ${encoder.name}`, value)
  if ('categories' in encoder) {
    const { name, categories } = encoder
    const place = categories.indexOf(String(value))
    if (place >= 0) return categories.map((_, index) => Number(index === place))
    const known = categories.slice(0, 20).map(describe).join(', ')
    const more = categories.length > 20 ? ` and ${categories.length - 20} more` : ''
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: ${name} is ${describe(value)}, which training had not; it had ${known}${more}`,
    )
  }
  const number = typeof value === 'string' ? numberIn(value) : Number(value)
  if (number === undefined) {
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: ${encoder.name} must be a number, as in training, not ${describe(value)}`,
    )
  }
  return [(number - encoder.mean) / encoder.deviation]
}

/** Whether something read from a file is a list of encoders with these names. */
export function areEncoders(value: unknown, names: readonly string[]): value is CovariateEncoder[] {
  return (
    Array.isArray(value) &&
    value.length === names.length &&
    value.every((encoder, index) => {
      if (!isRecord(encoder) || encoder.name !== names[index]) return false
      const { mean, deviation, categories } = encoder
      if (categories === undefined)
        return Number.isFinite(mean) && Number.isFinite(deviation) && (deviation as number) > 0
      const right = Array.isArray(categories) && categories.length > 0 && categories.length <= mostCategories
      return right && categories.every((category) => typeof category === 'string')
    })
  )
}
