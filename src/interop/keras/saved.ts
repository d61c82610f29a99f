import { describe, SeqloomError } from '../../errors.js'
import type { Model } from '../../model/model.js'
import { isRecord } from '../../options.js'
import type { Unmapped } from '../format.js'
import type { Dialect } from './classes.js'

/** A layer or a model as Keras and tfjs save it: its class and its options under Keras's names. */
export interface KerasObject {
  readonly className: string
  readonly name: string
  readonly config: Readonly<Record<string, unknown>>
  /** What stands beside the config, such as the connections of a layer. */
  readonly beside: Readonly<Record<string, unknown>>
}

/** What a file's options and weights mean: what they are called in messages, and which program wrote them. */
export interface Origin {
  readonly where: string
  readonly dialect: Dialect
  /** Whether the program is only likely to be this one, since the file does not say it. */
  readonly isLikely?: boolean
  /** What cannot be mapped. */
  readonly problems: Unmapped
  /** What was left out since it only matters in training. */
  readonly leftOut: string[]
  /** Makes a model within a layer, and says where its weights are, in the order of ours. */
  readonly innerModel?: (object: KerasObject) => { readonly model: Model; readonly parts: readonly Part[] } | undefined
}

/** A part of a layer's weights, as one group of a file holds them. */
export interface Part {
  /** The groups below the layer's own. */
  readonly path: readonly string[]
  /** How many weights it has; all that are left, if it is not said. */
  readonly count?: number
}

/** Classes of models. */
export const isModel = ({ className }: Pick<KerasObject, 'className'>): boolean =>
  ['Sequential', 'Functional', 'Model'].includes(className)

/** Classes under the names that they had for a time, and what these say besides. */
const former: ReadonlyMap<
  unknown,
  { readonly className: string; readonly implied?: Readonly<Record<string, unknown>> }
> = new Map([
  ['BatchNormalizationV1', { className: 'BatchNormalization' }],
  ['BatchNormalizationV2', { className: 'BatchNormalization' }],
  ['SyncBatchNormalization', { className: 'BatchNormalization' }],
  ['UnifiedGRU', { className: 'GRU' }],
  ['UnifiedLSTM', { className: 'LSTM' }],
  // What they compute is what the others do by default; their weights are laid out otherwise, see `cudnn.ts`.
  ['CuDNNGRU', { className: 'GRU', implied: { reset_after: true } }],
  ['CuDNNLSTM', { className: 'LSTM' }],
])

/** Reads an object with a class; `ERR_FORMAT` if it is none. */
export function kerasObject(where: string, given: unknown): KerasObject {
  const { class_name: saved, config, name } = isRecord(given) ? given : {}
  const { className, implied } = former.get(saved) ?? { className: saved }
  // Sequential models of old files list their layers without a config around.
  const options = Array.isArray(config) ? { layers: config } : isRecord(config) ? { ...implied, ...config } : config
  if (typeof className !== 'string' || !isRecord(options)) {
    throw new SeqloomError(
      'ERR_FORMAT',
      `${where}: expected a layer with class_name and config, got ${describe(given)}`,
    )
  }
  const own = options.name ?? name ?? className
  if (typeof own !== 'string')
    throw new SeqloomError('ERR_FORMAT', `${where}: the name of a ${className} is ${describe(own)}`)
  return { className, name: own, config: options, beside: given as Record<string, unknown> }
}

/** A list in a config; `ERR_FORMAT` if it is none. */
export function listOf(where: string, what: string, given: unknown): readonly unknown[] {
  if (Array.isArray(given)) return given
  throw new SeqloomError('ERR_FORMAT', `${where}: ${what} is ${describe(given)}, not a list`)
}

/** The name of an option as ours are written. */
export const camelCase = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** The name of a class as Keras names groups after it. */
export const snakeCase = (name: string): string =>
  name
    .replace(/\W+/g, '')
    .replace(/(.)([A-Z][a-z]+)/g, '$1_$2')
    .replace(/([a-z])([A-Z])/g, '$1_$2')
    .toLowerCase()
