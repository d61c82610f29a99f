import { SeqloomError } from '../errors.js'
import { type Check, checkOptions, number, positive } from '../options.js'
import { learningRate as rate, type Schedule } from './schedules.js'

/** Options of every optimizer. */
export interface OptimizerOptions {
  /** The step size, or a schedule from `schedules.*`; the default is Keras's for each optimizer. */
  readonly learningRate?: number | Schedule
  /** Limits every element of the gradient to this magnitude. */
  readonly clipValue?: number
  /** Scales each weight's gradient down to this norm. */
  readonly clipNorm?: number
  /** Scales all gradients down together to this norm. */
  readonly globalClipNorm?: number
}

/** The kinds of optimizers. */
export type OptimizerKind = 'sgd' | 'adam' | 'adamw' | 'nadam' | 'adamax' | 'rmsprop' | 'adagrad' | 'adadelta'

/** An optimizer as data: its kind and all its settings. */
export interface Optimizer {
  readonly kind: OptimizerKind
  readonly learningRate: number | Schedule
  readonly [setting: string]: number | boolean | string | Schedule
}

/** An option's check and default value. */
export type Setting = readonly [check: Check, fallback: number | boolean]

/** A decay rate: from 0 to below 1. */
export const decay: Check = number(0, 1)

const common: Readonly<Record<string, Check>> = {
  learningRate: rate,
  clipValue: positive,
  clipNorm: positive,
  globalClipNorm: positive,
}

const refused: Readonly<Record<string, readonly unknown[]>> = {
  weightDecay: [null, 0],
  useEma: [false],
  emaMomentum: [],
  emaOverwriteFrequency: [null],
  lossScaleFactor: [null],
  gradientAccumulationSteps: [null],
}

/** Makes an optimizer: checks the options and fills in the defaults. `ERR_OPTION` for wrong ones. */
export function makeOptimizer(
  kind: OptimizerKind,
  options: OptimizerOptions,
  learningRate: number,
  settings: Readonly<Record<string, Setting>> = {},
): Optimizer {
  const accepted: Record<string, Check> = { ...common }
  const made: Record<string, Optimizer[string]> = { kind, learningRate }
  for (const [name, [check, fallback]] of Object.entries(settings)) {
    accepted[name] = check
    made[name] = fallback
  }
  const where = `optimizers.${kind}`
  checkOptions(where, options, { accepted, refused })
  for (const name of Object.keys(accepted)) {
    const given = (options as Readonly<Record<string, Optimizer[string] | undefined>>)[name]
    if (given !== undefined) made[name] = given
  }
  const clips = ['clipValue', 'clipNorm', 'globalClipNorm'].filter((name) => made[name] !== undefined)
  if (clips.length > 1) {
    throw new SeqloomError('ERR_OPTION', `${where}: ${clips.join(' and ')} exclude each other; give one of them`)
  }
  return made as unknown as Optimizer
}
