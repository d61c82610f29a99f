import { describe, reading, SeqloomError } from '../errors.js'
import type { Shape } from '../graph/shape.js'
import { type Check, checkOptions, flag, isCallable, isRecord, number, positive } from '../options.js'
import { isTraced, type TracedFunction, type TracedMeasure, traceMeasure } from './traced.js'

/** The kinds of losses. */
export type LossKind =
  | 'sparseCategoricalCrossentropy'
  | 'categoricalCrossentropy'
  | 'binaryCrossentropy'
  | 'meanSquaredError'
  | 'meanAbsoluteError'
  | 'huber'

/** A loss as data: its kind and its settings. */
export interface Loss {
  readonly kind: LossKind
  readonly fromLogits?: boolean
  readonly labelSmoothing?: number
  readonly delta?: number
}

/** Names of losses: their kinds and Keras's short names. */
export type LossName = LossKind | 'mse' | 'mae'

const short: Readonly<Record<string, LossKind>> = { mse: 'meanSquaredError', mae: 'meanAbsoluteError' }

const smoothing: Check = number(0, 1)

const settings: Readonly<Record<LossKind, Readonly<Record<string, readonly [Check, number | boolean]>>>> = {
  sparseCategoricalCrossentropy: { fromLogits: [flag, false] },
  categoricalCrossentropy: { fromLogits: [flag, false], labelSmoothing: [smoothing, 0] },
  binaryCrossentropy: { fromLogits: [flag, false], labelSmoothing: [smoothing, 0] },
  meanSquaredError: {},
  meanAbsoluteError: {},
  huber: { delta: [positive, 1] },
}

/** Makes a loss: checks the options and fills in the defaults. `ERR_OPTION` for wrong ones. */
export function makeLoss(kind: LossKind, options: object): Loss {
  const accepted: Record<string, Check> = {}
  const made: Record<string, unknown> = { kind }
  for (const [name, [check, fallback]] of Object.entries(settings[kind])) {
    accepted[name] = check
    made[name] = fallback
  }
  checkOptions(`losses.${kind}`, options, {
    accepted,
    refused: { reduction: ['sumOverBatchSize'], ignoreClass: [null], axis: [-1], dtype: [null], name: [] },
  })
  for (const [name, value] of Object.entries(options)) if (value !== undefined && name in accepted) made[name] = value
  return made as unknown as Loss
}

/** What trains an output. */
export type AnyLoss = Loss | TracedMeasure

/**
 * The loss that a name stands for with its defaults, or that an object or a function describes. `ERR_OPTION` for
 * anything else.
 */
export function resolveLoss(given: unknown, output: Shape): AnyLoss {
  if (isCallable(given)) return traceMeasure('loss', given as TracedFunction, output, output)
  return reading('ERR_OPTION', 'compile: loss', () => describedLoss(given))
}

function describedLoss(given: unknown): AnyLoss {
  if (isTraced(given)) return given
  const name = isRecord(given) ? given.kind : given
  const kind = typeof name === 'string' && Object.hasOwn(short, name) ? short[name] : name
  if (typeof kind !== 'string' || !Object.hasOwn(settings, kind)) {
    const names = [...Object.keys(settings), ...Object.keys(short)].join("', '")
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: loss must be one of '${names}', what losses.* returns, or a function, not ${describe(given)}`,
    )
  }
  const { kind: _, ...options } = isRecord(given) ? given : { kind }
  return makeLoss(kind as LossKind, options)
}
