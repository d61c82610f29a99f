import { projection } from '../constraints/projection.js'
import type { Slot } from '../data/elements.js'
import { describe, reading, requireReadable, SeqloomError } from '../errors.js'
import type { GraphBuilder, Value } from '../graph/builder.js'
import { type Shape, showShape } from '../graph/shape.js'
import { lowerOfWeight } from '../graph/trace/expression.js'
import type { Precision, TrainSpec, WireInput } from '../graph/wire.js'
import { CRF } from '../layers/crf.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { type AnyLoss, hasLabels, isUnaligned, type Loss, type LossName, resolveLoss } from '../losses/loss.js'
import { lowerCounted, lowerLoss, lowerProduct } from '../losses/lower.js'
import { isTraced, lowerMean, type TracedFunction, type TracedMeasure, traceMeasure } from '../losses/traced.js'
import { isFormula, lowerMetric } from '../metrics/lower.js'
import { type Metric, type MetricName, resolveMetric } from '../metrics/metric.js'
import { type MetricNode, metricNode, plain } from '../metrics/node.js'
import { writtenRate } from '../optimizers/optimizer.js'
import { resolveOptimizer } from '../optimizers/resolve.js'
import type { Optimizer, OptimizerKind } from '../optimizers/rules.js'
import { checkOptions, custom, integer, isCallable, isRecord, orNull } from '../options.js'
import { penalty } from '../regularizers/penalty.js'
import { lower } from './lower.js'
import { outputNames, type Topology } from './topology.js'

/** @inline One thing for every output, or one for each: in order, or by the output's name. */
export type PerOutput<T> = T | readonly (T | null)[] | { readonly [output: string]: T }

/** A metric's name, what `metrics.*` or `losses.*` returns, or a function of your own. */
export type AnyMetric = MetricName | Metric | Loss | TracedFunction

/**
 * @inline Metrics for every output: one, or an array. Or those of each output, one or several: as an array of arrays in the
 * order of outputs (null for none), or by output name.
 */
export type Metrics =
  | AnyMetric
  | readonly AnyMetric[]
  | readonly (readonly AnyMetric[] | null)[]
  | { readonly [output: string]: AnyMetric | readonly AnyMetric[] | null }

/** Options of {@link Model.compile}. */
export interface CompileOptions {
  /** A name with its default settings, or what `optimizers.*` returns. */
  readonly optimizer: OptimizerKind | Optimizer
  /**
   * A name, what `losses.*` returns, or a function of your own. For several outputs also an array, or an object by
   * output name; outputs may be left out.
   */
  readonly loss: PerOutput<LossName | Loss | TracedFunction>
  /** What is measured besides the loss. Functions of your own are named after the function. */
  readonly metrics?: Metrics | null
  /**
   * Metrics in which sample weights count: the sum of the weighted values by the sum of the weights. One that is also
   * in `metrics` is called `weighted_…`.
   */
  readonly weightedMetrics?: Metrics | null
  /** The factor of each output's loss in the total; default 1. A single output may have it as a number. */
  readonly lossWeights?: readonly (number | null)[] | { readonly [output: string]: number } | number | null
  /**
   * What products with weights are computed in, in training and in prediction: those of simple RNN, LSTM and GRU, of
   * dense and convolutional layers, and those within the loop of traced cells. With `'bfloat16'`, both factors are
   * rounded to bfloat16 (8 significant bits, to nearest, ties to even; denormals count as zero), while sums, states,
   * activations, weights and the optimizer stay float32, and so does what is saved. Sessions stay float32. It needs a
   * processor with AVX512-BF16, elsewhere it is `ERR_UNSUPPORTED`; {@link backend} says whether there is one. Default
   * `'float32'`.
   */
  readonly precision?: Precision
  /**
   * Training keeps the states of `lstm`, `gru` and `simpleRNN` layers at every so many steps only, and computes the gates
   * of the steps between again in the backward pass (Chen et al., Training deep nets with sublinear memory cost, 2016):
   * less memory for long sequences, for the time of one more forward pass of these layers. The results are the same, bit
   * for bit. A good number is near the square root of the number of steps. `ERR_UNSUPPORTED` if the model has none of
   * these layers, or also traced cells, which keep all steps; layers with `recurrentDropout` run as such. Default null:
   * all steps are kept.
   */
  readonly checkpointEvery?: number | null
  /** Of no effect. */
  readonly runEagerly?: boolean
  /** Of no effect. */
  readonly jitCompile?: boolean | 'auto'
  /** Of no effect: every step is one native call. */
  readonly stepsPerExecution?: number | 'auto' | null
}

