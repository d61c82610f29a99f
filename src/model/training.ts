import { checkCallbacks, type History } from '../callbacks/callback.js'
import type { LoopEvent } from '../callbacks/moments.js'
import { fingerprint, runSliced, runSync } from '../data/index.js'
import { isStreamed } from '../data/sources.js'
import type { DataSet, Streamed } from '../data/tensor.js'
import { type Ranks, ranksFor, together } from '../distributed.js'
import { callNative, describe, reading, SeqloomError } from '../errors.js'
import type { CancelFlag } from '../native/index.js'
import { anyLearningRate, type LearningRate } from '../optimizers/schedule.js'
import { abortSignal, checkOptions, flag } from '../options.js'
import { type ClassFactors, classWeights } from './classWeight.js'
import { type CompileOptions, plan } from './compile.js'
import type { Engine } from './engine.js'
import { convert, type GivenValidation, named, needWeights, validationExamples } from './examples.js'
import { checkAlike } from './exchange.js'
import { Feeder } from './feeder.js'
import { checkSplit, runFit } from './fit.js'
import { batchesOf, batchSizeFor, checkRows, fixedBatchSize } from './fixedBatch.js'
import { warnOfForms } from './forms.js'
import {
  type Cotangents,
  convertCotangents,
  type GradientOptions,
  type Gradients,
  gradientsOf,
  isCotangents,
} from './gradients.js'
import type { Model } from './model.js'
import { sharersOf } from './ranks.js'
import {
  checkEvaluate,
  checkEvaluateSync,
  checkFit,
  checkTestBatch,
  checkTrainBatch,
  type EvaluateOptions,
  type EvaluateSyncOptions,
  type FitOptions,
  type GivenFitOptions,
  givenFit,
  type Scores,
  type TrainBatchOptions,
} from './runOptions.js'
import { classRanks, joinRanks, weightRanks } from './sampleWeight.js'
import { convertExamples, convertInputs, inputsAtOnce } from './slots.js'
import { checkStreamed, compiledRate, endless, evaluateStreamed, feederOf, identityOf } from './streamed.js'
import { toldRun } from './told.js'

/** {@link Model.compile}; `trained` says which weights train, by default those of trainable layers. */
export function compile(engine: Engine, options: CompileOptions, trained?: unknown): void {
  const isListed = Array.isArray(trained) && trained.every((flag) => typeof flag === 'boolean')
  if (trained !== undefined && !(isListed && trained.length === engine.specs.length)) {
    throw new SeqloomError('ERR_FORMAT', 'what is said of the trained weights does not fit the model')
  }
  const made = plan(engine.topology, options)
  engine.now('compile', 'never', () => {
    engine.compile(made, trained as readonly boolean[] | undefined)
    warnOfForms(
      made.trained,
      callNative(() => engine.ready().outputForms()),
    )
  })
}

/** {@link Model.fit} */
export async function train(
  model: Model,
  engine: Engine,
  x: Streamed | DataSet,
  y: DataSet | undefined,
  given: FitOptions,
): Promise<History> {
  const options = givenFit(given)
  checkFit(options)
  const ranks = ranksFor('fit', options.distributed === undefined ? undefined : options.distributed !== false)
  return await together(ranks, () => trainWith(ranks, model, engine, x, y, options))
}

async function trainWith(
  group: Ranks,
  model: Model,
  engine: Engine,
  x: Streamed | DataSet,
  y: DataSet | undefined,
  options: GivenFitOptions,
): Promise<History> {
  engine.checkTrainable('fit')
  const streamed = isStreamed(x)
  if (streamed) checkStreamed(options, compiledRate(engine))
  if (options.shuffle && model.layers.some(({ stateful }) => stateful)) {
    throw new SeqloomError('ERR_OPTION', 'fit: stateful layers need their rows in order, so shuffle must be false')
  }
  const compiled = engine.compiled('fit')
  const run = async () => {
    const native = engine.ready()
    const { signal, sampleWeight, validationData } = options
    const { trained } = compiled
    const feeders: Feeder[] = []
    const feed = async (source: Streamed, batchSize: number | undefined, factors?: ClassFactors) => {
      const feeder = await feederOf(engine, 'fit', source, batchSize, { signal, classFactors: factors })
      feeders.push(feeder)
      return feeder
    }
    const classWeight = classWeights('fit', compiled, options.classWeight)
    const classFactors = classWeight.factors?.(options.validationSplit ?? 0)
    const fed = streamed ? await feed(x, options.batchSize, classFactors) : undefined
    const { batchSize, validationBatchSize = batchSize } = options
    const fedValidation = isStreamed(validationData) ? await feed(validationData, validationBatchSize) : undefined
    const validated = fedValidation ? undefined : (validationData as GivenValidation | undefined)
    try {
      const weights = [sampleWeight ?? fed?.firstWeight, validated?.[2] ?? fedValidation?.firstWeight]
      const ranks = joinRanks(weightRanks(trained, weights[0]), weightRanks(trained, weights[1]))
      engine.need(classWeight.factors ? joinRanks(ranks, classRanks(trained)) : ranks, classWeight.native)
      const data =
        fed ??
        (await convert(
          engine,
          { x: x as DataSet, y: y as DataSet, sampleWeight, classFactors, searched: true },
          signal,
        ))
      if (!(data instanceof Feeder)) checkSplit(data[0]?.shape[0] ?? 0, options.validationSplit ?? 0)
      const validation = fedValidation ?? (validated && (await convert(engine, validationExamples(validated), signal)))
      const batches = fixedBatchSize(engine.topology) !== undefined && {
        batchSize: batchSizeFor('fit', engine.topology, options.batchSize),
      }
      if (fed?.endless && options.stepsPerEpoch === undefined) throw endless('fit', 'stepsPerEpoch')
      if (fedValidation?.endless && options.validationSteps === undefined) throw endless('fit', 'validationSteps')
      const identity = await identityOf([data, ...(validation ? [validation] : [])])
      const request = { model, engine, native, plan: compiled, data, validation, identity, ranks: group }
      return await runFit({ ...request, options: { ...options, ...batches } })
    } finally {
      for (const feeder of feeders) feeder.close()
    }
  }
  return await engine.alone('fit', run, options.signal)
}

