import { types } from 'node:util'
import { allocated } from '../data/allocated.js'
import { type TensorLike, tensor } from '../data/tensor.js'
import { describe, reading, SeqloomError } from '../errors.js'
import { checkOptions, integer } from '../options.js'

/** Options of {@link languageModelBatches}. */
export interface LanguageModelBatchesOptions {
  /** How many parts of the text are read side by side: the rows of a batch. */
  readonly batchSize: number
  /** The number of steps in a batch. */
  readonly time: number
}

/** A text as rows to train a language model on; give `fit` the same `batchSize`. */
export interface LanguageModelBatches {
  /** The tokens, `[rows, time]`. */
  readonly x: TensorLike
  /** The token that follows each, `[rows, time]`. */
  readonly y: TensorLike
  readonly batchSize: number
}

/**
 * Cuts a long text into `batchSize` streams that are read side by side, `time` tokens per batch: row i of each batch
 * continues where row i of the previous batch ended, as stateful layers need it. Tokens that do not fill a last batch
 * are left out: fewer than `batchSize` times `time + 1`. Errors: `ERR_DATA` for less than a batch, `ERR_OPTION`.
 */
export function languageModelBatches(
  tokens: Int32Array | readonly number[],
  options: LanguageModelBatchesOptions,
): LanguageModelBatches {
  const where = 'text.languageModelBatches'
  checkOptions(where, options, {
    accepted: { batchSize: integer(1), time: integer(1) },
    required: ['batchSize', 'time'],
  })
  return reading('ERR_DATA', where, () => batchesOf(where, tokens, options))
}

function batchesOf(
  where: string,
  tokens: Int32Array | readonly number[],
  options: LanguageModelBatchesOptions,
): LanguageModelBatches {
  if (!types.isInt32Array(tokens) && !Array.isArray(tokens)) {
    throw new SeqloomError('ERR_DATA', `${where}: tokens must be an Int32Array or an array, not ${describe(tokens)}`)
  }
  const { batchSize, time } = options
  const batches = Math.floor((tokens.length - 1) / batchSize / time)
  if (batches < 1) {
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: ${batchSize} rows of ${time} steps need ${batchSize * time + 1} tokens, got ${tokens.length}`,
    )
  }
  const all = types.isInt32Array(tokens) ? tokens : integers(where, tokens)
  const rows = batches * batchSize
  const x = allocated(where, Int32Array, rows * time)
  const y = allocated(where, Int32Array, rows * time)
  for (let row = 0; row < rows; row++) {
    const start = (row % batchSize) * batches * time + Math.floor(row / batchSize) * time
    x.set(all.subarray(start, start + time), row * time)
    y.set(all.subarray(start + 1, start + time + 1), row * time)
  }
  return { x: tensor(x, [rows, time]), y: tensor(y, [rows, time]), batchSize }
}

function integers(where: string, tokens: readonly number[]): Int32Array {
  const wrong = tokens.findIndex((token) => typeof token !== 'number' || (token | 0) !== token)
  if (wrong < 0) return Int32Array.from(tokens)
  throw new SeqloomError(
    'ERR_DATA',
    `${where}: token ${wrong} is ${describe(tokens[wrong])}, not an integer of 32 bits`,
  )
}
