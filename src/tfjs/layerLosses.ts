// The losses that models know by name, as functions of tensors: one value for each row.

import { add, div, maximum, mul, sub } from './ops/arithmetic.js'
import { oneHot } from './ops/gather.js'
import { softmax } from './ops/normalize.js'
import { composed } from './ops/op.js'
import { max, mean, sum } from './ops/reduce.js'
import { cast, flatten, reshape } from './ops/shape.js'
import { abs, clipByValue, exp, floor, log, log1p, neg, relu, softplus, sqrt, square } from './ops/unary.js'
import type { Tensor } from './tensor.js'

/** Keeps divisions and logarithms finite. */
export const epsilon = 1e-7

/** The largest number of float32, beyond which nothing is clipped. */
const unbounded = 3.4e38

export type LossFunction = (yTrue: Tensor, yPred: Tensor) => Tensor

export const meanSquaredError = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('meanSquaredError', () => mean(square(sub(yPred, yTrue)), -1))

export const meanAbsoluteError = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('meanAbsoluteError', () => mean(abs(sub(yPred, yTrue)), -1))

export const meanAbsolutePercentageError = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('meanAbsolutePercentageError', () =>
    mul(100, mean(abs(div(sub(yTrue, yPred), clipByValue(abs(yTrue), epsilon, unbounded))), -1)),
  )

export const meanSquaredLogarithmicError = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('meanSquaredLogarithmicError', () => {
    const logarithm = (x: Tensor) => log(add(1, clipByValue(x, epsilon, unbounded)))
    return mean(square(sub(logarithm(yPred), logarithm(yTrue))), -1)
  })

export const squaredHinge = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('squaredHinge', () => mean(square(maximum(0, sub(1, mul(yTrue, yPred)))), -1))

export const hinge = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('hinge', () => mean(maximum(0, sub(1, mul(yTrue, yPred))), -1))

export const categoricalHinge = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('categoricalHinge', () => {
    const right = sum(mul(yTrue, yPred), -1)
    const wrong = max(mul(sub(1, yTrue), yPred), -1)
    return maximum(0, add(1, sub(wrong, right)))
  })

export const logcosh = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('logcosh', () => {
    const error = sub(yPred, yTrue)
    return mean(sub(add(error, softplus(mul(-2, error))), Math.log(2)), -1)
  })

const clipped = (x: Tensor) => clipByValue(x, epsilon, 1 - epsilon)

export const categoricalCrossentropy = (target: Tensor, output: Tensor, fromLogits = false): Tensor =>
  composed('categoricalCrossentropy', () => {
    const probabilities = clipped(fromLogits ? softmax(output) : div(output, sum(output, -1, true)))
    return neg(sum(mul(cast(target, 'float32'), log(probabilities)), -1))
  })

export const sparseCategoricalCrossentropy = (target: Tensor, output: Tensor, fromLogits = false): Tensor =>
  composed('sparseCategoricalCrossentropy', () => {
    const classes = cast(floor(cast(flatten(target), 'float32')), 'int32')
    const hot = reshape(oneHot(classes, output.shape.at(-1) as number), output.shape) as Tensor
    return categoricalCrossentropy(hot, clipped(output), fromLogits)
  })

export const binaryCrossentropy = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('binaryCrossentropy', () => {
    const probability = clipped(yPred)
    const logits = log(div(probability, sub(1, probability)))
    const losses = add(sub(relu(logits), mul(logits, yTrue)), log1p(exp(neg(abs(logits)))))
    return mean(losses, -1)
  })

export const kullbackLeiblerDivergence = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('kullbackLeiblerDivergence', () => {
    const ratio = div(clipByValue(yTrue, epsilon, 1), clipByValue(yPred, epsilon, 1))
    return sum(mul(yTrue, log(ratio)), -1)
  })

export const poisson = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('poisson', () => mean(sub(yPred, mul(yTrue, log(add(epsilon, yPred)))), -1))

export const cosineProximity = (yTrue: Tensor, yPred: Tensor): Tensor =>
  composed('cosineProximity', () => {
    const unit = (x: Tensor) => div(x, sqrt(maximum(sum(square(cast(x, 'float32')), -1, true), epsilon)))
    return neg(sum(mul(unit(yTrue), unit(yPred)), -1))
  })
