import { type Loss, makeLoss, type Reduction } from './loss.js'

export type { FormulaName } from './formulas.js'
export type { Loss, LossKind, LossName, Reduction } from './loss.js'
export type { TracedFunction } from './traced.js'

/** Options of every loss. */
export interface LossOptions {
  /**
   * What becomes of the losses of a batch's positions (rows, or steps of sequences), each times its sample weight:
   * `sumOverBatchSize` (default) and `mean` divide their sum by the number of positions that are not padding,
   * `meanWithSampleWeight` by the sum of the weights; `sum` leaves the sum, which grows with the batch. As in Keras,
   * `none` gives one number for each position, so that `compile` refuses it.
   */
  readonly reduction?: Reduction
  /** Of no effect. */
  readonly name?: string
}

/** Options of losses on probabilities or logits. */
export interface LogitOptions extends LossOptions {
  /** Whether predictions are logits, before softmax or sigmoid; default false. */
  readonly fromLogits?: boolean
}

/** Options of losses that can smooth their targets. */
export interface SmoothingOptions extends LogitOptions {
  /** The share of each target that is spread over all classes; from 0 to below 1, default 0. */
  readonly labelSmoothing?: number
}

/** Options of losses that give well-known positions less weight. */
export interface FocalOptions extends SmoothingOptions {
  /** The exponent of the share that is not found yet; 0 for the plain cross-entropy, default 2. */
  readonly gamma?: number
}

/**
 * -log p of the target class; predictions `[…, classes]`, integer targets `[…]` or `[…, 1]`. Positions whose target is
 * `ignoreClass` count as little as padding, also in metrics of the output. Errors: `ERR_OPTION`.
 */
export const sparseCategoricalCrossentropy = (
  options: LogitOptions & { readonly ignoreClass?: number | null } = {},
): Loss => makeLoss('sparseCategoricalCrossentropy', options)

/** The cross-entropy with a distribution; predictions and targets `[…, classes]`. Errors: `ERR_OPTION`. */
export const categoricalCrossentropy = (options: SmoothingOptions = {}): Loss =>
  makeLoss('categoricalCrossentropy', options)

/** The mean cross-entropy of independent yes-no predictions; targets of the same shape. Errors: `ERR_OPTION`. */
export const binaryCrossentropy = (options: SmoothingOptions = {}): Loss => makeLoss('binaryCrossentropy', options)

/**
 * The binary cross-entropy times (1 - p)^gamma, with p the probability of the right answer; with `applyClassBalancing`
 * (default false) also times `alpha` (default 0.25) for targets of 1 and 1 - alpha for those of 0 (Lin et al. 2017).
 * Errors: `ERR_OPTION`.
 */
export const binaryFocalCrossentropy = (
  options: FocalOptions & { readonly applyClassBalancing?: boolean; readonly alpha?: number } = {},
): Loss => makeLoss('binaryFocalCrossentropy', options)

/**
 * Σ -alpha · (1 - p)^gamma · t · log p over the classes (Lin et al. 2017); `alpha` is a number (default 0.25) or an array
 * of one for each class. Errors: `ERR_OPTION`.
 */
export const categoricalFocalCrossentropy = (
  options: FocalOptions & { readonly alpha?: number | readonly number[] } = {},
): Loss => makeLoss('categoricalFocalCrossentropy', options)

/**
 * (1 - p^q) / q with the probability p of the target class and `q` above 0 (default 0.5): from a cross-entropy (near 0)
 * to an absolute error (1), which bears wrong labels (Zhang and Sabuncu 2018). Predictions `[…, classes]` are
 * probabilities, targets integers `[…]`. Errors: `ERR_OPTION`.
 */
export const categoricalGeneralizedCrossEntropy = (options: LossOptions & { readonly q?: number } = {}): Loss =>
  makeLoss('categoricalGeneralizedCrossEntropy', options)

/** The mean of squared differences. Errors: `ERR_OPTION`. */
export const meanSquaredError = (options: LossOptions = {}): Loss => makeLoss('meanSquaredError', options)

/** The mean of absolute differences. Errors: `ERR_OPTION`. */
export const meanAbsoluteError = (options: LossOptions = {}): Loss => makeLoss('meanAbsoluteError', options)

/** The mean of 100 · |difference / target|; the target's magnitude counts as 1e-7 at least. Errors: `ERR_OPTION`. */
export const meanAbsolutePercentageError = (options: LossOptions = {}): Loss =>
  makeLoss('meanAbsolutePercentageError', options)

/** The mean of (log(1 + prediction) - log(1 + target))², where both count as 1e-7 at least. Errors: `ERR_OPTION`. */
export const meanSquaredLogarithmicError = (options: LossOptions = {}): Loss =>
  makeLoss('meanSquaredLogarithmicError', options)

