import { describe, reading, SeqloomError } from '../errors.js'

/** What a function of the user's gives for a step. `ERR_OPTION` unless it is a rate, and with what it throws as the cause. */
export function rateOf(rate: (step: number) => number, step: number): number {
  const value: unknown = reading('ERR_OPTION', `the optimizer's learningRate for step ${step}`, () => rate(step))
  if (typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY) return value
  throw new SeqloomError(
    'ERR_OPTION',
    `the optimizer's learningRate: the function must give a finite number of at least 0, but gave ${describe(value)} for step ${step}`,
  )
}
