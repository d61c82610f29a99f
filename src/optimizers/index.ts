import type { AdamaxOptions } from './rules.js'

export type { LookaheadOptions, OptimizerOf, OptimizerOptions } from './optimizer.js'
export * from './rules.js'
export type { LearningRate, Schedule } from './schedule.js'
export * as schedules from './schedules.js'

/** Options of optimizers that keep two moments. */
export type MomentOptions = AdamaxOptions