/** The mean of log cosh(difference): squared for small ones, absolute for large ones. Errors: `ERR_OPTION`. */
export const logCosh = (options: LossOptions = {}): Loss => makeLoss('logCosh', options)

/** Squared below `delta` (default 1), linear above (Huber 1964). Errors: `ERR_OPTION`. */
export const huber = (options: LossOptions & { readonly delta?: number } = {}): Loss => makeLoss('huber', options)

/** The mean of max(0, 1 - target · prediction); targets are -1 or 1, and 0 means -1. Errors: `ERR_OPTION`. */
export const hinge = (options: LossOptions = {}): Loss => makeLoss('hinge', options)

/** The mean of max(0, 1 - target · prediction)²; targets are -1 or 1, and 0 means -1. Errors: `ERR_OPTION`. */
export const squaredHinge = (options: LossOptions = {}): Loss => makeLoss('squaredHinge', options)

/**
 * max(0, 1 + the largest prediction of another class - that of the target class); one-hot targets `[…, classes]`. Errors:
 * `ERR_OPTION`.
 */
export const categoricalHinge = (options: LossOptions = {}): Loss => makeLoss('categoricalHinge', options)

/** Σ t · log(t / p) over the last dimension, both clipped to 1e-7 … 1. Errors: `ERR_OPTION`. */
export const klDivergence = (options: LossOptions = {}): Loss => makeLoss('klDivergence', options)

/** The mean of prediction - target · log prediction: of counts (predictions are positive). Errors: `ERR_OPTION`. */
export const poisson = (options: LossOptions = {}): Loss => makeLoss('poisson', options)

/**
 * -log of the probability that `layers.crf`, which makes the output, gives to a row's true tags: the log of the sum of
 * exp(score) over all sequences of tags, less the score of the true one (Lafferty et al. 2001). The mean over the rows.
 * Targets are the tags' numbers `[batch, time]`, and sample weights `[batch]`.
 *
 * True tags that the layer's constraints forbid are `ERR_DATA`, naming the row; with `zeroInfinity` (default false) such
 * rows have a loss of 0 and no gradient. Metrics compare tags: those of yes-no decisions, such as `accuracy` and `f1`;
 * functions of your own get the predicted tags as ones among zeros, `[batch, time, tags]`. Errors: `ERR_OPTION`.
 */
export const crf = (options: LossOptions & { readonly zeroInfinity?: boolean } = {}): Loss => makeLoss('crf', options)

/**
 * Connectionist temporal classification (Graves et al. 2006): -log of the probability of all alignments that write a
 * row's target, for labelling without alignment. Every step has one of the symbols; what is written is left without
 * repetitions and then without blanks. The mean over the rows; for PyTorch's, give each row the weight 1 / its target's
 * length.
 *
 * Predictions are logits `[batch, time, symbols]`, or log-probabilities, which are logits too: the output has no
 * softmax. Targets are arrays of symbols, each of its own length and also empty; or `[batch, length]`, filled up with
 * negative numbers or blanks. `blank` (default 0) is the symbol that writes nothing. `text.ctcDecode` reads predictions.
 *
 * A target that needs more steps than its row has (its length, and one more between equal neighbours) has an infinite
 * loss: `ERR_DATA`, or with `zeroInfinity` (default false) 0 without a gradient, as in PyTorch. Errors: `ERR_OPTION`; in
 * training `ERR_DATA`, naming the row.
 */
export const ctc = (options: LossOptions & { readonly blank?: number; readonly zeroInfinity?: boolean } = {}): Loss =>
  makeLoss('ctc', options)

/**
 * The loss of an RNN transducer (Graves 2012, arXiv 1211.3711): -log of the probability of all alignments that write a
 * row's target. At every step any number of symbols may be written, then a blank goes on to the next one; unlike `ctc`,
 * what comes next depends on the symbols so far, and a target may be longer than the input. The mean over the rows.
 *
 * The output must be one that `layers.transducerJoint` makes. Its predictor reads, for each row, a symbol that stands for
 * the start and then the target; `blank` (default 0) is good for the start. Targets are arrays of symbols, each of its own
 * length and also empty; or `[batch, length]`, filled up with negative numbers or blanks. `text.transducerDecode` writes
 * with the model.
 *
 * A row whose steps are all masked cannot write: with symbols to write its loss is infinite, `ERR_DATA`, or with
 * `zeroInfinity` (default false) 0 without a gradient. Errors: `ERR_OPTION`; in training `ERR_DATA`, naming the row.
 */
export const transducer = (
  options: LossOptions & { readonly blank?: number; readonly zeroInfinity?: boolean } = {},
): Loss => makeLoss('transducer', options)

/** Minus the cosine of the angle between target and prediction, along the last dimension. Errors: `ERR_OPTION`. */
export const cosineSimilarity = (options: LossOptions = {}): Loss => makeLoss('cosineSimilarity', options)
