/** The stable codes of every error that the package raises. */
const errorCodes = [
  'ERR_SHAPE',
  'ERR_OPTION',
  'ERR_DATA',
  'ERR_STATE',
  'ERR_FORMAT',
  'ERR_IO',
  'ERR_NUMERIC',
  'ERR_MEMORY',
  'ERR_UNSUPPORTED',
  'ERR_NATIVE',
] as const

/** One of the stable error codes. */
export type ErrorCode = (typeof errorCodes)[number]

/**
 * Every error of the package: a stable `code`, and a message that says what was wrong, where, and what would be right.
 */
export class SeqloomError extends Error {
  override readonly name = 'SeqloomError'
  readonly code: ErrorCode

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/**
 * What an aborted call rejects with: `name` is `AbortError` and `cause` is the signal's reason, as in Node's own
 * functions.
 */
export class AbortError extends Error {
  override readonly name = 'AbortError'
  readonly code = 'ABORT_ERR'

  constructor(signal?: AbortSignal) {
    super('The operation was aborted', signal?.aborted ? { cause: signal.reason } : undefined)
  }
}

/** Turns whatever native code threw into a {@link SeqloomError} or an {@link AbortError}. */
export function fromNative(error: unknown, signal?: AbortSignal): Error {
  if (error instanceof SeqloomError || error instanceof AbortError) return error
  const code = (error as { code?: unknown } | null)?.code
  if (code === 'ABORTED') return new AbortError(signal)
  const message = error instanceof Error ? error.message : String(error)
  const known = errorCodes.find((candidate) => candidate === code)
  return new SeqloomError(known ?? 'ERR_NATIVE', message, { cause: error })
}

/** Runs a synchronous native call and gives its errors their public class. */
export function callNative<T>(call: () => T): T {
  try {
    return call()
  } catch (error) {
    throw fromNative(error)
  }
}

/**
 * Turns what was thrown while reading a given value (it may be a proxy, or have getters that throw) into a
 * {@link SeqloomError}. One that is already a SeqloomError stays as it is.
 */
export function unreadable(code: ErrorCode, where: string, error: unknown): Error {
  if (isOurs(error)) return error
  let reason = ''
  try {
    if (error instanceof Error) reason = `: ${visible(String(error.message))}`
  } catch {
    // Even reading what was thrown may throw.
  }
  return new SeqloomError(code, `${where}: what was given cannot be read${reason}`, { cause: error })
}

/** Runs work that reads given values; throws the errors of {@link unreadable}. */
export function reading<T>(code: ErrorCode, where: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw unreadable(code, where, error)
  }
}

/** `ERR_OPTION` for options that throw when they are read, in what is within them too: objects, arrays and functions, not the instances of classes. */
export function requireReadable(where: string, options: unknown): void {
  reading('ERR_OPTION', where, () => readAll(options, 4))
}

function readAll(value: unknown, depth: number): void {
  if (depth === 0 || (typeof value !== 'object' && typeof value !== 'function') || value === null) return
  const plain = [Object.prototype, Array.prototype, Function.prototype, null].includes(Object.getPrototypeOf(value))
  if (plain) for (const part of Object.values(value)) readAll(part, depth - 1)
}

const isOurs = (error: unknown): error is SeqloomError | AbortError =>
  isInstance(error, SeqloomError) || isInstance(error, AbortError)

/** Whether a value is an instance of a class; false for a proxy that throws when asked. */
export function isInstance<T>(
  value: unknown,
  type: { readonly prototype: T; [Symbol.hasInstance](value: unknown): boolean },
): value is T {
  try {
    return type[Symbol.hasInstance](value)
  } catch {
    return false
  }
}

/** A text with its control characters, line ends and invisible marks escaped, for messages. */
export function visible(text: string): string {
  return text.replaceAll(invisible, (character) => {
    const named = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }[character]
    return named ?? `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}

/** Control characters, line ends, direction marks, marks without width, and unpaired surrogates. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what it finds.
const invisible = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g

/** Describes any value in a few words, for messages. */
export function describe(value: unknown): string {
  try {
    return described(value)
  } catch {
    // A proxy, or getters that throw.
    return 'an object'
  }
}

function described(value: unknown): string {
  if (value === null || value === undefined) return String(value)
  if (typeof value === 'string') return value.length > 40 ? `'${visible(value.slice(0, 40))}…'` : `'${visible(value)}'`
  if (typeof value === 'bigint') return clipped(String(value))
  if (typeof value === 'number' || typeof value === 'boolean') return String(value)
  if (typeof value === 'function' || typeof value === 'symbol') return `a ${typeof value}`
  if (Array.isArray(value)) {
    // Nested arrays are described by their size alone, since an array may contain itself.
    const item = (each: unknown) => (Array.isArray(each) ? `an array of ${each.length}` : describe(each))
    return value.length > 8 ? `an array of ${value.length}` : `[${Array.from(value, item).join(', ')}]`
  }
  // An object that was read from a file may have a property of this name.
  const made = Object.getPrototypeOf(value)?.constructor
  const name: unknown = typeof made === 'function' ? made.name : undefined
  return typeof name === 'string' && name !== '' && name !== 'Object' ? `a ${clipped(visible(name))}` : 'an object'
}

const clipped = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text)
