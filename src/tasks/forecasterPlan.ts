import { SeqloomError } from '../errors.js'
import type { ForecasterSettings } from './forecasterOptions.js'

/** How many steps at the end of each series are held out, and whether they are enough to choose an epoch by. */
export interface HeldOut {
  readonly steps: readonly number[]
  readonly decides: boolean
}

/** With fewer values held out, chance decides which epoch does best on them. */
const fewestValues = 10

/**
 * What is held out of series of these lengths: a share of each, and at least the horizon. Unless the share is given, a series of which less than three
 * times as much would be left is learned whole, and so are all if what is held out is too little to tell. `ERR_DATA` for series that are too short.
 */
export function heldOut(
  lengths: readonly number[],
  { horizon, variables }: Pick<ForecasterSettings, 'horizon' | 'variables'>,
  given: number | undefined,
): HeldOut {
  const least = horizon + 2
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0)
  if (longest < least) {
    const what = lengths.length === 1 ? 'the series has' : 'the longest series has'
    throw new SeqloomError(
      'ERR_DATA',
      `Forecaster.train: ${what} ${longest} steps; forecasts of ${horizon} ahead need at least ${least}`,
    )
  }
  const share = given ?? 0.1
  const steps = lengths.map((length) => {
    const held = share > 0 ? Math.max(horizon, Math.round(length * share)) : 0
    return length - held >= (given === undefined ? Math.max(least, 3 * held) : least) ? held : 0
  })
  const values = variables.length * steps.reduce((a, b) => a + b)
  if (given === undefined)
    return values < fewestValues ? { steps: steps.map(() => 0), decides: true } : { steps, decides: true }
  if (given > 0 && values === 0) {
    const held = Math.max(horizon, Math.round(longest * given))
    throw new SeqloomError(
      'ERR_DATA',
      `Forecaster.train: validationSplit ${given} holds out ${held} of ${longest} steps (at least the horizon); training on forecasts of ${horizon} ahead needs ${least} others: give more steps, a shorter horizon, or validationSplit: 0`,
    )
  }
  return { steps, decides: values === 0 || values >= fewestValues }
}

/** The fewest steps of training unless epochs are given: small data need many epochs. */
const leastSteps = 600

/** How many windows a step of training takes, and how many epochs there are, unless they are given: few data are read more often, in smaller batches. */
export function workOf(
  windows: number,
  given: { readonly batchSize?: number; readonly epochs?: number },
): { readonly batchSize: number; readonly epochs: number } {
  const batchSize = given.batchSize ?? Math.min(32, Math.max(1, Math.ceil(windows / 8)))
  const epochs = given.epochs ?? Math.max(40, Math.ceil(leastSteps / Math.ceil(windows / batchSize)))
  return { batchSize, epochs }
}
