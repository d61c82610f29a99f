import { type ErrorCode, SeqloomError } from '../errors.js'

/** Throws a {@link SeqloomError} unless a condition holds. */
export function check(condition: boolean, code: ErrorCode, message: () => string): asserts condition {
  if (!condition) throw new SeqloomError(code, message())
}

/** `ERR_UNSUPPORTED` for something of tfjs that this entry does not have, naming what to use in its place. */
export const unsupported = (what: string, instead: string): SeqloomError =>
  new SeqloomError('ERR_UNSUPPORTED', `${what} is not supported by seqloom/tfjs; ${instead}`)
