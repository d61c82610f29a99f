import { SeqloomError } from '../errors.js'
import { type Check, positive } from '../options.js'
import { readSettings, type Settings } from '../settings.js'
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

/** An optimizer of some kind as data. */
export interface OptimizerOf<Kind> {
  readonly kind: Kind
  readonly learningRate: number | Schedule
  readonly [setting: string]: number | boolean | string | Schedule | Kind
}

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
export function makeOptimizer<Kind extends string>(
  kind: Kind,
  options: OptimizerOptions,
  learningRate: number,
  settings: Settings,
): OptimizerOf<Kind> {
  const where = `optimizers.${kind}`
  const made = readSettings(where, options, settings, { others: common, refused })
  const clips = ['clipValue', 'clipNorm', 'globalClipNorm'].filter((name) => made[name] !== undefined)
  if (clips.length > 1) {
    throw new SeqloomError('ERR_OPTION', `${where}: ${clips.join(' and ')} exclude each other; give one of them`)
  }
  return { kind, learningRate, ...made }
}
