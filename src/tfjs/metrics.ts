// tf.metrics: functions of labels and predictions. They can be called with tensors, and given to compile().
import * as losses from './layerLosses.js'
import { add, div, sub } from './ops/arithmetic.js'
import { equal, greater, logicalAnd, where } from './ops/logic.js'
import { composed } from './ops/op.js'
import { argMax, mean, sum } from './ops/reduce.js'
import { cast, squeeze } from './ops/shape.js'
import { square } from './ops/unary.js'
import type { Tensor } from './tensor.js'

/** The share of values that are right, with 0.5 as the border between 0 and 1. */
export function binaryAccuracy(yTrue: Tensor, yPred: Tensor): Tensor {
  return composed('binaryAccuracy', () => mean(equal(yTrue, cast(greater(yPred, 0.5), yTrue.dtype)), -1))
}

export function binaryCrossentropy(yTrue: Tensor, yPred: Tensor): Tensor {
  return losses.binaryCrossentropy(yTrue, yPred)
}

/** Whether the most probable class is the right one; classes are given as integers. */
export function sparseCategoricalAccuracy(yTrue: Tensor, yPred: Tensor): Tensor {
  return composed('sparseCategoricalAccuracy', () => {
    const classes = yTrue.rank === yPred.rank ? squeeze(yTrue, [yTrue.rank - 1]) : yTrue
    return cast(equal(classes, cast(argMax(yPred, -1), classes.dtype)), 'float32')
  })
}

/** Whether the most probable class is the right one; classes are given as one-hot rows. */
export function categoricalAccuracy(yTrue: Tensor, yPred: Tensor): Tensor {
  return composed('categoricalAccuracy', () => cast(equal(argMax(yTrue, -1), argMax(yPred, -1)), 'float32'))
}

export function categoricalCrossentropy(yTrue: Tensor, yPred: Tensor): Tensor {
  return losses.categoricalCrossentropy(yTrue, yPred)
}

/** How many values are `truth` and predicted as `predicted`. */
const count = (yTrue: Tensor, truth: number, yPred: Tensor, predicted: number): Tensor =>
  cast(sum(logicalAnd(equal(yTrue, truth), equal(yPred, predicted))), 'float32')

const share = (part: Tensor, rest: Tensor): Tensor => {
  const whole = add(part, rest)
  return where(greater(whole, 0), div(part, whole), 0)
}

/** The share of predicted ones that are right. */
export function precision(yTrue: Tensor, yPred: Tensor): Tensor {
  return composed('precision', () => share(count(yTrue, 1, yPred, 1), count(yTrue, 0, yPred, 1)))
}

/** The share of ones that are predicted. */
export function recall(yTrue: Tensor, yPred: Tensor): Tensor {
  return composed('recall', () => share(count(yTrue, 1, yPred, 1), count(yTrue, 1, yPred, 0)))
}

export function cosineProximity(yTrue: Tensor, yPred: Tensor): Tensor {
  return losses.cosineProximity(yTrue, yPred)
}

export function meanAbsoluteError(yTrue: Tensor, yPred: Tensor): Tensor {
  return losses.meanAbsoluteError(yTrue, yPred)
}

export function meanAbsolutePercentageError(yTrue: Tensor, yPred: Tensor): Tensor {
  return losses.meanAbsolutePercentageError(yTrue, yPred)
}

export function MAPE(yTrue: Tensor, yPred: Tensor): Tensor {
  return losses.meanAbsolutePercentageError(yTrue, yPred)
}

export function mape(yTrue: Tensor, yPred: Tensor): Tensor {
  return losses.meanAbsolutePercentageError(yTrue, yPred)
}

export function meanSquaredError(yTrue: Tensor, yPred: Tensor): Tensor {
  return losses.meanSquaredError(yTrue, yPred)
}

export function MSE(yTrue: Tensor, yPred: Tensor): Tensor {
  return losses.meanSquaredError(yTrue, yPred)
}

export function mse(yTrue: Tensor, yPred: Tensor): Tensor {
  return losses.meanSquaredError(yTrue, yPred)
}

/** How much of the variance of the labels the predictions explain: 1 for all of it. */
export function r2Score(yTrue: Tensor, yPred: Tensor): Tensor {
  return composed('r2Score', () => sub(1, div(sum(square(sub(yTrue, yPred))), sum(square(sub(yTrue, mean(yTrue)))))))
}
