import { type Callback, checkCallbacks } from './callback.js'

export type { Callback, History, Logs, Training } from './callback.js'
export { type EarlyStoppingOptions, earlyStopping } from './earlyStopping.js'
export { gradientNorms } from './gradientNorms.js'
export { type ModelCheckpointOptions, modelCheckpoint } from './modelCheckpoint.js'
export type { MonitorMode } from './monitor.js'

/** A callback of your own functions: `lambda({ onEpochEnd: (epoch, logs) => … })`. Errors: `ERR_OPTION`, `ERR_UNSUPPORTED`. */
export function lambda(functions: Callback): Callback {
  checkCallbacks(functions)
  return functions
}
