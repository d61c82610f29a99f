import { describe, type ErrorCode, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'

/** Throws a {@link SeqloomError} unless a condition holds. */
export function check(condition: boolean, code: ErrorCode, message: () => string): asserts condition {
  if (!condition) throw new SeqloomError(code, message())
}

/** `ERR_UNSUPPORTED` for something of tfjs that this entry does not have, naming what to use in its place. */
export const unsupported = (what: string, instead: string): SeqloomError =>
  new SeqloomError('ERR_UNSUPPORTED', `${what} is not supported by seqloom/tfjs; ${instead}`)

/** The options of a function, which must be an object; `ERR_OPTION` for anything else. */
export function argsOf<T extends object>(where: string, args: T): T {
  check(isRecord(args), 'ERR_OPTION', () => `${where}: the options must be an object, not ${describe(args)}`)
  return args
}
