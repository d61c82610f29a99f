import { SeqloomError } from '../errors.js'
import { type Check, checkOptions, custom, flag, integer, isRecord, number, oneOf, positive } from '../options.js'
import { readSettings, type Settings } from '../settings.js'
import { type LearningRate, anyLearningRate as rate, type Schedule } from './schedule.js'

/** Options of every optimizer; those that are null are left out. */
export interface OptimizerOptions {
  /**
   * The step size: a number, a schedule from `schedules.*`, or a function of the number of batches so far (each is a
   * step unless `gradientAccumulationSteps` makes one of several). The default is Keras's for each optimizer. A
   * function is not saved with a model.
   */
  readonly learningRate?: LearningRate
  /** Limits every element of the gradient to this magnitude. */
  readonly clipValue?: number | null
  /** Scales each weight's gradient down to this norm. */
  readonly clipNorm?: number | null
  /** Scales all gradients down together to this norm. */
  readonly globalClipNorm?: number | null
  /**
   * Decoupled decay (Loshchilov and Hutter 2019): before every step, w ← (1 − rate · weightDecay) · w. Default none,
   * but for optimizers that have one of their own.
   */
  readonly weightDecay?: number | null
  /** Parts of the names of weights that do not decay, such as `['bias', 'embeddings']`; default none. */
  readonly excludeFromWeightDecay?: readonly string[]
  /**
   * Whether to keep a moving mean of the weights, which they become at the end of `fit`: a ← emaMomentum · a + (1 −
   * emaMomentum) · w after every batch, from w on. Default false.
   */
  readonly useEma?: boolean
  /** The share of the mean that a batch leaves; default 0.99. */
  readonly emaMomentum?: number
  /** After so many steps, the weights become their mean each time; default null: only at the end of `fit`. */
  readonly emaOverwriteFrequency?: number | null
  /**
   * How many batches make up a step, whose gradient is the mean of theirs; clipping and decay are of steps. Where
   * batches have different numbers of rows, each counts the same. An epoch's last batches are continued by the next
   * one. As in Keras, schedules and the mean of the weights follow batches all the same, so that a schedule's course
   * over the epochs stays what it was. Default null: every batch is a step.
   */
  readonly gradientAccumulationSteps?: number | null
  /**
   * Lookahead (Zhang et al. 2019): after every `syncPeriod` steps (default 6), slow weights follow by `slowStepSize`
   * (default 0.5) of the way, and the weights go back to them. `true` for the defaults. Default null.
   */
  readonly lookahead?: LookaheadOptions | boolean | null
  /**
   * Lazy updates of embedding tables: rows without a gradient in a step's batches stay as they are, with their moments
   * and without decay, so that the time of a step does not grow with the vocabulary. Rows that have one are updated as
   * always; the corrections of Adam's moments count all steps. With `formula: 'keras'`, `adam` is PyTorch's
   * `SparseAdam` then; TensorFlow Addons calls it `LazyAdam`. For `adagrad`, and `sgd` without momentum, this changes
   * no result. `ERR_UNSUPPORTED` with `useEma` or `lookahead`, for `adafactor`, `ftrl`, `lamb` and `muon`, and in
   * `compile` for a table that is used as a whole too: by a regularizer, a constraint, or a layer that shares it.
   * Default false.
   */
  readonly sparse?: boolean
  /**
   * How the optimizer's states (moments and the like) are kept: `'bfloat16'` takes half the bytes of `'float32'`, in memory and in
   * files. A step computes in float32 and rounds what it keeps, up or down at random, so that the expected value is the exact one
   * (stochastic rounding: Gupta et al. 2015; of optimizers' states: Zamirai et al. 2021): a nearest neighbour would never follow
   * small changes, as those of second moments are. What is drawn depends on step, state and element alone (Philox: Salmon et al.
   * 2011): results have the same bits for any number of threads, and after a training goes on from a file. Weights, sums of
   * `gradientAccumulationSteps`, and what `useEma` and `lookahead` keep stay in float32. `ERR_UNSUPPORTED` in `compile` for
   * `adafactor`, `ftrl`, `lamb` and `muon`, which update weights as a whole, and for `sgd` without momentum, which has no states.
   * Default `'float32'`.
   */
  readonly stateDtype?: 'float32' | 'bfloat16'
}

