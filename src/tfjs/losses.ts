// tf.losses: functions of labels and predictions. They can be called with tensors, and given to compile().
import { describe, SeqloomError } from '../errors.js'
import { convertToTensor } from './convert.js'
import { check } from './failure.js'
import { add, div, minimum, mul, squaredDifference, sub } from './ops/arithmetic.js'
import { ones } from './ops/creation.js'
import { notEqual } from './ops/logic.js'
import { composed } from './ops/op.js'
import { logSumExp, mean, sum } from './ops/reduce.js'
import { cast } from './ops/shape.js'
import { abs, exp, log, log1p, neg, relu, square } from './ops/unary.js'
import type { Tensor } from './tensor.js'
import type { TensorLike } from './types.js'

/** What becomes of the losses of a batch: nothing, their weighted mean, their sum, or their sum by the number of weights that are not 0. */
export enum Reduction {
  NONE = 0,
  MEAN = 1,
  SUM = 2,
  SUM_BY_NONZERO_WEIGHTS = 3,
}

/** @inline */
type Values = Tensor | TensorLike
/** @inline */
type Weights = Tensor | TensorLike | null | undefined

/** Weighs losses and reduces them. */
export function computeWeightedLoss<O extends Tensor>(
  losses: Values,
  weights?: Weights,
  reduction: Reduction = Reduction.SUM_BY_NONZERO_WEIGHTS,
): O {
  return composed('computeWeightedLoss', () => {
    const $losses = convertToTensor<Tensor>(losses, 'losses', 'computeWeightedLoss')
    if (weights === undefined || weights === null) {
      if (reduction === Reduction.NONE) return $losses as O
      if (reduction === Reduction.SUM) return sum($losses) as O
      if (reduction in Reduction) return mean($losses) as O
    } else {
      const $weights = convertToTensor<Tensor>(weights, 'weights', 'computeWeightedLoss')
      const weighed = mul($losses, $weights)
      switch (reduction) {
        case Reduction.NONE:
          return weighed as O
        case Reduction.SUM:
          return sum(weighed) as O
        case Reduction.MEAN:
          return div(sum(weighed), sum(mul($weights, ones($losses.shape)))) as O
        case Reduction.SUM_BY_NONZERO_WEIGHTS: {
          const used = notEqual(mul($weights, ones($losses.shape)), 0)
          return div(sum(weighed), cast(sum(used), 'float32')) as O
        }
      }
    }
    throw new SeqloomError('ERR_OPTION', `Unknown reduction: ${describe(reduction)}`)
  })
}

/** Labels and predictions as tensors of one shape. */
function matching(name: string, labels: Values, predictions: Values, labelsName = 'labels', otherName = 'predictions') {
  const $labels = convertToTensor<Tensor>(labels, labelsName, name)
  const $predictions = convertToTensor<Tensor>(predictions, otherName, name)
  const [a, b]: readonly (readonly (number | null)[])[] = [$labels.shape, $predictions.shape]
  check(
    a?.length === b?.length && a?.every((dim, i) => dim === null || b?.[i] === null || dim === b?.[i]) === true,
    'ERR_SHAPE',
    () => `Error in ${name}:  Shapes ${a} and ${b} must match`,
  )
  return [$labels, $predictions] as const
}

/** `|labels - predictions|`. */
export function absoluteDifference<O extends Tensor>(
  labels: Values,
  predictions: Values,
  weights?: Weights,
  reduction?: Reduction,
): O {
  return composed('absoluteDifference', () => {
    const [$labels, $predictions] = matching('absoluteDifference', labels, predictions)
    return computeWeightedLoss<O>(abs(sub($labels, $predictions)), weights, reduction)
  })
}

/** `(labels - predictions)²`. */
export function meanSquaredError<O extends Tensor>(
  labels: Values,
  predictions: Values,
  weights?: Weights,
  reduction?: Reduction,
): O {
  return composed('meanSquaredError', () => {
    const [$labels, $predictions] = matching('meanSquaredError', labels, predictions)
    return computeWeightedLoss<O>(squaredDifference($labels, $predictions), weights, reduction)
  })
}

