import { checkCallbacks } from '../callbacks/callback.js'
import type { LoopEvent } from '../callbacks/moments.js'
import { fingerprint } from '../data/index.js'
import type { Streamed } from '../data/tensor.js'
import { alone, type Ranks } from '../distributed.js'
import { SeqloomError } from '../errors.js'
import type { CancelFlag, NativeTensor } from '../native/index.js'
import type { ClassFactors } from './classWeight.js'
import type { Engine } from './engine.js'
import { convert, named, needWeights } from './examples.js'
import { checkAlike } from './exchange.js'
import { Feeder } from './feeder.js'
import type { Supply } from './fit.js'
import { fixedBatchSize } from './fixedBatch.js'
import type { Model } from './model.js'
import type { BatchParts } from './rowParts.js'
import { defaultBatchSize, type EvaluateOptions, type GivenFitOptions, type Scores } from './runOptions.js'
import type { Examples } from './slots.js'
import { toldRun } from './told.js'

/** {@link Model.evaluate} of rows that come one after another. */
export async function evaluateStreamed(
  ranks: Ranks,
  model: Model,
  engine: Engine,
  source: Streamed,
  options: EvaluateOptions,
): Promise<number[] | Scores> {
  const compiled = engine.compiled('evaluate')
  const { signal } = options
  const steps = options.steps ?? undefined
  if (options.sampleWeight !== undefined) throw inRows('evaluate', 'sampleWeight')
  const callbacks = checkCallbacks(options.callbacks, 'evaluate')
  const run = async () => {
    const native = engine.ready()
    const feeder = await feederOf(engine, 'evaluate', source, options.batchSize, { signal })
    try {
      if (feeder.endless && steps === undefined) throw endless('evaluate', 'steps')
      needWeights(engine, 'evaluate', feeder.firstWeight)
      let failure: { readonly error: unknown } | undefined
      const share = ranks.size > 1 ? { ranks, steps } : undefined
      const alike = async () => await checkAlike('evaluate', { 'number of rows': await feeder.size() }, signal)
      if (share) {
        const { batchSize } = options
        const alikeIn = { batchSize, steps, data: await feeder.identity(), weights: engine.fingerprint() }
        await checkAlike('evaluate', alikeIn, signal)
        await alike()
      }
      const call = (cancel: CancelFlag, onEvent?: (event: LoopEvent) => void) => {
        const fail = (error: unknown) => {
          failure = { error }
          cancel.cancel()
        }
        if (share) feeder.startShare(share, fail)
        else feeder.start(0, 0, undefined, alone, fail)
        return native.evaluate(feeder.feed, 1, cancel, share ? undefined : steps, onEvent, share !== undefined)
      }
      const names = ['loss', ...compiled.metricNames]
      const told = { model, engine, callbacks, names, steps: steps ?? 0, signal }
      try {
        const scores = await (callbacks.length > 0 ? toldRun(told, call) : engine.cancellable(signal, call))
        if (share) await alike()
        return options.returnDict ? named(compiled, scores) : scores
      } catch (error) {
        throw failure ? failure.error : error
      }
    } finally {
      feeder.close()
    }
  }
  if (callbacks.length === 0) return await engine.queue('evaluate', 'callbacks', run, signal)
  return await engine.alone('evaluate with callbacks', run, signal)
}

/** What reads rows or batches for a training or an evaluation. */
export async function feederOf(
  engine: Engine,
  where: string,
  source: Streamed,
  batchSize: number | undefined,
  {
    signal,
    classFactors,
  }: { readonly signal?: AbortSignal | undefined; readonly classFactors?: ClassFactors | undefined },
): Promise<Feeder> {
  const convertBatch = ({ x, y, sampleWeight }: BatchParts) =>
    convert(engine, { x, y, sampleWeight, ...(classFactors && { classFactors }), searched: true } as Examples, signal)
  const { topology } = engine
  const fixed = fixedBatchSize(topology)
  const targets = engine.compiled(where).targets.length
  const reading = { where, inputs: topology.inputs, targets, batchSize, convert: convertBatch, signal }
  return await Feeder.of(source, reading, true, fixed ?? defaultBatchSize)
}

/** What tells the data of a training from others. */
export async function identityOf(supplies: readonly Supply[]): Promise<string> {
  if (!supplies.some((supply) => supply instanceof Feeder))
    return fingerprint((supplies as readonly NativeTensor[][]).flat())
  const each: string[] = []
  for (const supply of supplies) each.push(supply instanceof Feeder ? await supply.identity() : fingerprint(supply))
  return each.join()
}

/** Refuses what does not go with rows that come one after another. */
export function checkStreamed(options: GivenFitOptions, ratesAreListed: boolean): void {
  const { stepsPerEpoch, shuffle, bucketByLength, validationSplit = 0, sampleWeight } = options
  if (sampleWeight !== undefined) throw inRows('fit', 'sampleWeight')
  const wrong = (message: string) => new SeqloomError('ERR_OPTION', `fit: ${message}`)
  if (shuffle) throw wrong('a stream is shuffled by its own .shuffle(buffer, { seed }), so shuffle must be left out')
  if (bucketByLength)
    throw wrong('rows of a stream are sorted by .batch(size, { bucketByLength: true }), not by bucketByLength')
  if (validationSplit > 0) throw wrong('a stream cannot be split; give other data as validationData')
  if (ratesAreListed && stepsPerEpoch === undefined) {
    throw wrong(
      'a learning rate that is a function needs stepsPerEpoch, as the length of a stream is not known; or use a schedule',
    )
  }
}

/** Whether the learning rate is a function of the user's. */
export const compiledRate = (engine: Engine): boolean =>
  typeof engine.compiled('fit').optimizer.learningRate === 'function'

const inRows = (where: string, what: string): SeqloomError =>
  new SeqloomError('ERR_OPTION', `${where}: the rows of a stream bring their own ${what}: { x, y, ${what} }`)

/** What is said of data that never end. */
export const endless = (where: string, option: string): SeqloomError =>
  new SeqloomError('ERR_OPTION', `${where}: the data never end, so ${option} is needed`)
