import { projection } from '../constraints/projection.js'
import type { Slot } from '../data/elements.js'
import { describe, reading, requireReadable, SeqloomError } from '../errors.js'
import type { Value } from '../graph/builder.js'
import type { Shape } from '../graph/shape.js'
import { lowerOfWeight } from '../graph/trace/expression.js'
import type { TrainSpec, WireInput } from '../graph/wire.js'
import { type AnyLoss, type Loss, type LossName, resolveLoss } from '../losses/loss.js'
import {
  isTraced,
  lowerMean,
  lowerMeasure,
  type TracedFunction,
  type TracedMeasure,
  traceMeasure,
} from '../losses/traced.js'
import { type Metric, type MetricName, type MetricNode, metricNode, resolveMetric } from '../metrics/metric.js'
import { resolveOptimizer } from '../optimizers/resolve.js'
import type { Optimizer, OptimizerKind } from '../optimizers/rules.js'
import { checkOptions, custom, isCallable, isRecord } from '../options.js'
import { penalty } from '../regularizers/penalty.js'
import { lower } from './lower.js'
import { outputNames, type Topology } from './topology.js'

/** One thing for every output, or one for each: in order, or by the output's name. */
export type PerOutput<T> = T | readonly (T | null)[] | { readonly [output: string]: T }

/** A metric's name, what `metrics.*` returns, or a function of your own. */
export type AnyMetric = MetricName | Metric | TracedFunction

/** Options of {@link Model.compile}. */
export interface CompileOptions {
  /** A name with its default settings, or what `optimizers.*` returns. */
  readonly optimizer: OptimizerKind | Optimizer
  /**
   * A name, what `losses.*` returns, or a function of your own. For several outputs also an array, or an object by
   * output name; outputs may be left out.
   */
  readonly loss: PerOutput<LossName | Loss | TracedFunction>
  /**
   * Metrics for every output, or an object of them by output name. Functions of your own are named after the function.
   */
  readonly metrics?: readonly AnyMetric[] | { readonly [output: string]: AnyMetric | readonly AnyMetric[] }
  /** The factor of each output's loss in the total; default 1. */
  readonly lossWeights?: readonly number[] | { readonly [output: string]: number }
}

/** An output that is trained. */
export interface TrainedOutput {
  readonly index: number
  readonly name: string
  readonly shape: Shape
  readonly loss: AnyLoss
  readonly weight: number
  readonly metrics: readonly TrainedMetric[]
}

/** A metric of an output, under its name in histories. */
interface TrainedMetric {
  readonly name: string
  readonly measure: TracedMeasure | MetricNode
}

/** What a compiled model trains on. */
export interface TrainPlan {
  readonly optimizer: Optimizer
  readonly trained: readonly TrainedOutput[]
  /** The targets, in the order of the trained outputs. */
  readonly targets: readonly Slot[]
  /** The names of the values that follow the loss in evaluations and histories. */
  readonly metricNames: readonly string[]
  /** The options, for saving. */
  readonly saved: Readonly<Record<string, unknown>>
}

/** Checks what `compile` was given against the model's outputs. */
export function plan(topology: Topology, options: CompileOptions): TrainPlan {
  requireReadable('compile', options)
  checkOptions('compile', options, {
    accepted: {
      optimizer: custom('a name or what optimizers.* returns', () => true),
      loss: custom('a name, what losses.* returns, or one for each output', () => true),
      metrics: custom('an array, or an object by output name', (v) => Array.isArray(v) || isRecord(v)),
      lossWeights: custom('an array of numbers, or an object by output name', (v) => Array.isArray(v) || isRecord(v)),
    },
    required: ['optimizer', 'loss'],
    refused: {
      weightedMetrics: [null],
      runEagerly: [false],
      stepsPerExecution: [1],
      jitCompile: ['auto', false],
      autoScaleLoss: [],
    },
  })
  const optimizer = reading('ERR_OPTION', 'compile: optimizer', () => resolveOptimizer(options.optimizer))
  const names = outputNames(topology)
  const given = reading('ERR_OPTION', 'compile: loss', () => spread(names, options.loss, isLoss, 'loss'))
  const weights = spread(names, options.lossWeights, (v) => v === undefined, 'lossWeights')
  const metrics = spreadMetrics(names, options.metrics)
  const trained: TrainedOutput[] = []
  for (const [index, name] of names.entries()) {
    if (given[index] === undefined || given[index] === null) continue
    const shape = topology.outputs[index]?.shape as Shape
    const loss = resolveLoss(given[index], shape)
    const weight = weights[index] ?? 1
    if (typeof weight !== 'number' || !Number.isFinite(weight)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `compile: lossWeights of '${name}' must be a finite number, not ${describe(weight)}`,
      )
    }
    const own = (metrics[index] ?? []).map((metric) => {
      const { name: plain, measure } = trainedMetric(metric, loss, shape)
      return { name: names.length > 1 ? `${name}_${plain}` : plain, measure }
    })
    requireUnique(own.map((metric) => metric.name))
    trained.push({ index, name, shape, loss, weight, metrics: own })
  }
  if (trained.length === 0) throw new SeqloomError('ERR_OPTION', 'compile: no output has a loss')
  const perLoss = trained.length > 1 ? trained.map(({ name }) => `${name}_loss`) : []
  return {
    optimizer,
    trained,
    targets: trained.map(targetSlot),
    metricNames: [...perLoss, ...trained.flatMap((output) => output.metrics.map((metric) => metric.name))],
    saved: {
      optimizer,
      loss: given.some(isCallable)
        ? names.map((_, index) => trained.find((output) => output.index === index)?.loss ?? null)
        : options.loss,
      ...(options.metrics === undefined ? {} : { metrics: savedMetrics(options.metrics, metrics, trained) }),
      ...(options.lossWeights === undefined ? {} : { lossWeights: options.lossWeights }),
    },
  }
}