/** {@link Model.evaluate}; one that `givesWay` lets synchronous calls in. */
export async function evaluate(
  model: Model,
  engine: Engine,
  x: Streamed | DataSet,
  y: DataSet | undefined,
  options: EvaluateOptions,
  givesWay = false,
): Promise<number[] | Scores> {
  checkEvaluate(options)
  const callbacks = checkCallbacks(options.callbacks, 'evaluate')
  // What synchronous calls may interrupt begins anew, for which other ranks would not wait.
  const ranks = sharersOf('evaluate', givesWay ? false : options.distributed, model, callbacks)
  return await together(ranks, async () =>
    isStreamed(x)
      ? await evaluateStreamed(ranks, model, engine, x, options)
      : await evaluateRows(ranks, model, engine, x, y, options, givesWay),
  )
}

async function evaluateRows(
  ranks: Ranks,
  model: Model,
  engine: Engine,
  x: DataSet,
  y: DataSet | undefined,
  options: EvaluateOptions,
  givesWay: boolean,
): Promise<number[] | Scores> {
  const compiled = engine.compiled('evaluate')
  const { signal, sampleWeight } = options
  const steps = options.steps ?? undefined
  const batchSize = batchSizeFor('evaluate', engine.topology, options.batchSize)
  const callbacks = checkCallbacks(options.callbacks, 'evaluate')
  const run = async () => {
    const native = engine.ready()
    needWeights(engine, 'evaluate', sampleWeight)
    const data = await convert(engine, { x, y: y as DataSet, sampleWeight }, signal)
    const rows = data[0]?.shape[0] ?? 0
    checkRows('evaluate', engine.topology, rows)
    const isShared = ranks.size > 1
    if (isShared)
      await checkAlike(
        'evaluate',
        { 'number of rows': rows, batchSize, steps, data: fingerprint(data), weights: engine.fingerprint() },
        signal,
      )
    const call = (cancel: CancelFlag, onEvent?: (event: LoopEvent) => void) =>
      native.evaluate(data, batchSize, cancel, steps, onEvent, isShared)
    const names = ['loss', ...compiled.metricNames]
    const scores = await (callbacks.length > 0
      ? toldRun({ model, engine, callbacks, names, steps: batchesOf(rows, batchSize, steps), signal }, call)
      : givesWay
        ? engine.givingWay(call)
        : engine.cancellable(signal, call))
    return options.returnDict ? named(compiled, scores) : scores
  }
  if (callbacks.length === 0) return await engine.queue('evaluate', 'callbacks', run, signal, givesWay)
  return await engine.alone('evaluate with callbacks', run, signal)
}

/** {@link Model.evaluateSync} */
export function evaluateSync(engine: Engine, x: DataSet, y: DataSet, options: EvaluateSyncOptions): number[] | Scores {
  checkEvaluateSync(options)
  const compiled = engine.compiled('evaluateSync')
  const { sampleWeight } = options
  const batchSize = batchSizeFor('evaluateSync', engine.topology, options.batchSize)
  return engine.now('evaluateSync', 'callbacks', () => {
    const native = engine.ready()
    needWeights(engine, 'evaluateSync', sampleWeight)
    const data = runSync(convertExamples(engine.topology, compiled, { x, y, sampleWeight }, engine.weighted))
    checkRows('evaluateSync', engine.topology, data[0]?.shape[0] ?? 0)
    const scores = callNative(() => native.evaluateSync(data, batchSize, options.steps ?? undefined))
    return options.returnDict ? named(compiled, scores) : scores
  })
}