/** How an optimizer looks ahead. */
export interface LookaheadOptions {
  /** Steps until the slow weights follow; default 6. */
  readonly syncPeriod?: number
  /** The share of the way that they follow; default 0.5. */
  readonly slowStepSize?: number
}

/** An optimizer of some kind as data. */
export interface OptimizerOf<Kind> {
  readonly kind: Kind
  readonly learningRate: LearningRate
  readonly [setting: string]: unknown
}

const share: Check = custom('a number from 0 to 1', (v) => typeof v === 'number' && v >= 0 && v <= 1)
const orNull = (check: Check): Check =>
  custom(`${check.expected}, or null`, (value) => value === null || check.accepts(value))

const common: Readonly<Record<string, Check>> = {
  learningRate: rate,
  clipValue: orNull(positive),
  clipNorm: orNull(positive),
  globalClipNorm: orNull(positive),
  weightDecay: orNull(number(0)),
  excludeFromWeightDecay: custom(
    'an array of strings',
    (v) => Array.isArray(v) && v.every((part) => typeof part === 'string'),
  ),
  useEma: flag,
  emaMomentum: share,
  emaOverwriteFrequency: orNull(integer(1)),
  gradientAccumulationSteps: orNull(integer(1)),
  lookahead: custom('an object, true or false', (v) => v === null || typeof v === 'boolean' || isRecord(v)),
  sparse: flag,
  stateDtype: oneOf(['float32', 'bfloat16']),
}

/** Options that change nothing, here or in Keras. */
const ignored: Readonly<Record<string, Check>> = {
  name: custom('a string or null', (v) => v === null || typeof v === 'string'),
  relativeStep: flag,
}

const refused: Readonly<Record<string, readonly unknown[]>> = { lossScaleFactor: [null, 1] }

/** Makes an optimizer: checks the options and fills in the defaults. `ERR_OPTION` for wrong ones. */
export function makeOptimizer<Kind extends string>(
  kind: Kind,
  options: OptimizerOptions,
  learningRate: number,
  settings: Settings,
): OptimizerOf<Kind> {
  const where = `optimizers.${kind}`
  const made = readSettings(where, options, settings, {
    others: { ...common, ...(kind === 'adafactor' ? ignored : { name: ignored.name as Check }) },
    refused,
  })
  const isLeftOut = ([name, value]: [string, unknown]): boolean =>
    Object.hasOwn(ignored, name) ||
    (Object.hasOwn(common, name) && (value === null || value === false || value === 'float32'))
  const set = Object.fromEntries(Object.entries(made).filter((entry) => !isLeftOut(entry)))
  const clips = ['clipValue', 'clipNorm', 'globalClipNorm'].filter((name) => set[name] !== undefined)
  if (clips.length > 1) {
    throw new SeqloomError('ERR_OPTION', `${where}: ${clips.join(' and ')} exclude each other; give one of them`)
  }
  if (set.lookahead !== undefined) set.lookahead = lookahead(where, set.lookahead === true ? {} : set.lookahead)
  return { kind, learningRate, ...set }
}

function lookahead(where: string, given: unknown): Required<LookaheadOptions> {
  checkOptions(`${where}: lookahead`, given, { accepted: { syncPeriod: integer(1), slowStepSize: share } })
  const { syncPeriod = 6, slowStepSize = 0.5 } = given as LookaheadOptions
  return { syncPeriod, slowStepSize }
}

/** What the engine and files are told of a learning rate: of a function, only that it is one. */
export const writtenRate = (given: LearningRate): number | Schedule | typeof functionRate =>
  typeof given === 'function' ? functionRate : given

/** What stands for a function where functions cannot be. */
export const functionRate = { kind: 'function' } as const
