import type { AdamaxOptions } from './rules.js'

export type { OptimizerOptions } from './optimizer.js'
export * from './rules.js'
export type { Schedule } from './schedules.js'
export * as schedules from './schedules.js'

/** Options of optimizers that keep two moments. */
export type MomentOptions = AdamaxOptions
