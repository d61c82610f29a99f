/**
 * The stable codes of every error that the package raises; what code of the user's throws passes as it is. From their comments, `scripts/generate/documents.mjs` writes
 * docs/errors.md: what an error means, its causes and, after each dash, its cure.
 */
const errorCodes = [
  /**
   * A rank or a dimension does not fit.
   *
   * - The data have another shape than the model's inputs: the message says both. Batches come first, `[batch, time, features]`; one row
   *   is `[row]`.
   * - The first layer's input is not known - give it `inputShape`, or begin with `layers.embedding` or `input`.
   * - A recurrent layer gives its last step alone, and what follows reads sequences - set `returnSequences: true`.
   * - Targets have another shape than the outputs - `sparseCategoricalCrossentropy` takes class numbers, `categoricalCrossentropy` rows
   *   of probabilities.
   */
  'ERR_SHAPE',
  /**
   * The name or the value of an option or an argument is not accepted.
   *
   * - A name is misspelt - the message has the names that there are.
   * - A value is out of its range - the message says what is expected.
   * - Two options exclude each other - leave out one of the two that the message names.
   */
  'ERR_OPTION',
  /**
   * Values that cannot be used.
   *
   * - A token is outside the vocabulary - `inputDim` of an embedding is the largest token plus one.
   * - A label is no class - classes count from 0, and the last layer has as many units as there are classes.
   * - A number is NaN or infinite - look for missing values where the data are made.
   * - A sequence has no steps, or there are no rows - leave such rows out.
   * - Inputs and targets have different numbers of rows.
   */
  'ERR_DATA',
  /**
   * Not now.
   *
   * - The model is not compiled - call `compile` before `fit` and `evaluate`.
   * - Another call is training or using the model - `await` it first. While it trains, its own awaited callbacks may call the model.
   * - Another process writes to the folder, or runs a search in it - wait until it has ended, or name another folder.
   * - The model was disposed of, or the task is not trained yet - load it, or call `train`.
   */
  'ERR_STATE',
  /**
   * A file is not what it should be.
   *
   * - It was altered or cut off: its size or its SHA-256 differs from what `model.json` says - copy it again, whole.
   * - It is of another format - `seqloom convert` says which ones there are.
   * - A newer version wrote it - install that version.
   * - It describes a model beyond the [limits](guide.md#limits).
   * - A part of it has no counterpart here - the message lists all such parts at once.
   */
  'ERR_FORMAT',
  /**
   * A file is missing, or cannot be read or written.
   *
   * - The path is wrong - relative paths begin at the working folder of the process.
   * - The process may not write there, or the disk is full - `cause` is the error of the system.
   * - A `model.json` is there that is not ours: it is never replaced - choose another folder.
   */
  'ERR_IO',
  /**
   * A loss or a gradient is not finite. The weights stay those of the step before.
   *
   * - The learning rate is too large - divide it by ten, or set `clipNorm: 1` in the optimizer.
   * - The data have very large numbers - scale them, or begin with `layers.normalization`.
   * - A loss of one's own divides by zero or takes the logarithm of zero - add a small number.
   */
  'ERR_NUMERIC',
  /**
   * More memory would be needed than the process may use.
   *
   * - A batch is too large - make `batchSize` or the sequences smaller; a training holds every step of each row.
   * - The model is too large, or `predict` holds too many outputs - pass the rows in parts.
   * - A container's limit is lower than what the machine has - raise it.
   */
  'ERR_MEMORY',
  /**
   * It means something, but is not supported.
   *
   * - A model that cannot stream was asked for a session: a bidirectional layer reads the end first - use `predict`.
   * - A model with int8 weights was asked to train - train the model that it was made of, and quantize again.
   * - The processor lacks an instruction - `seqloom info` says what it has.
   * - A program describes a model beyond the [limits](guide.md#limits).
   */
  'ERR_UNSUPPORTED',
  /**
   * The engine is missing, does not belong to this version, or failed.
   *
   * - `node_modules` was copied from another platform, or optional packages were left out - install on the machine that runs the
   *   program; see [deployment](deployment.md).
   * - The engine's file is damaged - remove `node_modules` and install again.
   * - Anything else is a fault of ours - report it, with the message and what led to it.
   */
  'ERR_NATIVE',
] as const

/** One of the stable error codes. */
export type ErrorCode = (typeof errorCodes)[number]

/**
 * Every error of the package: a stable `code`, a message that says what was wrong, where, and what would be right, and
 * in `help` where to read on.
 */
export class SeqloomError extends Error {
  override readonly name = 'SeqloomError'
  readonly code: ErrorCode
  /** The causes and cures of the code, in a file of the package: `seqloom/docs/errors.md#err_shape`. */
  readonly help: string

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.help = `seqloom/docs/errors.md#${code.toLowerCase()}`
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
 * {@link SeqloomError}. One that is already a SeqloomError stays as it is, and so does what a source of rows threw.
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

const isOurs = (error: unknown): error is Error =>
  isInstance(error, SeqloomError) || isInstance(error, AbortError) || thrown.has(error as object)

/** What code of the user's threw that does work of its own: sources of rows, and functions that are called for them. */
const thrown = new WeakSet<object>()

/** Notes what such code threw, so that it reaches the caller as it is, whatever it passes on its way. */
export function theirs(error: unknown): unknown {
  if ((typeof error === 'object' && error !== null) || typeof error === 'function') thrown.add(error)
  return error
}

/** Calls such code. */
export function callTheirs<T>(call: () => T): T {
  try {
    const made = call()
    if (!(made instanceof Promise)) return made
    return made.catch((error: unknown) => {
      throw theirs(error)
    }) as T
  } catch (error) {
    throw theirs(error)
  }
}

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
  if (typeof value === 'bigint') return clipped(`${value}n`)
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
