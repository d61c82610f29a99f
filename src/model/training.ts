import { checkCallbacks, type History } from '../callbacks/callback.js'
import type { LoopEvent } from '../callbacks/moments.js'
import { runSliced, runSync } from '../data/index.js'
import type { DataSet } from '../data/tensor.js'
import { callNative, describe, reading, SeqloomError } from '../errors.js'
import type { CancelFlag, NativeTensor } from '../native/index.js'
import { anyLearningRate, type LearningRate } from '../optimizers/schedule.js'
import { abortSignal, checkOptions, flag } from '../options.js'
import { classWeights } from './classWeight.js'
import { type CompileOptions, plan, type TrainPlan } from './compile.js'
import type { Engine } from './engine.js'
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
import { convertExamples, convertInputs, type Examples } from './slots.js'
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
export async function train(model: Model, engine: Engine, x: DataSet, y: DataSet, given: FitOptions): Promise<History> {
  engine.checkTrainable('fit')
  const options = givenFit(given)
  checkFit(options)
  if (options.shuffle && model.layers.some(({ stateful }) => stateful)) {
    throw new SeqloomError('ERR_OPTION', 'fit: stateful layers need their rows in order, so shuffle must be false')
  }
  const compiled = engine.compiled('fit')
  const run = async () => {
    const native = engine.ready()
    const { signal, sampleWeight, validationData } = options
    const { trained } = compiled
    const classWeight = classWeights('fit', compiled, options.classWeight)
    const ranks = joinRanks(weightRanks(trained, sampleWeight), weightRanks(trained, validationData?.[2]))
    engine.need(classWeight.factors ? joinRanks(ranks, classRanks(trained)) : ranks, classWeight.native)
    const classFactors = classWeight.factors?.(options.validationSplit ?? 0)
    const data = await convert(engine, { x, y, sampleWeight, classFactors, searched: true }, signal)
    checkSplit(data[0]?.shape[0] ?? 0, options.validationSplit ?? 0)
    const validation = validationData && (await convert(engine, validationExamples(validationData), signal))
    const batches = fixedBatchSize(engine.topology) !== undefined && {
      batchSize: batchSizeFor('fit', engine.topology, options.batchSize),
    }
    return await runFit({
      model,
      engine,
      native,
      plan: compiled,
      data,
      validation,
      options: { ...options, ...batches },
    })
  }
  return await engine.alone('fit', run, options.signal)
}

/** {@link Model.evaluate}; one that `givesWay` lets synchronous calls in. */
export async function evaluate(
  model: Model,
  engine: Engine,
  x: DataSet,
  y: DataSet,
  options: EvaluateOptions,
  givesWay = false,
): Promise<number[] | Scores> {
  checkEvaluate(options)
  const compiled = engine.compiled('evaluate')
  const { signal, sampleWeight } = options
  const steps = options.steps ?? undefined
  const batchSize = batchSizeFor('evaluate', engine.topology, options.batchSize)
  const callbacks = checkCallbacks(options.callbacks, 'evaluate')
  const run = async () => {
    const native = engine.ready()
    needWeights(engine, 'evaluate', sampleWeight)
    const data = await convert(engine, { x, y, sampleWeight }, signal)
    const rows = data[0]?.shape[0] ?? 0
    checkRows('evaluate', engine.topology, rows)
    const call = (cancel: CancelFlag, onEvent?: (event: LoopEvent) => void) =>
      native.evaluate(data, batchSize, cancel, steps, onEvent)
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
    const inputs = runSync(convertInputs(engine.topology, x))
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

function needWeights(engine: Engine, what: string, sampleWeight: unknown): void {
  const ranks = weightRanks(engine.compiled(what).trained, sampleWeight)
  if (joinRanks(engine.weighted, ranks).join() === engine.weighted.join()) return
  engine.turns.check(`${what} with sampleWeight`, 'never')
  engine.need(ranks)
}

async function convert(engine: Engine, examples: Examples, signal?: AbortSignal): Promise<NativeTensor[]> {
  return await runSliced(convertExamples(engine.topology, engine.compiled('fit'), examples, engine.weighted), signal)
}

/** The loss and the metrics by name. */
const named = ({ metricNames }: TrainPlan, [loss = Number.NaN, ...metrics]: readonly number[]): Scores => ({
  loss,
  ...Object.fromEntries(metricNames.map((name, index) => [name, metrics[index] as number])),
})

function validationExamples(given: NonNullable<GivenFitOptions['validationData']>): Examples {
  const [x, y, sampleWeight] = reading('ERR_DATA', 'fit: validationData', () => [...given])
  return { x, y, sampleWeight, searched: true } as Examples
}