/** An output that is trained. */
export interface TrainedOutput {
  readonly index: number
  readonly name: string
  readonly shape: Shape
  readonly loss: AnyLoss
  readonly weight: number
  readonly metrics: readonly TrainedMetric[]
  /** The names of the tags that it is, if `layers.crf` makes it. */
  readonly tags?: readonly string[]
}

/** A metric of an output, under its name in histories. */
interface TrainedMetric {
  readonly name: string
  readonly measure: TracedMeasure | MetricNode
  /** Whether sample weights count. */
  readonly weighted: boolean
}

/** What a compiled model trains on. */
export interface TrainPlan {
  readonly optimizer: Optimizer
  /** The optimizer as it was given. */
  readonly given: CompileOptions['optimizer']
  readonly trained: readonly TrainedOutput[]
  /** The targets, in the order of the trained outputs. */
  readonly targets: readonly Slot[]
  /** The names of the values that follow the loss in evaluations and histories. */
  readonly metricNames: readonly string[]
  readonly precision: Precision
  readonly checkpointEvery?: number
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
      metrics: someMetrics,
      weightedMetrics: someMetrics,
      lossWeights: custom(
        'an array of numbers, an object by output name, or for a single output a number',
        (v) => v === null || typeof v === 'number' || Array.isArray(v) || isRecord(v),
      ),
      stepsPerExecution: custom(
        "an integer of at least 1, 'auto' or null",
        (v) => v === null || v === 'auto' || (Number.isInteger(v) && (v as number) >= 1),
      ),
      checkpointEvery: orNull(integer(1)),
      precision: custom("'float32' or 'bfloat16'", (v) => v === 'float32' || v === 'bfloat16'),
    },
    required: ['optimizer', 'loss'],
    refused: {
      runEagerly: [true, false],
      jitCompile: ['auto', true, false],
      autoScaleLoss: [true, false],
    },
  })
  const optimizer = reading('ERR_OPTION', 'compile: optimizer', () => resolveOptimizer(options.optimizer))
  const names = outputNames(topology)
  const given = reading('ERR_OPTION', 'compile: loss', () => spread(names, options.loss, isLoss, 'loss'))
  const one = (v: unknown) => v === undefined || v === null || (typeof v === 'number' && names.length === 1)
  if (typeof options.lossWeights === 'number' && names.length > 1) {
    throw new SeqloomError('ERR_OPTION', `compile: lossWeights must have a number for each of ${names.join(', ')}`)
  }
  const weights = spread(names, options.lossWeights, one, 'lossWeights')
  const metrics = spreadMetrics(names, options.metrics, 'metrics')
  const weightedMetrics = spreadMetrics(names, options.weightedMetrics, 'weightedMetrics')
  const trained: TrainedOutput[] = []
  for (const [index, name] of names.entries()) {
    if (given[index] === undefined || given[index] === null) continue
    const output = topology.outputs[index] as SymbolicTensor
    const { shape } = output
    const loss = resolveLoss(given[index], shape)
    const chain = chainOf(output, name, loss)
    // What metrics compare with the targets.
    const decided = chain ? [...shape, chain.size] : shape
    const weight = weights[index] ?? 1
    if (typeof weight !== 'number' || !Number.isFinite(weight)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `compile: lossWeights of '${name}' must be a finite number, not ${describe(weight)}`,
      )
    }
    const taken = new Set<string>()
    const named = (metric: unknown, weighted: boolean): TrainedMetric => {
      const { name: first, measure } = trainedMetric(metric, loss, decided)
      const short = weighted && taken.has(first) ? `weighted_${first}` : first
      taken.add(short)
      return { name: names.length > 1 ? `${name}_${short}` : short, measure, weighted }
    }
    const own = [
      ...(metrics[index] ?? []).map((metric) => named(metric, false)),
      ...(weightedMetrics[index] ?? []).map((metric) => named(metric, true)),
    ]
    requireUnique(own.map((metric) => metric.name))
    trained.push({ index, name, shape, loss, weight, metrics: own, ...(chain?.names && { tags: chain.names }) })
  }
  if (trained.length === 0) throw new SeqloomError('ERR_OPTION', 'compile: no output has a loss')
  const checkpointEvery = options.checkpointEvery ?? undefined
  const perLoss = trained.length > 1 ? trained.map(({ name }) => `${name}_loss`) : []
  return {
    optimizer,
    given: options.optimizer,
    trained,
    targets: trained.map(targetSlot),
    metricNames: [...perLoss, ...trained.flatMap((output) => output.metrics.map((metric) => metric.name))],
    precision: options.precision ?? 'float32',
    ...(checkpointEvery !== undefined && { checkpointEvery }),
    saved: {
      optimizer: written(optimizer),
      loss: given.some(isCallable)
        ? names.map((_, index) => trained.find((output) => output.index === index)?.loss ?? null)
        : options.loss,
      ...(options.metrics == null ? {} : { metrics: savedMetrics(options.metrics, metrics, trained, false) }),
      ...(options.weightedMetrics == null
        ? {}
        : { weightedMetrics: savedMetrics(options.weightedMetrics, weightedMetrics, trained, true) }),
      ...(options.lossWeights == null ? {} : { lossWeights: options.lossWeights }),
      ...(options.precision === 'bfloat16' && { precision: options.precision }),
      ...(checkpointEvery !== undefined && { checkpointEvery }),
    },
  }
}

