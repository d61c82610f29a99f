import { describe, SeqloomError } from '../../errors.js'
import { rules } from '../../optimizers/resolve.js'
import type { Optimizer as CoreOptimizer, OptimizerKind } from '../../optimizers/rules.js'
import { unsupported } from '../failure.js'
import { Optimizer } from '../optimizer.js'
import { optimizerByName } from '../optimizers.js'

/** Optimizers of ours by tfjs's names, and what ours call the settings whose names differ. */
const kinds: Readonly<
  Record<string, { readonly kind: OptimizerKind; readonly names: Readonly<Record<string, string>> }>
> = {
  SGD: { kind: 'sgd', names: {} },
  Momentum: { kind: 'sgd', names: { useNesterov: 'nesterov' } },
  Adam: { kind: 'adam', names: {} },
  Adamax: { kind: 'adamax', names: {} },
  RMSProp: { kind: 'rmsprop', names: { decay: 'rho' } },
  Adagrad: { kind: 'adagrad', names: {} },
  Adadelta: { kind: 'adadelta', names: {} },
}

/** The optimizer that a program names or gives. */
export function optimizerOf(given: unknown): Optimizer {
  if (given instanceof Optimizer) return given
  if (typeof given === 'string') return optimizerByName(given)
  throw new SeqloomError(
    'ERR_OPTION',
    `compile: optimizer must be a name or what tf.train.* returns, not ${describe(given)}`,
  )
}

const made = new WeakMap<Optimizer, CoreOptimizer>()

/** The optimizer of ours for one of tfjs's: the same each time, so that a model that is compiled again goes on with it. */
export function coreOptimizer(given: Optimizer): CoreOptimizer {
  const optimizer = made.get(given) ?? newOptimizer(given)
  made.set(given, optimizer)
  return optimizer
}

function newOptimizer(given: Optimizer): CoreOptimizer {
  const known = kinds[given.getClassName()]
  if (known === undefined) {
    throw unsupported(
      'compile with an optimizer of your own class',
      'use one of tf.train, or call its minimize() on a function that returns the loss',
    )
  }
  const { kind, names } = known
  const { decay, ...others } = given.getConfig()
  if (kind === 'adamax' && decay) {
    throw unsupported('the decay of tf.train.adamax', 'set optimizer.learningRate between epochs')
  }
  const config = kind === 'rmsprop' ? { ...others, decay } : others
  const settings = Object.entries({ ...config, learningRate: given.effectiveRate }).map(([name, value]) => [
    names[name] ?? name,
    value,
  ])
  // tfjs keeps momentum without the rate, and adds epsilon under the root.
  const formulas: Readonly<Partial<Record<OptimizerKind, string>>> = { sgd: 'pytorch', adagrad: 'keras' }
  const formula = formulas[kind]
  return rules[kind]({ ...Object.fromEntries(settings), ...(formula && { formula }) })
}
