import { describe, reading, SeqloomError } from '../errors.js'
import type { Shape } from '../graph/shape.js'
import { custom, isCallable, isRecord, label, oneOf } from '../options.js'
import { readSettings, type Settings } from '../settings.js'
import { losses, operations } from '../table.js'
import { type FormulaName, formulaOf, formulas } from './formulas.js'
import { isTraced, type TracedFunction, type TracedMeasure, traceMeasure } from './traced.js'

/** @inline The losses that Rust computes. */
export type NativeLoss = keyof typeof losses

/** @inline Losses that read how their output was made. */
export type StructuredLoss = 'crf'

/** @inline Losses of targets that are sequences of their own lengths, whose symbols have no step. */
export type UnalignedLoss = 'ctc' | 'transducer'

/** The kinds of losses. */
export type LossKind = NativeLoss | FormulaName | StructuredLoss | UnalignedLoss

/** What becomes of the losses of a batch's positions. */
export type Reduction = 'sumOverBatchSize' | 'mean' | 'meanWithSampleWeight' | 'sum'

/** A loss as data: its kind and its settings. */
export interface Loss {
  readonly kind: LossKind
  readonly fromLogits?: boolean
  readonly labelSmoothing?: number
  readonly delta?: number
  readonly ignoreClass?: number
  readonly alpha?: number | readonly number[]
  readonly gamma?: number
  readonly applyClassBalancing?: boolean
  readonly q?: number
  readonly blank?: number
  readonly zeroInfinity?: boolean
  readonly reduction?: Reduction
}

const short = {
  mse: 'meanSquaredError',
  mae: 'meanAbsoluteError',
  mape: 'meanAbsolutePercentageError',
  msle: 'meanSquaredLogarithmicError',
  bce: 'binaryCrossentropy',
  kld: 'klDivergence',
} as const satisfies Readonly<Record<string, LossKind>>

/** @inline */
type ShortName = keyof typeof short

/** Names of losses: their kinds and Keras's short names. */
export type LossName = LossKind | ShortName | Uppercase<ShortName>

/** Keras's losses that are not here, and why. */
const missing: Readonly<Record<string, string>> = {
  dice: 'it compares the areas of images',
  tversky: 'it compares the areas of images',
  circle: 'it compares the rows of a batch with each other',
}

/** The settings of losses that read how their output was made. */
const structured: Readonly<Record<StructuredLoss, Settings>> = {
  crf: { zeroInfinity: operations.crfLoss.settings.zeroInfinity },
}

/** The settings of losses that are operations of their own. */
const { activation: _, ...transducer } = operations.transducerLoss.settings
const unaligned: Readonly<Record<UnalignedLoss, Settings>> = { ctc: operations.ctc.settings, transducer }

/** The names of all losses. */
export const lossNames: readonly string[] = [
  ...Object.keys(losses),
  ...Object.keys(formulas),
  ...Object.keys(structured),
  ...Object.keys(unaligned),
]

/** The kind that a name stands for; undefined if there is none. */
export function lossKind(name: unknown): LossKind | undefined {
  if (typeof name !== 'string') return undefined
  const lower = name === name.toUpperCase() ? name.toLowerCase() : name
  const kind = Object.hasOwn(short, lower) ? short[lower as ShortName] : name
  return lossNames.includes(kind) ? (kind as LossKind) : undefined
}

/** Makes a loss: checks the options and fills in the defaults. `ERR_OPTION` for wrong ones. */
export function makeLoss(kind: LossKind, options: object): Loss {
  const formula = formulaOf(kind)
  const native: Readonly<Record<NativeLoss | StructuredLoss | UnalignedLoss, Settings>> = {
    ...losses,
    ...structured,
    ...unaligned,
  }
  const { ignoreClass, ...settings }: Settings = formula?.settings ?? native[kind as NativeLoss]
  const others = { reduction, name: label, ...formula?.others, ...(ignoreClass && { ignoreClass: classOrNull }) }
  const refused = { axis: [-1], dtype: [null, 'float32'], ignoreClass: [null] }
  const { name: _, ...made } = readSettings(`losses.${kind}`, options, settings, { others, refused })
  return { kind, ...Object.fromEntries(Object.entries(made).filter(([, value]) => value !== null)) }
}

const reduction = oneOf(['sumOverBatchSize', 'mean', 'meanWithSampleWeight', 'sum', 'none'])
const classOrNull = custom('an integer, or null', (value) => value === null || Number.isInteger(value))

/** What trains an output. */
export type AnyLoss = Loss | TracedMeasure

/** Whether a loss's targets are class numbers. */
export const hasLabels = ({ kind }: AnyLoss): boolean =>
  kind === 'sparseCategoricalCrossentropy' || kind === 'crf' || formulaOf(kind)?.labels === true

/** Whether a loss's targets are sequences of their own lengths, `[batch, length]`. */
export const isUnaligned = ({ kind }: Pick<AnyLoss, 'kind'>): boolean => Object.hasOwn(unaligned, kind)

/** Whether a loss compares distributions over classes, of which one is right. */
export const isCategorical = ({ kind }: AnyLoss): boolean => categorical.includes(kind)

const categorical: readonly string[] = [
  'sparseCategoricalCrossentropy',
  'categoricalCrossentropy',
  'categoricalFocalCrossentropy',
  'categoricalGeneralizedCrossEntropy',
] satisfies LossKind[]

/** Whether a loss is of independent yes-no decisions. */
export const isBinary = ({ kind }: AnyLoss): boolean =>
  kind === 'binaryCrossentropy' || kind === 'binaryFocalCrossentropy'

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
  const kind = lossKind(name)
  if (kind === undefined) throw unknownLoss(given, name)
  const { kind: _, ...options } = isRecord(given) ? given : { kind }
  const loss = makeLoss(kind, options)
  if ((loss.reduction as string | undefined) !== 'none') return loss
  throw new SeqloomError(
    'ERR_OPTION',
    `compile: loss: reduction 'none' gives no number that training could make smaller; take 'sumOverBatchSize', 'sum' or 'meanWithSampleWeight'`,
  )
}

function unknownLoss(given: unknown, name: unknown): SeqloomError {
  const known = typeof name === 'string' && Object.hasOwn(missing, name) ? missing[name] : undefined
  if (known !== undefined)
    return new SeqloomError('ERR_UNSUPPORTED', `compile: loss '${name}' is not supported: ${known}`)
  const camel = typeof name === 'string' ? name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()) : ''
  const hint = camel !== name && lossKind(camel) ? `; here it is called '${camel}'` : ''
  const all = [...lossNames, ...Object.keys(short)].join("', '")
  return new SeqloomError(
    'ERR_OPTION',
    `compile: loss must be one of '${all}', what losses.* returns, or a function, not ${describe(given)}${hint}`,
  )
}
