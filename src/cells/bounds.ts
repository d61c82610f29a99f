import { SeqloomError } from '../errors.js'
import { type Check, custom } from '../options.js'

/** An even number: of states that come in pairs. */
export const even: Check = custom(
  'an even number of at least 2',
  (v) => Number.isInteger(v) && (v as number) >= 2 && (v as number) % 2 === 0,
)

/** `ERR_OPTION` unless the first of two options is at most the second. */
export function requireOrder(where: string, bounds: Readonly<Record<string, number>>): void {
  const [[low, least], [high, most]] = Object.entries(bounds) as [[string, number], [string, number]]
  if (least <= most) return
  throw new SeqloomError('ERR_OPTION', `${where}: ${low} ${least} is above ${high} ${most}`)
}

/** `ERR_OPTION` unless a number of units is divided evenly. */
export function requireDivisible(where: string, units: number, heads: number): void {
  if (units % heads === 0) return
  throw new SeqloomError('ERR_OPTION', `${where}: units ${units} is no multiple of heads ${heads}`)
}
