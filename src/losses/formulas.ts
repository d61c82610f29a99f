import { SeqloomError } from '../errors.js'
import type { SymbolicValue } from '../graph/trace/symbolic.js'
import { type Check, custom, number } from '../options.js'
import type { Settings } from '../settings.js'

/** Keeps divisions and logarithms finite, as in Keras. */
const epsilon = 1e-7

/** Keeps the logarithm in a power finite, and its slope. */
const tiny = 1e-30

/** The settings of a loss by name. */
export type LossSettings = Readonly<Record<string, unknown>>

/** A loss as a formula: from the targets and predictions, and its settings, to a value for each position. */
interface Formula {
  readonly settings: Settings
  /** Settings of other types, which may be left out. */
  readonly others?: Readonly<Record<string, Check>>
  /** Whether targets are class numbers `[…]`, not values of the predictions' shape. */
  readonly labels?: true
  compute(yTrue: SymbolicValue, yPred: SymbolicValue, settings: LossSettings): SymbolicValue
}

const mean = (x: SymbolicValue): SymbolicValue => x.mean()

const clipped = (x: SymbolicValue, highest: number): SymbolicValue => x.maximum(epsilon).minimum(highest)

/** Ones of a value's shape. */
const ones = (x: SymbolicValue): SymbolicValue => x.equal(x)

/** 1 - x. */
const rest = (x: SymbolicValue): SymbolicValue => x.neg().add(1)

function power(x: SymbolicValue, exponent: number): SymbolicValue {
  if (exponent === 0) return ones(x)
  if (exponent === 1) return x
  return exponent === 2 ? x.square() : x.maximum(tiny).log().mul(exponent).exp()
}

/** 1 at each label's class, 0 elsewhere; of the shape of `like`. */
export function oneHot(labels: SymbolicValue, like: SymbolicValue): SymbolicValue {
  const classes = ones(like).cumulativeSum().sub(1)
  return classes.equal(labels.expandDims(labels.shape.length))
}

/** Factors of the classes along the last dimension. */
function byClass(factors: readonly number[], like: SymbolicValue): SymbolicValue {
  const columns = like.shape.at(-1)
  if (factors.length !== columns) {
    throw new SeqloomError('ERR_OPTION', `compile: loss: alpha has ${factors.length} factors for ${columns} classes`)
  }
  const classes = ones(like).cumulativeSum().sub(1)
  return factors.reduce<SymbolicValue>((all, factor, at) => classes.equal(at).where(factor, all), ones(like))
}

/** Vectors of length 1 along the last dimension. */
const unit = (x: SymbolicValue): SymbolicValue =>
  x.div(
    x
      .square()
      .sum({ keepDims: true })
      .maximum(epsilon ** 2)
      .sqrt(),
  )

/** The product of unit vectors. */
export const cosine = (yTrue: SymbolicValue, yPred: SymbolicValue): SymbolicValue => unit(yTrue).mul(unit(yPred)).sum()

/** Targets of 0 and 1 as -1 and 1. */
const signs = (yTrue: SymbolicValue): SymbolicValue => yTrue.equal(0).where(-1, yTrue)

const margin = (yTrue: SymbolicValue, yPred: SymbolicValue): SymbolicValue => rest(signs(yTrue).mul(yPred)).relu()

/** Targets of which a share is spread over `classes` values. */
function smoothed(yTrue: SymbolicValue, { labelSmoothing }: LossSettings, classes: number): SymbolicValue {
  const share = labelSmoothing as number
  return share === 0 ? yTrue : yTrue.mul(1 - share).add(share / classes)
}

const factor = number(0)
const isFactor = (value: unknown): boolean =>
  Array.isArray(value) ? value.length > 0 && value.every(factor.accepts) : factor.accepts(value)

const logits: Settings = {
  fromLogits: { type: 'flag', default: false },
  labelSmoothing: { type: 'number', least: 0, below: 1, default: 0 },
}
const focal: Settings = { gamma: { type: 'number', least: 0, default: 2 }, ...logits }

