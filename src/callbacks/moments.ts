import type { Callback, Logs, Moment, Training } from './callback.js'

/**
 * An event of a native loop: its kind (`epochBegin`, `checkpoint`, `epochEnd`, `batchEnd`, `overtaken` or one of
 * {@link awaited}), its position, and losses and metrics by name.
 */
export interface LoopEvent {
  readonly type: string
  readonly epoch: number
  readonly [value: string]: number | string
}

/** The events that a loop waits for only where a callback wants to know of them, and the functions that do. */
export const awaited = {
  trainBatchBegin: ['onBatchBegin', 'onTrainBatchBegin'],
  trainBatchEnd: ['onTrainBatchEnd'],
  testBegin: ['onTestBegin'],
  testBatchBegin: ['onTestBatchBegin'],
  testBatchEnd: ['onTestBatchEnd'],
  testEnd: ['onTestEnd'],
  predictBegin: ['onPredictBegin'],
  predictBatchBegin: ['onPredictBatchBegin'],
  predictBatchEnd: ['onPredictBatchEnd'],
  predictEnd: ['onPredictEnd'],
} as const satisfies Record<string, readonly Moment[]>

/** The kinds of events that a loop waits for where they are wanted. */
export type Awaited = keyof typeof awaited

export const isAwaited = (type: string): type is Awaited => Object.hasOwn(awaited, type)

/** Whether a callback wants to know of one of these events. */
export const wantsAny = (callbacks: readonly Callback[], types: readonly Awaited[]): boolean =>
  types.some((type) => awaited[type].some((name) => callbacks.some((callback) => callback[name])))

/** Calls the functions of an event that the loop waits for. */
export async function callAwaited(
  callbacks: readonly Callback[],
  event: LoopEvent,
  type: Awaited,
  scores: Logs,
  training: Training,
): Promise<void> {
  const [batch, size] = [Number(event.batch), Number(event.size)]
  const ofBatch = type.includes('Batch')
  const logs = { ...scores, ...(ofBatch && { batch, size }) }
  for (const callback of callbacks) {
    for (const name of awaited[type]) {
      const call = callback[name] as ((...given: unknown[]) => unknown) | undefined
      await call?.apply(callback, ofBatch ? [batch, logs, training] : [logs, training])
    }
  }
}

/** The losses and metrics of an event, by these names. */
export function scoresOf(event: LoopEvent, names: readonly string[]): Logs {
  const logs: Record<string, number> = {}
  for (const name of names) {
    const value = event[name]
    if (typeof value === 'number') logs[name] = value
  }
  return logs
}
