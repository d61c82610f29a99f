// tf.node: what `@tensorflow/tfjs-node` adds.
import { refusedFunctions } from './refused.js'
import { SummaryFileWriter, TensorBoardCallback, type TensorBoardCallbackArgs } from './tensorBoard.js'

export type { TensorBoardCallbackArgs } from './tensorBoard.js'

const present = {
  /** A callback that writes losses and metrics to a folder for TensorBoard. */
  tensorBoard: (logdir = './logs', args?: TensorBoardCallbackArgs): TensorBoardCallback =>
    new TensorBoardCallback(logdir, args),
  /** What writes numbers of one's own there. */
  summaryFileWriter: (logdir: string, _maxQueue?: number, _flushMillis?: number, suffix?: string): SummaryFileWriter =>
    new SummaryFileWriter(logdir, suffix),
}

const missing = refusedFunctions(
  'node',
  'use a package for pictures and sounds, and interop of seqloom for models of others',
)

/** @inline */
type NodeFunctions = typeof present & Readonly<Record<string, (...args: unknown[]) => never>>

export const node: NodeFunctions = new Proxy(present as unknown as NodeFunctions, {
  get: (target, name) => (Object.hasOwn(target, name) ? Reflect.get(target, name) : Reflect.get(missing, name)),
})
