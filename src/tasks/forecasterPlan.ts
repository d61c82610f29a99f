import { SeqloomError } from '../errors.js'
import { cosineDecay } from '../optimizers/schedules.js'
import { type Kept, keep } from './division.js'
import type { ForecasterSettings, TrainForecasterOptions } from './forecasterOptions.js'

/** How many steps at the end of each series are held out, and which epoch's weights are kept. */
export interface HeldOut {
  readonly steps: readonly number[]
  readonly kept: Kept
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
  { validationSplit, restoreBest }: Pick<TrainForecasterOptions, 'validationSplit' | 'restoreBest'>,
): HeldOut {
  const where = 'Forecaster.train'
  const least = horizon + 2
  const longest = lengths.reduce((a, b) => Math.max(a, b), 0)
  const several = lengths.length > 1 ? 'the longest series has' : 'the series has'
  if (longest < least) {
    const needed = `forecasts of ${horizon} ahead need at least ${least}`
    throw new SeqloomError('ERR_DATA', `${where}: ${several} ${longest} steps; ${needed}`)
  }
  const onDemand = validationSplit !== undefined
  const share = validationSplit ?? 0.1
  if (share === 0) return { steps: lengths.map(() => 0), kept: { keep: 'best' } }
  // Of short series, more, so that it can tell.
  const enough = onDemand ? 0 : Math.ceil(fewestValues / (variables.length * lengths.length))
  const wanted = (length: number) => Math.max(horizon, enough, Math.round(length * share))
  const steps = lengths.map((length) => {
    const held = wanted(length)
    return length - held >= (onDemand ? least : Math.max(least, 3 * held)) ? held : 0
  })
  const values = variables.length * steps.reduce((a, b) => a + b)
  if (onDemand && values === 0) {
    const held = `validationSplit ${share} holds out ${wanted(longest)} of ${longest} steps, at least the horizon`
    const cure = 'give more steps, a smaller validationSplit, 0 to hold out nothing, or a shorter horizon'
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: ${held}; training forecasts of ${horizon} ahead needs ${least} others: ${cure}`,
    )
  }
  const lacking = values < fewestValues ? `${values} values of at least ${fewestValues}` : undefined
  const what = `${several.replace(' has', '')} of ${longest} steps is`
  const kept = keep({ where, what, lacking, onDemand, restoreBest })
  return { steps: lacking && !onDemand ? lengths.map(() => 0) : steps, kept }
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
  const decaySteps = epochs * Math.ceil(windows / batchSize)
  const decay = () => cosineDecay({ initialLearningRate: learningRate, decaySteps, alpha: 0.05 })
  return { batchSize, epochs, learningRate: given.learningRate ?? decay() }
}