/** {@link Model.trainOnBatch} and {@link Model.testOnBatch}; what `givesWay` lets synchronous calls in. */
export async function onBatch(
  engine: Engine,
  what: 'trainOnBatch' | 'testOnBatch',
  x: DataSet,
  y: DataSet,
  options: TrainBatchOptions,
  givesWay = false,
): Promise<number[]> {
  const trains = what === 'trainOnBatch'
  if (trains) engine.checkTrainable(what)
  if (trains) checkTrainBatch(options)
  else checkTestBatch(options)
  const compiled = engine.compiled(what)
  const { sampleWeight, classWeight, signal } = options
  return await engine.queue(
    what,
    trains ? 'never' : 'callbacks',
    async () => {
      const native = engine.ready()
      needWeights(engine, what, sampleWeight)
      const read = classWeights(what, compiled, classWeight)
      if (trains) engine.need(read.factors ? classRanks(compiled.trained) : [], read.native)
      const data = await convert(engine, { x, y, sampleWeight, classFactors: read.factors?.() }, signal)
      checkRows(what, engine.topology, data[0]?.shape[0] ?? 0, true)
      if (trains) engine.giveRates(1)
      try {
        const run = (cancel: CancelFlag) => native[what](data, cancel)
        return await (givesWay ? engine.givingWay(run) : engine.cancellable(signal, run))
      } finally {
        if (trains) engine.tell(engine.trained)
      }
    },
    signal,
    givesWay,
  )
}

/** The same, by name if the options say so. */
export async function scoresOnBatch(
  engine: Engine,
  what: 'trainOnBatch' | 'testOnBatch',
  x: DataSet,
  y: DataSet,
  options: TrainBatchOptions,
): Promise<number[] | Scores> {
  const scores = await onBatch(engine, what, x, y, options)
  return options.returnDict ? named(engine.compiled(what), scores) : scores
}

/** {@link Model.gradients} */
export async function gradients(
  engine: Engine,
  x: DataSet,
  target: DataSet | Cotangents,
  options: GradientOptions,
): Promise<Gradients> {
  engine.checkTrainable('gradients')
  checkOptions('gradients', options, { accepted: { states: flag, signal: abortSignal } })
  const { states = false, signal } = options
  const cotangents = isCotangents(target) ? target.cotangents : undefined
  if (cotangents === undefined) engine.compiled('gradients')
  return await engine.queue(
    'gradients',
    'callbacks',
    async () => {
      const native = engine.ready()
      const result = await engine.cancellable(signal, async (cancel) => {
        if (cotangents === undefined) {
          const examples = await convert(engine, { x, y: target as DataSet, sampleWeight: undefined }, signal)
          return await native.gradients(examples, undefined, states, cancel)
        }
        const inputs = await runSliced(convertInputs(engine.topology, x), signal)
        const seeds = await runSliced(convertCotangents(engine.topology, cotangents), signal)
        return await native.gradients(inputs, seeds, states, cancel)
      })
      return gradientsOf(result, engine.specs, states)
    },
    signal,
  )
}

/** {@link Model.gradientsSync} */
export function gradientsSync(engine: Engine, x: DataSet, target: Cotangents): Gradients {
  if (!isCotangents(target)) {
    throw new SeqloomError('ERR_OPTION', `gradientsSync: expected { cotangents }, not ${describe(target)}`)
  }
  return engine.now('gradientsSync', 'callbacks', () => {
    const native = engine.ready()
    const inputs = inputsAtOnce(engine.topology, x)
    const seeds = runSync(convertCotangents(engine.topology, target.cotangents))
    return gradientsOf(
      callNative(() => native.gradientsSync(inputs, seeds)),
      engine.specs,
      false,
    )
  })
}

/** The learning rate of the next step. */
export function learningRate(engine: Engine): number {
  engine.compiled('learningRate')
  return engine.now('learningRate', 'callbacks', () => engine.learningRate())
}

/** Changes the learning rate. */
export function setLearningRate(engine: Engine, value: LearningRate): void {
  engine.compiled('learningRate')
  if (!reading('ERR_OPTION', 'learningRate', () => anyLearningRate.accepts(value))) {
    throw new SeqloomError('ERR_OPTION', `learningRate must be ${anyLearningRate.expected}, not ${describe(value)}`)
  }
  engine.now('learningRate', 'callbacks', () => engine.setLearningRate(value))
}

/** {@link Model.resetStates} */
export function resetStates(engine: Engine): void {
  engine.compiled('resetStates')
  engine.now('resetStates', 'never', () => callNative(() => engine.ready().resetStates()))
}
