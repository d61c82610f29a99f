import { describe, reading, SeqloomError } from '../errors.js'
import type { Shape } from '../graph/shape.js'
import { isCallable, isRecord } from '../options.js'
import { readSettings } from '../settings.js'
import { losses } from '../table.js'
import { isTraced, type TracedFunction, type TracedMeasure, traceMeasure } from './traced.js'

/** The kinds of losses. */
export type LossKind = keyof typeof losses

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

/** Makes a loss: checks the options and fills in the defaults. `ERR_OPTION` for wrong ones. */
export function makeLoss(kind: LossKind, options: object): Loss {
  const refused = { reduction: ['sumOverBatchSize'], ignoreClass: [null], axis: [-1], dtype: [null], name: [] }
  return { kind, ...readSettings(`losses.${kind}`, options, losses[kind], { refused }) }
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
  if (typeof kind !== 'string' || !Object.hasOwn(losses, kind)) {
    const names = [...Object.keys(losses), ...Object.keys(short)].join("', '")
    throw new SeqloomError(
      'ERR_OPTION',
      `compile: loss must be one of '${names}', what losses.* returns, or a function, not ${describe(given)}`,
    )
  }
  const { kind: _, ...options } = isRecord(given) ? given : { kind }
  return makeLoss(kind as LossKind, options)
}