/** 1 less the product of unit vectors along an axis. */
export function cosineDistance<O extends Tensor>(
  labels: Values,
  predictions: Values,
  axis: number,
  weights?: Weights,
  reduction?: Reduction,
): O {
  return composed('cosineDistance', () => {
    const [$labels, $predictions] = matching('cosineDistance', labels, predictions)
    return computeWeightedLoss<O>(sub(1, sum(mul($labels, $predictions), axis, true)), weights, reduction)
  })
}

/** `max(0, 1 - labels · predictions)` for labels of 0 and 1, taken as -1 and 1. */
export function hingeLoss<O extends Tensor>(
  labels: Values,
  predictions: Values,
  weights?: Weights,
  reduction?: Reduction,
): O {
  return composed('hingeLoss', () => {
    const [$labels, $predictions] = matching('hingeLoss', labels, predictions)
    const signs = sub(mul(2, $labels), 1)
    return computeWeightedLoss<O>(relu(sub(1, mul(signs, $predictions))), weights, reduction)
  })
}

/** Half the squared error up to `delta` (1), linear beyond. */
export function huberLoss<O extends Tensor>(
  labels: Values,
  predictions: Values,
  weights?: Weights,
  delta = 1,
  reduction?: Reduction,
): O {
  return composed('huberLoss', () => {
    const [$labels, $predictions] = matching('huberLoss', labels, predictions)
    const error = abs(sub($predictions, $labels))
    const quadratic = minimum(error, delta)
    const linear = sub(error, quadratic)
    return computeWeightedLoss<O>(add(mul(0.5, square(quadratic)), mul(delta, linear)), weights, reduction)
  })
}

/** The cross-entropy of labels and probabilities, of each by itself. */
export function logLoss<O extends Tensor>(
  labels: Values,
  predictions: Values,
  weights?: Weights,
  epsilon = 1e-7,
  reduction?: Reduction,
): O {
  return composed('logLoss', () => {
    const [$labels, $predictions] = matching('logLoss', labels, predictions)
    const positive = neg(mul($labels, log(add($predictions, epsilon))))
    const negative = mul(sub(1, $labels), log(add(sub(1, $predictions), epsilon)))
    return computeWeightedLoss<O>(sub(positive, negative), weights, reduction)
  })
}

/** The cross-entropy of labels and logits, of each by itself. */
export function sigmoidCrossEntropy<O extends Tensor>(
  multiClassLabels: Values,
  logits: Values,
  weights?: Weights,
  labelSmoothing = 0,
  reduction?: Reduction,
): O {
  return composed('sigmoidCrossEntropy', () => {
    const [$given, $logits] = matching('sigmoidCrossEntropy', multiClassLabels, logits, 'multiClassLabels', 'logits')
    const $labels = labelSmoothing > 0 ? add(mul($given, 1 - labelSmoothing), 0.5 * labelSmoothing) : $given
    const losses = add(sub(relu($logits), mul($logits, $labels)), log1p(exp(neg(abs($logits)))))
    return computeWeightedLoss<O>(losses, weights, reduction)
  })
}

/** The cross-entropy of one-hot labels and logits, along the last dimension. */
export function softmaxCrossEntropy<O extends Tensor>(
  onehotLabels: Values,
  logits: Values,
  weights?: Weights,
  labelSmoothing = 0,
  reduction?: Reduction,
): O {
  return composed('softmaxCrossEntropy', () => {
    const [$given, $logits] = matching('softmaxCrossEntropy', onehotLabels, logits, 'onehotLabels', 'logits')
    const $labels =
      labelSmoothing > 0 ? add(mul($given, 1 - labelSmoothing), labelSmoothing / ($given.shape[1] as number)) : $given
    const logProbabilities = sub(cast($logits, 'float32'), logSumExp($logits, [$logits.rank - 1], true))
    return computeWeightedLoss<O>(neg(sum(mul(logProbabilities, $labels), -1)), weights, reduction)
  })
}
