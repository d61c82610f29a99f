import { describe, SeqloomError } from '../../errors.js'
import { type Optimizer as CoreOptimizer, type OptimizerKind, rules } from '../../optimizers/rules.js'
import { described, givenOnly } from '../layers/options.js'

/** What a model's optimizer is to its program. */
export interface OptimizerObject {
  learningRate: number
}

/** What tfjs calls the settings of our optimizers, where names differ. */
const renamed: Readonly<Record<string, string>> = {
  useNesterov: 'nesterov',
  decay: 'rho',
}

/** Optimizers by tfjs's names, with the settings that tfjs takes by default. */
const kinds: Readonly<
  Record<string, { readonly kind: OptimizerKind; readonly defaults: Readonly<Record<string, number>> }>
> = {
  sgd: { kind: 'sgd', defaults: { learningRate: 0.01 } },
  momentum: { kind: 'sgd', defaults: { learningRate: 0.01, momentum: 0.9 } },
  adam: { kind: 'adam', defaults: { learningRate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } },
  adamax: { kind: 'adamax', defaults: { learningRate: 0.002, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 } },
  rmsprop: { kind: 'rmsprop', defaults: { learningRate: 0.001, rho: 0.9, momentum: 0, epsilon: 1e-7 } },
  adagrad: { kind: 'adagrad', defaults: { learningRate: 0.01, initialAccumulatorValue: 0.1, epsilon: 1e-7 } },
  adadelta: { kind: 'adadelta', defaults: { learningRate: 1, rho: 0.95, epsilon: 1e-7 } },
}

/** The optimizer of ours for a name or for what `tf.train.*` returns. */
export function coreOptimizer(given: unknown): CoreOptimizer {
  const { className, config } =
    typeof given === 'string' ? { className: given, config: {} } : (described(given) ?? { className: '', config: {} })
  const known = Object.hasOwn(kinds, className.toLowerCase()) ? kinds[className.toLowerCase()] : undefined
  if (known === undefined) {
    throw new SeqloomError(
      'ERR_OPTION',
      `Unknown Optimizer ${typeof given === 'string' ? given : describe(given)}; there are ${Object.keys(kinds).join(', ')}, and what tf.train.* returns`,
    )
  }
  const settings = Object.entries(givenOnly(config)).flatMap(([name, value]) => {
    const own = renamed[name] ?? name
    return name === 'accumulator' ? [] : [[own, value]]
  })
  return rules[known.kind]({ ...known.defaults, ...Object.fromEntries(settings) })
}

/** The optimizer as an object with a learning rate that can be changed. */
export function optimizerObject(given: unknown, core: CoreOptimizer): OptimizerObject {
  if (typeof given === 'object' && given !== null) return given as OptimizerObject
  return { learningRate: core.learningRate as number }
}
