import { AbortError, fromNative } from '../errors.js'
import { type CancelFlag, native } from '../native/index.js'

/**
 * Makes a native call that the signal cancels; errors get their public class. A signal that is aborted already rejects without a call,
 * and nothing stays attached to the signal afterwards.
 */
export async function cancellable<T>(
  signal: AbortSignal | undefined,
  call: (cancel: CancelFlag) => Promise<T>,
): Promise<T> {
  if (signal?.aborted) throw new AbortError(signal)
  const cancel = new native.CancelFlag()
  const abort = () => cancel.cancel()
  signal?.addEventListener('abort', abort, { once: true })
  try {
    return await call(cancel)
  } catch (error) {
    throw fromNative(error, signal)
  } finally {
    signal?.removeEventListener('abort', abort)
  }
}
