// tfjs's optimizers as classes, with its settings and defaults.
import { describe, SeqloomError } from '../errors.js'
import { Optimizer, type OptimizerConfig } from './optimizer.js'

/** What tfjs adds to denominators of float32 where a program gives nothing. */
const given = (epsilon: number | null | undefined): number => epsilon ?? 1e-7

/** Gradient descent: `w -= rate · g`. */
export class SGDOptimizer extends Optimizer {
  constructor(learningRate: number) {
    super('SGD', { learningRate })
  }
}

/** Gradient descent with momentum. */
export class MomentumOptimizer extends Optimizer {
  constructor(learningRate: number, momentum: number, useNesterov = false) {
    super('Momentum', { learningRate, momentum, useNesterov })
  }
}

export class RMSPropOptimizer extends Optimizer {
  constructor(learningRate: number, decay = 0.9, momentum = 0, epsilon: number | null = null, centered = false) {
    super('RMSProp', { learningRate, decay, momentum, epsilon: given(epsilon), centered })
  }
}

export class AdamOptimizer extends Optimizer {
  constructor(learningRate: number, beta1: number, beta2: number, epsilon: number | null = null) {
    super('Adam', { learningRate, beta1, beta2, epsilon: given(epsilon) })
  }
}

export class AdadeltaOptimizer extends Optimizer {
  constructor(learningRate: number, rho: number, epsilon: number | null = null) {
    super('Adadelta', { learningRate, rho, epsilon: given(epsilon) })
  }
}

export class AdamaxOptimizer extends Optimizer {
  constructor(learningRate: number, beta1: number, beta2: number, epsilon: number | null = null, decay = 0) {
    super('Adamax', { learningRate, beta1, beta2, epsilon: given(epsilon), decay })
  }
}

export class AdagradOptimizer extends Optimizer {
  constructor(learningRate: number, initialAccumulatorValue = 0.1) {
    super('Adagrad', { learningRate, initialAccumulatorValue })
  }
}

/** The optimizers that compile() and saved models know by name, with the settings that compile() gives them. */
const named: readonly (readonly [name: string, className: string, make: () => Optimizer])[] = [
  ['sgd', 'SGD', () => new SGDOptimizer(0.01)],
  ['rmsprop', 'RMSProp', () => new RMSPropOptimizer(0.001)],
  ['adam', 'Adam', () => new AdamOptimizer(0.001, 0.9, 0.999)],
  ['adadelta', 'Adadelta', () => new AdadeltaOptimizer(1, 0.95)],
  ['adamax', 'Adamax', () => new AdamaxOptimizer(0.002, 0.9, 0.999)],
  ['adagrad', 'Adagrad', () => new AdagradOptimizer(0.01)],
]

/** The optimizer of a name, as compile() takes it: `'adam'` or `'Adam'`. */
export function optimizerByName(name: string): Optimizer {
  const known = named.find((names) => names.includes(name))
  if (!known) {
    const names = named.map(([each]) => each).join(', ')
    throw new SeqloomError('ERR_OPTION', `Unknown Optimizer ${describe(name)}; it must be one of ${names}`)
  }
  return known[2]()
}

/** The optimizer that a saved model names. `ERR_FORMAT`. */
export function optimizerOfConfig(name: unknown, config: Readonly<Record<string, unknown>>): Optimizer {
  const standard =
    name === 'Momentum' ? new MomentumOptimizer(0.01, 0.9) : typeof name === 'string' && optimizerByName(name)
  if (!standard) throw new SeqloomError('ERR_FORMAT', `the model: its optimizer is called ${describe(name)}`)
  const known = standard.getConfig()
  const own = Object.entries(config).filter(([key, value]) => typeof value === typeof known[key])
  return new Optimizer(standard.getClassName(), { ...known, ...Object.fromEntries(own) } as OptimizerConfig)
}
