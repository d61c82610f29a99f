import type { Callback, Logs, Training } from '../callbacks/callback.js'
import { isStreamed } from '../data/sources.js'
import type { DataSet, Streamed } from '../data/tensor.js'
import { describe, isInstance, SeqloomError } from '../errors.js'
import { Model } from '../model/model.js'
import type { FitOptions } from '../model/runOptions.js'
import { setLearningRate } from '../model/training.js'
import { checkOptions, custom, integer, number, positive } from '../options.js'
import { type Displayed, displayed, jupyterDisplay, showsInTslab } from '../pictures/display.js'
import { lineCharts } from '../pictures/lines.js'

/** Options of {@link lrFinder}: those of the test, and those of `fit` that say what a step is. */
export interface LrFinderOptions
  extends Pick<FitOptions, 'batchSize' | 'bucketByLength' | 'seed' | 'sampleWeight' | 'classWeight' | 'signal'> {
  /** The learning rate of the first step; default 1e-7. */
  readonly minLearningRate?: number
  /** The learning rate of the last step; default 10. */
  readonly maxLearningRate?: number
  /** How many steps there are; default 100. The rows are gone through again, in another order, where they run out. */
  readonly steps?: number
  /** The test ends where the smoothed loss is so many times the least one; default 4. */
  readonly divergence?: number
}

/** How much of the smoothed loss is kept from step to step. */
const smoothing = 0.98

/** The losses of steps with ever larger learning rates. In a notebook of Deno it shows itself as its plot. */
export class LearningRateTest {
  /** The learning rates, one of each step, each the same factor times the one before. */
  readonly learningRates: readonly number[]
  /** The loss of each step's batch, before the step. */
  readonly losses: readonly number[]
  /** Their exponential means, of which each keeps 0.98 of the one before, without the bias of the beginning. */
  readonly smoothed: readonly number[]
  /** Whether the loss rose too high, or was no number, before the last step. */
  readonly diverged: boolean

  /** @internal */
  constructor(learningRates: readonly number[], losses: readonly number[], diverged: boolean) {
    this.learningRates = learningRates
    this.losses = losses
    this.smoothed = smoothed(losses)
    this.diverged = diverged
  }

  /**
   * A good learning rate to begin with: where the loss falls fastest over the logarithm of the rate, that is, where the
   * mean of a tenth of the steps afterwards is furthest below the mean of as many before. Undefined where it falls no
   * further than batches differ: less than three standard errors of such a difference.
   */
  get suggestion(): number | undefined {
    const { losses, learningRates } = this
    const width = Math.max(1, Math.floor(losses.length / 10))
    const falls = losses.map((_, at) => mean(losses, at - width, at) - mean(losses, at, at + width))
    const found = falls.reduce((best, fall, at) => (fall > (falls[best] ?? 0) ? at : best), -1)
    if (found < 0) return undefined
    // Where the losses have no trend yet, successive ones differ by their noise alone.
    const early = losses.slice(0, Math.max(2, found))
    const squares = early.slice(1).map((loss, at) => (loss - (early[at] as number)) ** 2 / 2)
    const error = Math.sqrt((2 / width) * mean(squares, 0, squares.length))
    return (falls[found] as number) > 3 * error ? learningRates[found] : undefined
  }

  /** A picture (SVG) of the losses over the learning rates, with the suggestion. */
  svg(): string {
    const lines = [
      { label: 'loss', values: [...this.losses], dashed: true },
      { label: 'smoothed', values: [...this.smoothed] },
    ]
    const { suggestion } = this
    const mark =
      suggestion === undefined ? {} : { mark: { step: Math.log10(suggestion), label: suggestion.toPrecision(2) } }
    const panel = { title: 'loss by learning rate', lines, logarithmic: false, ...mark }
    return lineCharts([panel], this.learningRates.map(Math.log10), 640, (power) => `1e${power}`)
  }

  /** What a notebook shows. */
  [jupyterDisplay](): Displayed {
    return displayed(this.svg(), `suggested learning rate: ${this.suggestion?.toPrecision(2) ?? 'none'}`)
  }

  static {
    showsInTslab(LearningRateTest.prototype)
  }
}

/** The mean of some of the values; NaN where they are not all there. */
function mean(values: readonly number[], from: number, to: number): number {
  if (from < 0 || to > values.length || from >= to) return Number.NaN
  return values.slice(from, to).reduce((sum, value) => sum + value, 0) / (to - from)
}