/** The factors of the loss that a training graph takes. */
export interface LossFactors {
  /** Whether there is an input for sample weights. */
  readonly weighted: boolean
  /** A factor for each class; none for ones. */
  readonly classWeights: readonly number[]
}

/**
 * The graph with targets, losses and metrics, in the form that native code reads. `changed` says which weights training
 * changes; by default, those of trainable layers.
 */
export function trainSpec(
  topology: Topology,
  { trained, targets }: TrainPlan,
  { weighted, classWeights }: LossFactors,
  changed?: readonly boolean[],
): TrainSpec {
  const extra: WireInput[] = targets.map(({ name, dtype, shape }) => ({ name: `target ${name}`, dtype, shape }))
  if (weighted) extra.push({ name: 'sampleWeight', dtype: 'float32', shape: [null] })
  const { builder, outputs, extra: added } = lower(topology, extra, changed)
  const weights = weighted ? [added.at(-1) as Value] : []
  const all = [...outputs]
  const scalar: readonly Shape[] = [[], []]
  const losses = trained.map(({ index, name, loss, weight }, at) => {
    const inputs = [outputs[index] as Value, added[at] as Value, ...weights]
    const output = all.length
    if (loss.kind === 'traced') {
      const [prediction, target] = inputs as [Value, Value]
      all.push(...lowerMeasure(builder, `${name}/loss`, loss, [target, prediction], weights))
    } else {
      const { fromLogits = false, ...settings } = loss
      const factors = classWeights.length > 0 ? { classWeights } : {}
      const attributes = { fromLogits, ...settings, ...factors }
      all.push(...builder.node('loss', `${name}/loss`, inputs, [], scalar, attributes))
    }
    return { output, weight }
  })
  for (const { name, value } of builder.losses) {
    losses.push({ output: all.length, weight: 1 })
    all.push(...lowerMean(builder, `${name}/addedLoss`, value, 2, []))
  }
  const ruled = builder.ruled.filter(({ weight }) => weight.trainable)
  for (const { index, weight, regularizer } of ruled) {
    if (!regularizer) continue
    const axes = weight.shape.map((_, axis) => axis)
    const name = `${weight.name}/regularizer`
    const value = lowerOfWeight(builder, name, { index, shape: weight.shape }, (w) => penalty(w, regularizer, axes))
    // Over an epoch it is averaged as the loss is.
    const count = all[(losses[0]?.output as number) + 1] as Value
    losses.push({ output: all.length, weight: 1 })
    all.push(value, count)
  }
  const metrics: TrainSpec['metrics'][number][] =
    trained.length > 1
      ? losses.slice(0, trained.length).map(({ output }, at) => ({ name: `${trained[at]?.name}_loss`, output }))
      : []
  for (const [at, { index, loss, metrics: own }] of trained.entries()) {
    const values = [outputs[index] as Value, added[at] as Value] as const
    const counted = new Map<string, number>()
    for (const { name, measure } of own) {
      if ('kind' in measure) {
        metrics.push({ name, output: all.length })
        all.push(...lowerMeasure(builder, name, measure, [values[1], values[0]], []))
        continue
      }
      if (measure.op === 'metric') {
        metrics.push({ name, output: all.length })
        all.push(...builder.node('metric', name, values, [], scalar, measure.attributes))
        continue
      }
      if (measure.op === 'counts') {
        // Precision, recall and F1 of the same decisions read the same counts.
        const key = JSON.stringify(measure.attributes)
        const output = counted.get(key) ?? all.length
        counted.set(key, output)
        metrics.push({ name, output, summary: measure.summary })
        if (output === all.length) all.push(...builder.node('counts', name, values, [], [[null]], measure.attributes))
        continue
      }
      const plain = !weighted && classWeights.length === 0 && !(loss as Loss).labelSmoothing
      const output = plain ? (losses[at]?.output as number) : all.length
      metrics.push({ name, output, summary: { kind: 'exponential' } })
      if (plain) continue
      const { kind, fromLogits = false } = loss as Loss
      all.push(...builder.node('loss', name, values, [], scalar, { kind, fromLogits }))
    }
  }
  const updates = builder.replaced.map(({ weight, value }) => ({ weight, output: all.push(value) - 1 }))
  const constraints = ruled.flatMap(({ index, weight, constraint }) => {
    if (!constraint) return []
    const name = `${weight.name}/constraint`
    const output = all.length
    all.push(lowerOfWeight(builder, name, { index, shape: weight.shape }, (w) => projection(w, constraint)))
    return [{ weight: index, output }]
  })
  return {
    graph: builder.finish(all),
    losses,
    metrics,
    ...(updates.length > 0 && { updates }),
    ...(constraints.length > 0 && { constraints }),
  }
}