/** An optimizer as it is saved, and as native code is told of it. */
const written = (optimizer: Optimizer) => ({ ...optimizer, learningRate: writtenRate(optimizer.learningRate) })

/** A plan with another optimizer. */
export const withOptimizer = (made: TrainPlan, optimizer: Optimizer): TrainPlan => ({
  ...made,
  optimizer,
  saved: { ...made.saved, optimizer: written(optimizer) },
})

/** The factors of the loss that a training graph takes. */
export interface LossFactors {
  /**
   * The ranks of inputs for sample weights, 1 for a factor of each row and 2 for one of each step: none, one for all
   * outputs, or one for each.
   */
  readonly weighted: readonly number[]
  /** A factor for each class; none for ones. */
  readonly classWeights: readonly number[]
}

/**
 * The graph with targets, losses and metrics, in the form that native code reads. `changed` says which weights training
 * changes; by default, those of trainable layers.
 */
export function trainSpec(
  topology: Topology,
  { trained, targets, precision, checkpointEvery }: TrainPlan,
  { weighted, classWeights }: LossFactors,
  changed?: readonly boolean[],
): TrainSpec {
  const extra: WireInput[] = targets.map(({ name, dtype, shape }) => ({ name: `target ${name}`, dtype, shape }))
  extra.push(...weightSlots(trained, weighted))
  const { builder, outputs, extra: added } = lower(topology, extra, changed)
  const weights = added.slice(targets.length)
  const all = [...outputs]
  const losses: { output: number; weight: number; summed?: boolean }[] = trained.map(
    ({ index, name, loss, weight, tags }, at) => {
      const inputs = {
        prediction: outputs[index] as Value,
        target: added[at] as Value,
        weights: weights[at] ?? weights[0],
        classWeights,
        tags,
      }
      const output = all.length
      all.push(...lowerLoss(builder, `${name}/loss`, loss, inputs))
      const summed = loss.kind !== 'traced' && (loss as Loss).reduction === 'sum'
      return { output, weight, ...(summed && { summed }) }
    },
  )
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
  for (const [at, { index, name: output, loss, metrics: own }] of trained.entries()) {
    const [given, target] = [outputs[index] as Value, added[at] as Value]
    const prediction = loss.kind === 'crf' ? decisions(builder, given) : given
    const factor = weights[at] ?? weights[0]
    const known = new Map<string, number>()
    if (!factor && classWeights.length === 0 && isPlain(loss)) {
      known.set(JSON.stringify(plain(loss)), losses[at]?.output as number)
    }
    const counted = own.length > 0 ? lowerCounted(builder, output, loss, target) : undefined
    // What a metric gives, be it no number, must not get into the gradients: nothing times zero is NaN, too.
    let apart: Value | undefined
    const untrained = () => {
      apart ??= builder.node('stopGradient', `${output}/measured`, [prediction], [], [prediction.shape], {})[0] as Value
      return apart
    }
    for (const { name, measure, weighted: isWeighted } of own) {
      const weights = lowerProduct(builder, output, isWeighted ? factor : undefined, counted)
      const { key, summary, values } = lowerMetric(builder, name, measure, {
        prediction: isFormula(measure) ? untrained() : prediction,
        target,
        weights,
      })
      const first = (key === undefined ? undefined : known.get(key)) ?? all.length
      if (key !== undefined) known.set(key, first)
      metrics.push({ name, output: first, ...(summary && { summary }) })
      if (first === all.length) all.push(...values())
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
    ...(precision !== 'float32' && { precision }),
    ...(checkpointEvery !== undefined && { checkpointEvery }),
  }
}

/** The tags that `layers.crf` predicts as ones among zeros, as metrics compare them. */
function decisions(builder: GraphBuilder, tags: Value): Value {
  const id = builder.maker(tags)?.outputs[1] as number
  return { id, shape: builder.shapes.get(id) as Shape }
}

/** The layer that makes an output of tags, if one does: a loss that does not fit it is `ERR_OPTION`. */
function chainOf({ call, index, shape }: SymbolicTensor, name: string, { kind }: AnyLoss): CRF | undefined {
  const { layer } = call
  if (!(layer instanceof CRF)) {
    if (kind !== 'crf') return undefined
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: the loss of '${name}' is crf, but layers.crf does not make that output`,
    )
  }
  if (kind === 'crf' && index === 0) return layer
  const why =
    index === 0
      ? `are tags of layers.crf, which losses.crf() trains, not ${kind}`
      : `of shape ${showShape(shape)} have no gradient: give the first output of layers.crf a loss, losses.crf()`
  throw new SeqloomError('ERR_OPTION', `compile: the values of '${name}' ${why}`)
}

/** Whether a loss is the mean that a metric of the same kind would be. */
const isPlain = (loss: AnyLoss): loss is Loss =>
  loss.kind !== 'traced' && !loss.labelSmoothing && !['sum', 'meanWithSampleWeight'].includes(loss.reduction as string)

/** The inputs for sample weights of some ranks. */
export const weightSlots = (trained: readonly TrainedOutput[], ranks: readonly number[]): WireInput[] =>
  ranks.map((rank, at) => ({
    name: ranks.length > 1 ? `sampleWeight ${trained[at]?.name}` : 'sampleWeight',
    dtype: 'float32',
    shape: new Array<null>(rank).fill(null),
  }))

/** The metrics as they are saved: functions as their operations. */
function savedMetrics(
  given: Metrics,
  perOutput: readonly (readonly unknown[])[],
  trained: readonly TrainedOutput[],
  weighted: boolean,
): unknown {
  if (!perOutput.some((own) => own.some(isCallable))) return given
  const saved = trained.map(({ index, name, metrics }) => {
    const made = metrics.filter((metric) => metric.weighted === weighted)
    const own = (perOutput[index] ?? []).map((metric, at) => (isCallable(metric) ? made[at]?.measure : metric))
    return [name, own] as const
  })
  return Object.fromEntries(saved)
}

/** A metric for an output that is trained with a loss, and its own name. */
function trainedMetric(given: unknown, loss: AnyLoss, output: Shape): Omit<TrainedMetric, 'weighted'> {
  if (isUnaligned(loss)) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `compile: metrics compare steps, but targets of the loss ${loss.kind} have none: decode (text.${loss.kind}Decode) and measure with text.characterErrorRate`,
    )
  }
  if (isCallable(given)) {
    const targets = hasLabels(loss) ? output.slice(0, -1) : output
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
  const sparse = hasLabels(loss)
  const where = `target '${name}'`
  if (isUnaligned(loss)) return { where, name, dtype: 'int32', shape: [null, null], looseLast: false, filler: -1 }
  return {
    where,
    name,
    dtype: sparse ? 'int32' : 'float32',
    shape: sparse && loss.kind !== 'crf' ? shape.slice(0, -1) : shape,
    looseLast: true,
  }
}

function isLoss(value: unknown): boolean {
  return reading(
    'ERR_OPTION',
    'compile',
    () => !Array.isArray(value) && (!isRecord(value) || typeof value.kind === 'string'),
  )
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

const someMetrics = custom(
  'a metric, an array of metrics, or an object of them by output name',
  (v) => v === null || typeof v === 'string' || isCallable(v) || Array.isArray(v) || isRecord(v),
)

function spreadMetrics(names: readonly string[], given: unknown, what: string): readonly (readonly unknown[])[] {
  const listed = (own: unknown): unknown[] => (own == null ? [] : Array.isArray(own) ? Array.from(own) : [own])
  const single = !Array.isArray(given) && isLoss(given)
  if (given === undefined || given === null || single) return names.map(() => listed(given))
  // Copies, so that holes in an array are refused like undefined.
  const perOutput = Array.isArray(given) && given.some(Array.isArray)
  if (Array.isArray(given) && !perOutput) return names.map(() => Array.from(given))
  return spread(names, given, () => false, what).map(listed)
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
