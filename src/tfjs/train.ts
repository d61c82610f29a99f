// tf.train: optimizers as values that compile() takes. They hold tfjs's names and defaults; training itself is native.
import { describe, SeqloomError } from '../errors.js'
import { unsupported } from './failure.js'

/** The settings of an optimizer, by tfjs's names. */
export interface OptimizerConfig {
  readonly learningRate: number
  readonly [name: string]: number | boolean
}

/** Optimizers that keep their rate beside `learningRate`. */
const setsByCall: readonly string[] = ['SGD', 'Momentum']

const instead =
  'Seqloom differentiates when it builds a model: give the optimizer to model.compile() and call model.fit() or ' +
  'model.trainOnBatch(); write a loss of your own as a function of (yTrue, yPred)'

/**
 * An optimizer, to be given to `compile`. Setting `learningRate` takes effect from the next batch on; as in tfjs, that of
 * `sgd` and `momentum` does so by `setLearningRate` alone.
 */
export class Optimizer {
  readonly #className: string
  readonly #config: OptimizerConfig
  #learningRate: number
  /** @internal The rate at which weights move. */
  effectiveRate: number

  constructor(className: string, config: OptimizerConfig) {
    for (const [name, value] of Object.entries(config)) {
      if (typeof value === 'number' ? !Number.isFinite(value) : typeof value !== 'boolean') {
        throw new SeqloomError('ERR_OPTION', `tf.train: ${name} must be a finite number, not ${describe(value)}`)
      }
    }
    this.#className = className
    this.#config = config
    this.#learningRate = config.learningRate
    this.effectiveRate = config.learningRate
  }

  get learningRate(): number {
    return this.#learningRate
  }

  set learningRate(rate: number) {
    if (!Number.isFinite(rate)) {
      throw new SeqloomError('ERR_OPTION', `tf.train: the learning rate must be a finite number, not ${describe(rate)}`)
    }
    this.#learningRate = rate
    if (!setsByCall.includes(this.#className)) this.effectiveRate = rate
  }

  setLearningRate(rate: number): void {
    this.learningRate = rate
    this.effectiveRate = rate
  }

  getClassName(): string {
    return this.#className
  }

  getConfig(): OptimizerConfig {
    return { ...this.#config, learningRate: this.#learningRate }
  }

  minimize(..._: unknown[]): never {
    throw unsupported('optimizer.minimize', instead)
  }

  computeGradients(..._: unknown[]): never {
    throw unsupported('optimizer.computeGradients', instead)
  }

  applyGradients(..._: unknown[]): never {
    throw unsupported('optimizer.applyGradients', instead)
  }

  dispose(): void {}
}

/** tfjs's epsilon for float32. */
const epsilon = 1e-7

const given = (value: number | null | undefined): number => value ?? epsilon

/** Gradient descent: `w -= rate · g`. */
export const sgd = (learningRate: number): Optimizer => new Optimizer('SGD', { learningRate })

/** Gradient descent with momentum. */
export const momentum = (learningRate: number, momentum: number, useNesterov = false): Optimizer =>
  new Optimizer('Momentum', { learningRate, momentum, useNesterov })

export const rmsprop = (
  learningRate: number,
  decay = 0.9,
  momentum = 0,
  epsilon: number | null = null,
  centered = false,
): Optimizer => new Optimizer('RMSProp', { learningRate, decay, momentum, epsilon: given(epsilon), centered })

export const adam = (learningRate = 0.001, beta1 = 0.9, beta2 = 0.999, epsilon: number | null = null): Optimizer =>
  new Optimizer('Adam', { learningRate, beta1, beta2, epsilon: given(epsilon) })

export const adadelta = (learningRate = 0.001, rho = 0.95, epsilon: number | null = null): Optimizer =>
  new Optimizer('Adadelta', { learningRate, rho, epsilon: given(epsilon) })

export const adamax = (
  learningRate = 0.002,
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon: number | null = null,
  decay = 0,
): Optimizer => new Optimizer('Adamax', { learningRate, beta1, beta2, epsilon: given(epsilon), decay })

export const adagrad = (learningRate: number, initialAccumulatorValue = 0.1): Optimizer =>
  new Optimizer('Adagrad', { learningRate, initialAccumulatorValue })

/** The optimizers that compile() knows by name, with the settings that it gives them. */
const named: Readonly<Record<string, () => Optimizer>> = {
  sgd: () => sgd(0.01),
  rmsprop: () => rmsprop(0.001),
  adam: () => adam(),
  adadelta: () => adadelta(1),
  adamax: () => adamax(),
  adagrad: () => adagrad(0.01),
}

/** The optimizer of a name, as compile() takes it: `'adam'` or `'Adam'`. */
export function optimizerByName(name: string): Optimizer {
  const known = Object.keys(named).find((each) => each === name || className[each] === name)
  const make = known === undefined ? undefined : named[known]
  if (!make) {
    throw new SeqloomError(
      'ERR_OPTION',
      `Unknown Optimizer ${describe(name)}; it must be one of ${Object.keys(named).join(', ')}`,
    )
  }
  return make()
}

const className: Readonly<Record<string, string>> = {
  sgd: 'SGD',
  rmsprop: 'RMSProp',
  adam: 'Adam',
  adadelta: 'Adadelta',
  adamax: 'Adamax',
  adagrad: 'Adagrad',
}
