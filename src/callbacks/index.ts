import { type Callback, checkCallbacks } from './callback.js'

export type { AttentionWeights, ConfusionMatrix, HiddenStates, Sample } from '../record/event.js'
export type { PlotOptions } from '../record/plot.js'
export { type BackupAndRestoreOptions, backupAndRestore } from './backupAndRestore.js'
export type { Callback, CallbackState, History, Logs, Training, TrainingParams } from './callback.js'
export { type CsvLoggerOptions, csvLogger } from './csvLogger.js'
export { type DashboardOptions, dashboard } from './dashboard.js'
export { type EarlyStoppingOptions, earlyStopping } from './earlyStopping.js'
export { gradientNorms } from './gradientNorms.js'
export { learningRateScheduler } from './learningRateScheduler.js'
export { type ModelCheckpointOptions, modelCheckpoint } from './modelCheckpoint.js'
export type { MonitorMode } from './monitor.js'
export { type FitProgress, progress } from './progress.js'
export { type ReduceLROnPlateauOptions, reduceLROnPlateau } from './reduceLROnPlateau.js'
export { swapEmaWeights } from './swapEmaWeights.js'
export { type TensorBoardOptions, tensorBoard } from './tensorBoard.js'
export { terminateOnNaN } from './terminateOnNaN.js'

/**
 * A callback of your own functions: `lambda({ onEpochEnd: (epoch, logs) => … })`. Errors: `ERR_OPTION`,
 * `ERR_UNSUPPORTED`.
 */
export function lambda(functions: Callback): Callback {
  checkCallbacks(functions)
  return functions
}

/** {@link lambda} by Keras's name. */
export const lambdaCallback = lambda