/** Losses that are made of symbolic operations; those of Rust are in the table. */
export const formulas = {
  meanAbsolutePercentageError: {
    settings: {},
    compute: (yTrue, yPred) => mean(yTrue.sub(yPred).div(yTrue.abs().maximum(epsilon)).abs()).mul(100),
  },
  meanSquaredLogarithmicError: {
    settings: {},
    compute(yTrue, yPred) {
      const logarithm = (x: SymbolicValue) => x.maximum(epsilon).add(1).log()
      return mean(logarithm(yPred).sub(logarithm(yTrue)).square())
    },
  },
  hinge: { settings: {}, compute: (yTrue, yPred) => mean(margin(yTrue, yPred)) },
  squaredHinge: { settings: {}, compute: (yTrue, yPred) => mean(margin(yTrue, yPred).square()) },
  categoricalHinge: {
    settings: {},
    compute(yTrue, yPred) {
      const right = yTrue.mul(yPred).sum()
      const wrong = rest(yTrue).mul(yPred).max()
      return wrong.sub(right).add(1).relu()
    },
  },
  klDivergence: {
    settings: {},
    compute(yTrue, yPred) {
      const p = clipped(yTrue, 1)
      return p.mul(p.log().sub(clipped(yPred, 1).log())).sum()
    },
  },
  poisson: {
    settings: {},
    compute: (yTrue, yPred) => mean(yPred.sub(yTrue.mul(yPred.add(epsilon).log()))),
  },
  logCosh: {
    settings: {},
    compute(yTrue, yPred) {
      const error = yPred.sub(yTrue)
      return mean(error.add(error.mul(-2).softplus()).sub(Math.LN2))
    },
  },
  cosineSimilarity: { settings: {}, compute: (yTrue, yPred) => cosine(yTrue, yPred).neg() },
  binaryFocalCrossentropy: {
    settings: {
      applyClassBalancing: { type: 'flag', default: false },
      alpha: { type: 'number', least: 0, default: 0.25 },
      ...focal,
    },
    compute(yTrue, yPred, settings) {
      const t = smoothed(yTrue, settings, 2)
      const p = settings.fromLogits ? yPred.sigmoid() : yPred
      const inside = clipped(p, 1 - epsilon)
      const entropy = t
        .mul(inside.log())
        .add(rest(t).mul(rest(inside).log()))
        .neg()
      const found = t.mul(p).add(rest(t).mul(rest(p)))
      const loss = power(rest(found), settings.gamma as number).mul(entropy)
      if (!settings.applyClassBalancing) return mean(loss)
      const alpha = settings.alpha as number
      return mean(
        t
          .mul(2 * alpha - 1)
          .add(1 - alpha)
          .mul(loss),
      )
    },
  },
  categoricalFocalCrossentropy: {
    settings: focal,
    others: { alpha: custom('a finite number of at least 0, or an array of one for each class', isFactor) },
    compute(yTrue, yPred, settings) {
      const t = smoothed(yTrue, settings, yPred.shape.at(-1) as number)
      const given = settings.fromLogits ? yPred.softmax() : yPred
      const p = clipped(given.div(given.sum({ keepDims: true }).maximum(tiny)), 1 - epsilon)
      const { alpha = 0.25 } = settings
      const factors = Array.isArray(alpha) ? byClass(alpha, p) : (alpha as number)
      return power(rest(p), settings.gamma as number)
        .mul(t.mul(p.log()).neg())
        .mul(factors)
        .sum()
    },
  },
  categoricalGeneralizedCrossEntropy: {
    settings: { q: { type: 'number', above: 0, default: 0.5 } },
    labels: true,
    compute(yTrue, yPred, settings) {
      const q = settings.q as number
      return rest(power(yPred.mul(oneHot(yTrue, yPred)).sum(), q)).div(q)
    },
  },
} as const satisfies Readonly<Record<string, Formula>>

/** The names of these losses. */
export type FormulaName = keyof typeof formulas

/** The formula of a name; undefined for losses of Rust, and for anything else. */
export const formulaOf = (kind: unknown): Formula | undefined =>
  typeof kind === 'string' && Object.hasOwn(formulas, kind) ? formulas[kind as FormulaName] : undefined
