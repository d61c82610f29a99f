// tf.train: functions that make optimizers, with tfjs's defaults.
import {
  AdadeltaOptimizer,
  AdagradOptimizer,
  AdamaxOptimizer,
  AdamOptimizer,
  MomentumOptimizer,
  RMSPropOptimizer,
  SGDOptimizer,
} from './optimizers.js'

/** Gradient descent: `w -= rate · g`. */
export const sgd = (learningRate: number): SGDOptimizer => new SGDOptimizer(learningRate)

/** Gradient descent with momentum. */
export const momentum = (learningRate: number, momentum: number, useNesterov = false): MomentumOptimizer =>
  new MomentumOptimizer(learningRate, momentum, useNesterov)

export const rmsprop = (
  learningRate: number,
  decay = 0.9,
  momentum = 0,
  epsilon: number | null = null,
  centered = false,
): RMSPropOptimizer => new RMSPropOptimizer(learningRate, decay, momentum, epsilon, centered)

export const adam = (learningRate = 0.001, beta1 = 0.9, beta2 = 0.999, epsilon: number | null = null): AdamOptimizer =>
  new AdamOptimizer(learningRate, beta1, beta2, epsilon)

export const adadelta = (learningRate = 0.001, rho = 0.95, epsilon: number | null = null): AdadeltaOptimizer =>
  new AdadeltaOptimizer(learningRate, rho, epsilon)

export const adamax = (
  learningRate = 0.002,
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon: number | null = null,
  decay = 0,
): AdamaxOptimizer => new AdamaxOptimizer(learningRate, beta1, beta2, epsilon, decay)

export const adagrad = (learningRate: number, initialAccumulatorValue = 0.1): AdagradOptimizer =>
  new AdagradOptimizer(learningRate, initialAccumulatorValue)
