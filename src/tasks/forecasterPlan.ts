import { SeqloomError } from '../errors.js'
import type { ForecasterSettings, TrainForecasterOptions } from './forecasterOptions.js'

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

/** How training goes unless it is said. Where covariates or the calendar are read ahead, a window holds many more examples, and costs more. */
const usual = {
  plain: { batchSize: 32, epochs: 40, steps: 600, learningRate: 3e-3 },
  ahead: { batchSize: 16, epochs: 20, steps: 700, learningRate: 5e-3 },
} as const

/** How many windows a step of training takes, how many epochs there are and Adam's step, unless given: few data are read more often, in smaller batches. */
export function workOf(
  windows: number,
  reads: keyof typeof usual,
  given: Pick<TrainForecasterOptions, 'batchSize' | 'epochs' | 'learningRate'>,
) {
  const { batchSize: most, epochs: least, steps, learningRate } = usual[reads]
  const batchSize = given.batchSize ?? Math.min(most, Math.max(1, Math.ceil(windows / 8)))
  const epochs = given.epochs ?? Math.max(least, Math.ceil(steps / Math.ceil(windows / batchSize)))
  return { batchSize, epochs, learningRate: given.learningRate ?? learningRate }
}