function smoothed(losses: readonly number[]): number[] {
  let sum = 0
  return losses.map((loss, at) => {
    sum = smoothing * sum + (1 - smoothing) * loss
    return sum / (1 - smoothing ** (at + 1))
  })
}

/**
 * The learning-rate range test (Smith, arXiv 1506.01186, section 3.3): trains a copy of a compiled model for some
 * steps, with a learning rate that grows from step to step, and notes the losses. The model itself stays as it is, its
 * optimizer included. The test ends early where the loss rises far above its least value, or is no number.
 *
 * ```ts
 * const found = await lrFinder(m, x, y, { batchSize: 64 })
 * if (found.suggestion !== undefined) m.learningRate = found.suggestion
 * await writeFile('rates.svg', found.svg())
 * ```
 *
 * `x` and `y` are what `fit` takes; for rows that come one after another give no `y`. Rejects with `ERR_OPTION`, with
 * `ERR_STATE` for a model that was not compiled or is in `fit`, with `ERR_NUMERIC` where already the first loss is no
 * number, and with what `fit` rejects with.
 */
export function lrFinder(model: Model, x: DataSet, y: DataSet, options?: LrFinderOptions): Promise<LearningRateTest>
export function lrFinder(model: Model, data: Streamed, options?: LrFinderOptions): Promise<LearningRateTest>
export async function lrFinder(
  model: Model,
  x: DataSet | Streamed,
  y?: DataSet | LrFinderOptions,
  given?: LrFinderOptions,
): Promise<LearningRateTest> {
  if (!isInstance(model, Model)) {
    throw new SeqloomError('ERR_OPTION', `lrFinder: expected a compiled model, not ${describe(model)}`)
  }
  const streamed = isStreamed(x)
  if (streamed && given !== undefined) {
    throw new SeqloomError(
      'ERR_OPTION',
      'lrFinder: the rows of a stream bring their own targets: give options alone after it',
    )
  }
  const options = ((streamed ? y : given) ?? {}) as LrFinderOptions
  const anything = custom('what fit takes', () => true)
  checkOptions('lrFinder', options, {
    accepted: {
      ...{ minLearningRate: positive, maxLearningRate: positive, steps: integer(2), divergence: number(1) },
      ...{ batchSize: anything, bucketByLength: anything, seed: anything, signal: anything },
      ...{ sampleWeight: anything, classWeight: anything },
    },
  })
  const { minLearningRate: first = 1e-7, maxLearningRate: last = 10, steps = 100, divergence = 4, ...rest } = options
  if (first >= last) {
    throw new SeqloomError('ERR_OPTION', `lrFinder: minLearningRate ${first} must be below maxLearningRate ${last}`)
  }
  const { optimizer } = model.engine.compiled('lrFinder')
  const rateOf = (step: number) => first * (last / first) ** (step / (steps - 1))
  const test = new RangeTest(rateOf, divergence)
  // An epoch of one step each, so that losses are those of single steps.
  const stepsPerEpoch = Number(optimizer.gradientAccumulationSteps ?? 1)
  const fitting = { ...rest, epochs: steps, stepsPerEpoch, callbacks: test }
  const copy = model.clone()
  try {
    const before = copy.engine.steps()
    setLearningRate(copy.engine, (batch) => rateOf(Math.floor(batch / stepsPerEpoch) - before))
    if (streamed) await copy.fit(x, fitting)
    else await copy.fit(x, y as DataSet, fitting)
  } catch (error) {
    // A loss that is no number ends the test; of the first step it says nothing about rates.
    if (!(error instanceof SeqloomError && error.code === 'ERR_NUMERIC') || test.losses.length === 0) throw error
    test.diverged = true
  } finally {
    copy.dispose()
  }
  return new LearningRateTest(test.rates, test.losses, test.diverged)
}

/** Notes learning rates and losses, and ends where these diverge. */
class RangeTest implements Callback {
  readonly #rateOf: (step: number) => number
  readonly #divergence: number
  readonly rates: number[] = []
  readonly losses: number[] = []
  diverged = false
  #least = Number.POSITIVE_INFINITY

  constructor(rateOf: (step: number) => number, divergence: number) {
    this.#rateOf = rateOf
    this.#divergence = divergence
  }

  onEpochEnd(step: number, { loss = Number.NaN }: Logs, training: Training): void {
    this.rates.push(this.#rateOf(step))
    this.losses.push(loss)
    const now = smoothed(this.losses).at(-1) as number
    this.#least = Math.min(this.#least, now)
    if (now <= this.#least + (this.#divergence - 1) * Math.abs(this.#least)) return
    this.diverged = true
    training.stop()
  }
}
