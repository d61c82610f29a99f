import {
  type Check,
  checkOptions,
  custom,
  flag,
  integer,
  isCallable,
  isRecord,
  number,
  oneOf,
  positive,
} from '../options.js'

/** @inline The kinds of schedules. */
export type ScheduleKind =
  | 'exponentialDecay'
  | 'inverseTimeDecay'
  | 'piecewiseConstantDecay'
  | 'polynomialDecay'
  | 'cosineDecay'
  | 'cosineDecayRestarts'
  | 'oneCycle'
  | 'warmup'

/**
 * A learning rate that depends on the number of batches so far, as data: its kind and all its settings. It is computed
 * natively from what the optimizer has counted, so a resumed training continues where it was.
 */
export interface Schedule {
  readonly kind: ScheduleKind
  readonly [setting: string]: unknown
}

/** A learning rate: a number, a schedule, or a function of the number of batches so far. */
export type LearningRate = number | Schedule | ((step: number) => number)

const steps = integer(1)

/** The check of a rate that is a number. */
export const rate = number(0)
const share: Check = custom('a number from 0 to 1', (v) => typeof v === 'number' && v >= 0 && v <= 1)
const listOf = (check: Check): Check =>
  custom(`an array, each entry ${check.expected}`, (v) => Array.isArray(v) && v.every(check.accepts))

/** A learning rate that can be saved: a number, or a schedule. */
export const learningRate: Check = custom(
  'a number of at least 0 or what optimizers.schedules.* returns',
  isLearningRate,
)

/** Any learning rate. */
export const anyLearningRate: Check = custom(
  'a number of at least 0, what optimizers.schedules.* returns, or a function of the step',
  (value) => isCallable(value) || isLearningRate(value),
)

/** The settings of each kind: the check, and the default of those that may be left out. */
const settings: Readonly<Record<ScheduleKind, Readonly<Record<string, readonly [Check, unknown?]>>>> = {
  exponentialDecay: {
    initialLearningRate: [rate],
    decaySteps: [steps],
    decayRate: [rate],
    staircase: [flag, false],
  },
  inverseTimeDecay: {
    initialLearningRate: [rate],
    decaySteps: [steps],
    decayRate: [rate],
    staircase: [flag, false],
  },
  piecewiseConstantDecay: { boundaries: [listOf(integer(0))], values: [listOf(rate)] },
  polynomialDecay: {
    initialLearningRate: [rate],
    decaySteps: [steps],
    endLearningRate: [rate, 1e-4],
    power: [positive, 1],
    cycle: [flag, false],
  },
  cosineDecay: { initialLearningRate: [rate], decaySteps: [steps], alpha: [share, 0] },
  cosineDecayRestarts: {
    initialLearningRate: [rate],
    firstDecaySteps: [steps],
    tMul: [number(1), 2],
    mMul: [rate, 1],
    alpha: [share, 0],
  },
  oneCycle: {
    maxLearningRate: [rate],
    totalSteps: [steps],
    pctStart: [share, 0.3],
    annealStrategy: [oneOf(['cos', 'linear']), 'cos'],
    divFactor: [positive, 25],
    finalDivFactor: [positive, 1e4],
    threePhase: [flag, false],
  },
  warmup: {
    learningRate: [learningRate],
    warmupSteps: [steps],
    initialLearningRate: [rate, 0],
  },
}

/** Whether a value is a learning rate: a number, or a schedule with right settings. */
function isLearningRate(value: unknown): boolean {
  if (!isRecord(value)) return rate.accepts(value)
  const { kind, ...options } = value
  if (typeof kind !== 'string' || !Object.hasOwn(settings, kind)) return false
  makeSchedule(kind as ScheduleKind, options)
  return true
}

/** Keras names schedules; it changes nothing. */
const name = custom('a string or null', (value) => value === null || typeof value === 'string')

/** A schedule of a kind with checked options. `ERR_OPTION`. */
export function makeSchedule(kind: ScheduleKind, options: object): Schedule {
  const own = settings[kind]
  checkOptions(`optimizers.schedules.${kind}`, options, {
    accepted: { name, ...Object.fromEntries(Object.entries(own).map(([setting, [check]]) => [setting, check])) },
    required: Object.keys(own).filter((name) => own[name]?.length === 1),
  })
  const given = Object.entries(options).filter(([name, value]) => value !== undefined && Object.hasOwn(own, name))
  const defaults = Object.entries(own).filter(([, setting]) => setting.length === 2)
  return {
    kind,
    ...Object.fromEntries(defaults.map(([name, [, fallback]]) => [name, fallback])),
    ...Object.fromEntries(given),
  }
}