/** The metrics as they are saved: functions as their operations. */
function savedMetrics(
  given: CompileOptions['metrics'],
  perOutput: readonly (readonly unknown[])[],
  trained: readonly TrainedOutput[],
): unknown {
  if (!perOutput.some((own) => own.some(isCallable))) return given
  const saved = trained.map(({ index, name, metrics }) => {
    const own = (perOutput[index] ?? []).map((metric, at) => (isCallable(metric) ? metrics[at]?.measure : metric))
    return [name, own] as const
  })
  return Object.fromEntries(saved)
}

/** A metric for an output that is trained with a loss, and its own name. */
function trainedMetric(given: unknown, loss: AnyLoss, output: Shape): TrainedMetric {
  if (isCallable(given)) {
    const targets = loss.kind === 'sparseCategoricalCrossentropy' ? output.slice(0, -1) : output
    const measure = traceMeasure('metric', given as TracedFunction, output, targets)
    return { name: measure.name, measure }
  }
  return reading('ERR_OPTION', 'compile: metrics', () => {
    if (isTraced(given)) return { name: given.name, measure: given }
    const resolved = resolveMetric(given)
    return { name: resolved.name, measure: metricNode(resolved, loss, output) }
  })
}

function targetSlot({ name, shape, loss }: TrainedOutput): Slot {
  const sparse = loss.kind === 'sparseCategoricalCrossentropy'
  return {
    where: `target '${name}'`,
    name,
    dtype: sparse ? 'int32' : 'float32',
    shape: sparse ? shape.slice(0, -1) : shape,
    looseLast: true,
  }
}

function isLoss(value: unknown): boolean {
  return !Array.isArray(value) && (!isRecord(value) || typeof value.kind === 'string')
}

/** One entry per output, from values given for all outputs, in order or by name. */
function spread(names: readonly string[], given: unknown, forAll: (v: unknown) => boolean, what: string): unknown[] {
  if (forAll(given)) return names.map(() => given)
  if (Array.isArray(given)) {
    if (given.length !== names.length) {
      throw new SeqloomError(
        'ERR_OPTION',
        `compile: ${what} has ${given.length} entries, the model has ${names.length} outputs (${names.join(', ')})`,
      )
    }
    return given
  }
  const byName = given as Readonly<Record<string, unknown>>
  const unknown = Object.keys(byName).find((name) => !names.includes(name))
  if (unknown !== undefined) {
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: ${what} names '${unknown}', which is no output; the outputs are ${names.join(', ')}`,
    )
  }
  return names.map((name) => (Object.hasOwn(byName, name) ? byName[name] : undefined))
}

function spreadMetrics(names: readonly string[], given: CompileOptions['metrics']): readonly (readonly unknown[])[] {
  if (given === undefined) return names.map(() => [])
  // Copies, so that holes in an array are refused like undefined.
  if (Array.isArray(given)) return names.map(() => Array.from(given))
  return spread(names, given, () => false, 'metrics').map((own) =>
    own === undefined ? [] : Array.isArray(own) ? Array.from(own) : [own],
  )
}

/** Names that events use for other things. */
const reserved = ['loss', 'val_loss', 'type', 'epoch', 'batch', 'batches', 'size', 'seconds', '__proto__']

function requireUnique(names: readonly string[]): void {
  const validated = names.map((name) => `val_${name}`)
  const repeated = names.find(
    (name, index) => reserved.includes(name) || names.indexOf(name) !== index || validated.includes(name),
  )
  if (repeated !== undefined) {
    throw new SeqloomError('ERR_OPTION', `compile: the metric name '${repeated}' is taken; give another with { name }`)
  }
}
