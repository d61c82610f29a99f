import type { Callback, Training } from '../callbacks/callback.js'
import { callAwaited, isAwaited, type LoopEvent, scoresOf } from '../callbacks/moments.js'
import { callNative } from '../errors.js'
import type { CancelFlag } from '../native/index.js'
import type { Engine } from './engine.js'
import type { Model } from './model.js'

/** An evaluation or a prediction that callbacks are told of. */
export interface ToldRun {
  readonly model: Model
  readonly engine: Engine
  readonly callbacks: readonly Callback[]
  /** The names of losses and metrics. */
  readonly names: readonly string[]
  /** How many batches there are. */
  readonly steps: number
  readonly signal: AbortSignal | undefined
}

/**
 * Runs a native loop that waits for callbacks at its beginning, its end and every batch, where they may use the model.
 * It ends after a batch at which one of them calls `stop`, and rejects with what one of them throws.
 */
export async function toldRun<T>(
  { model, engine, callbacks, names, steps, signal }: ToldRun,
  call: (cancel: CancelFlag, onEvent: (event: LoopEvent | undefined) => void) => Promise<T>,
): Promise<T> {
  let [stopped, over] = [false, false]
  let failure: { readonly error: unknown } | undefined
  const training: Training = {
    model,
    epochs: 1,
    validationFreq: 1,
    stop: () => {
      stopped = true
    },
  }
  for (const callback of callbacks) {
    callback.setParams?.({ epochs: 1, steps, verbose: 0 })
    callback.setModel?.(model)
  }
  const parked = async (event: LoopEvent, cancel: CancelFlag): Promise<void> => {
    const { type } = event
    const fail = (error: unknown): void => {
      failure ??= { error }
      cancel.cancel()
    }
    try {
      await engine.turns.park(async () => {
        if (isAwaited(type)) await callAwaited(callbacks, event, type, scoresOf(event, names), training)
      })
      engine.fetch()
    } catch (error) {
      fail(error)
    }
    // An abort does not wait for callbacks.
    if (over || signal?.aborted) return
    try {
      callNative(() => engine.ready().resume(stopped || failure !== undefined))
    } catch (error) {
      fail(error)
    }
  }
  // The loop may be waiting for a callback.
  const wake = () => engine.ready().interrupt()
  signal?.addEventListener('abort', wake, { once: true })
  try {
    return await engine.cancellable(signal, (cancel) =>
      call(cancel, (event) => {
        if (event && event.type !== 'overtaken') void parked(event, cancel)
      }),
    )
  } catch (error) {
    throw failure ? failure.error : error
  } finally {
    over = true
    signal?.removeEventListener('abort', wake)
  }
}
