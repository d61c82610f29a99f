import { describe, SeqloomError } from '../../errors.js'

/** A size for each axis that is slid along: a number for all of them, or a list. */
export type Sizes = number | readonly number[]

/** The largest size: windows of more elements have no room. */
const most = 65_536

/** Such a size as a list. `ERR_OPTION` for what is none. */
export function eachAxis(where: string, name: string, given: unknown, axes: number, least = 1): number[] {
  const list = typeof given === 'number' ? Array<number>(axes).fill(given) : given
  const fits = (each: unknown) => Number.isInteger(each) && (each as number) >= least && (each as number) <= most
  if (Array.isArray(list) && list.length === axes && list.every(fits)) return [...list]
  throw new SeqloomError(
    'ERR_OPTION',
    `${where}: ${name} must be an integer from ${least} to ${most} or an array of ${axes} of them, not ${describe(given)}`,
  )
}

/** `ERR_UNSUPPORTED` for channels in front of the places. */
export function requireChannelsLast(where: string, dataFormat: unknown): void {
  if (dataFormat === undefined || dataFormat === null || dataFormat === 'channelsLast') return
  throw new SeqloomError('ERR_UNSUPPORTED', `${where}: dataFormat must be 'channelsLast', not ${describe(dataFormat)}`)
}

/** `ERR_SHAPE` unless an input has a batch, axes and channels. */
export function requireAxes(where: string, shape: readonly (number | null)[], axes: number): void {
  if (shape.length === axes + 2) return
  throw new SeqloomError(
    'ERR_SHAPE',
    `Input 0 is incompatible with ${where}: expected ndim=${axes + 2}, found ndim=${shape.length}; got [${shape.map((size) => size ?? 'null')}]`,
  )
}
