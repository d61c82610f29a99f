import { describe, SeqloomError } from '../../errors.js'
import type { AnyMetric, CompileOptions } from '../../model/compile.js'
import type { Model } from '../../model/index.js'
import { outputNames as coreOutputNames } from '../../model/topology.js'
import { isRecord } from '../../options.js'
import type { Shape } from '../layers/symbolic.js'
import type { Optimizer } from '../optimizer.js'
import { type LossOrMetricFn, labelOf, lossOf, measureOf, nameOf } from './losses.js'
import { coreOptimizer, optimizerOf } from './optimizer.js'

/** Options of `model.compile`. */
export interface ModelCompileArgs {
  /** A name, or what `tf.train.*` returns. */
  optimizer: string | object
  /** A name or a function; for several outputs also an array, or an object by the outputs' names. */
  loss: string | string[] | LossOrMetricFn | LossOrMetricFn[] | { [outputName: string]: string | LossOrMetricFn }
  metrics?:
    | string
    | LossOrMetricFn
    | (string | LossOrMetricFn)[]
    | { [outputName: string]: string | LossOrMetricFn | (string | LossOrMetricFn)[] }
}

/** How a model trains. */
export interface Compiled {
  readonly optimizer: Optimizer
  /** The names of what a step returns, the loss first. */
  readonly metricsNames: readonly string[]
}

/** A model's outputs as it is compiled for them. */
export interface CompiledOutputs {
  readonly names: readonly string[]
  readonly shapes: readonly Shape[]
}

/** Compiles a model of ours as tfjs would. */
export function compileModel(core: Model, { names, shapes }: CompiledOutputs, args: ModelCompileArgs): Compiled {
  if (args?.loss == null) throw new SeqloomError('ERR_OPTION', 'compile: loss must be given')
  if (args.optimizer == null) throw new SeqloomError('ERR_OPTION', 'compile: optimizer must be given')
  const losses = perOutput(names, args.loss, 'loss')
  const metrics = metricsPerOutput(names, args.metrics)
  const optimizer = optimizerOf(args.optimizer)
  const coreNames = coreOutputNames(core.topology())
  const metricsNames = ['loss', ...(names.length > 1 ? names.map((name) => `${name}_loss`) : [])]
  const coreMetrics: Record<string, AnyMetric[]> = {}
  let count = 0
  names.forEach((name, at) => {
    const own = metrics[at] as readonly unknown[]
    coreMetrics[coreNames[at] as string] = own.map((metric) => {
      const { label, made } = metricOf(metric, losses[at], shapes[at] as Shape, `metric${count++}`)
      metricsNames.push(names.length > 1 ? `${name}_${label}` : label)
      return made
    })
  })
  const options = {
    optimizer: coreOptimizer(optimizer),
    loss: names.length > 1 ? losses.map(lossOf) : lossOf(losses[0]),
    metrics: coreMetrics,
  }
  core.compile(options as CompileOptions)
  // An optimizer that the model had before keeps the rate of its last step.
  core.learningRate = optimizer.effectiveRate
  return { optimizer, metricsNames: deduplicated(metricsNames) }
}

/** Names that occur twice get a number, as in tfjs. */
function deduplicated(names: readonly string[]): string[] {
  return names.map((name, at) => {
    const before = names.slice(0, at).filter((each) => each === name).length
    return before > 0 ? `${name}_${before}` : name
  })
}

function perOutput(names: readonly string[], given: unknown, what: string): unknown[] {
  if (Array.isArray(given)) {
    if (given.length !== names.length) {
      throw new SeqloomError(
        'ERR_OPTION',
        `When passing an Array as ${what}, it should have one entry per model output. The model has ${names.length} output(s), but you passed ${what}=${describe(given)}.`,
      )
    }
    return given
  }
  if (!isRecord(given)) return names.map(() => given)
  const unknown = Object.keys(given).find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new SeqloomError(
      'ERR_OPTION',
      `Unknown entry in ${what} dictionary: "${unknown}". Only expected the following keys: ${names}`,
    )
  }
  return names.map((name) => {
    if (given[name] !== undefined) return given[name]
    throw new SeqloomError('ERR_OPTION', `Output "${name}" is missing from ${what} dictionary`)
  })
}

function metricsPerOutput(names: readonly string[], given: unknown): readonly (readonly unknown[])[] {
  if (given === undefined || given === null || (Array.isArray(given) && given.length === 0)) return names.map(() => [])
  if (typeof given === 'string' || typeof given === 'function') return names.map(() => [given])
  if (Array.isArray(given)) return names.map(() => given)
  if (isRecord(given)) return names.map((name) => (Object.hasOwn(given, name) ? [given[name]].flat() : []))
  throw new SeqloomError(
    'ERR_OPTION',
    `Type of metrics argument not understood. Expected an string,function, Array, or Object, found: ${describe(given)}`,
  )
}

/** Metrics that ours have under the same name. */
const native = [
  ...['binaryAccuracy', 'categoricalAccuracy', 'sparseCategoricalAccuracy', 'precision', 'recall'],
  ...['meanSquaredError', 'meanAbsoluteError'],
]

/** A metric of ours, and the name that histories have it under. */
function metricOf(given: unknown, loss: unknown, shape: Shape, name: string): { label: string; made: AnyMetric } {
  const kind = (own: string) => ({ kind: own, name }) as AnyMetric
  const lossName = nameOf(loss)
  if (given === 'accuracy' || given === 'acc') {
    const isBinary = shape.at(-1) === 1 || lossName === 'binaryCrossentropy'
    const isSparse = lossName === 'sparseCategoricalCrossentropy'
    const own =
      isSparse && shape.at(-1) !== 1 ? 'sparseCategoricalAccuracy' : isBinary ? 'binaryAccuracy' : 'categoricalAccuracy'
    return { label: 'acc', made: kind(own) }
  }
  if (given === 'crossentropy' || given === 'ce') {
    const isBinary = shape.at(-1) === 1 || lossName === 'binaryCrossentropy'
    return { label: 'ce', made: named(measureOf(isBinary ? 'binaryCrossentropy' : 'categoricalCrossentropy'), name) }
  }
  const known = nameOf(given)
  const label = labelOf(given)
  // Ours do not compare class numbers with probabilities; tfjs does, whatever comes of it.
  const isOfClasses = lossName !== 'sparseCategoricalCrossentropy' || known === 'sparseCategoricalAccuracy'
  if (known !== undefined && native.includes(known) && isOfClasses) return { label, made: kind(known) }
  return { label, made: named(measureOf(given), name) }
}

// biome-ignore lint/suspicious/noExplicitAny: a function of symbolic values of any kind.
function named(call: (...args: any[]) => any, name: string): AnyMetric {
  const own = (...args: unknown[]) => call(...args)
  Object.defineProperty(own, 'name', { value: name })
  return own as AnyMetric
}
