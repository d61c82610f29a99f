// tf.train: optimizers as values that compile() takes, with tfjs's names and defaults; training of a model is native.
// Gradients that a program takes by itself move variables here.
import { describe, SeqloomError } from '../errors.js'
import { check } from './failure.js'
import { variableGrads } from './gradients/index.js'
import { movableByName } from './gradients/weights.js'
import { tidy } from './ops/op.js'
import { arraysEqual } from './shapes.js'
import { type NamedTensorMap, type Scalar, Tensor, type Variable } from './tensor.js'
import { fromNamedTensors, type Kept, keptKinds, type NamedTensor, namedTensors } from './training/optimizerState.js'
import { newState, type State, updated } from './updates.js'

/** The settings of an optimizer, by tfjs's names. */
export interface OptimizerConfig {
  readonly learningRate: number
  readonly [name: string]: number | boolean
}

/** A model that was compiled with an optimizer, and keeps what that knows of its weights. */
export interface TrainedModel {
  optimizerSteps(): number
  keptByOptimizer(): Kept
  giveToOptimizer(kept: ReturnType<typeof fromNamedTensors>): void
}

/** Optimizers that keep their rate beside `learningRate`. */
const setsByCall: readonly string[] = ['SGD', 'Momentum']

/**
 * An optimizer, to be given to `compile`, or to be called with a function to minimize. Setting `learningRate` takes
 * effect from the next batch on; as in tfjs, that of `sgd` and `momentum` does so by `setLearningRate` alone.
 */
export class Optimizer {
  readonly #className: string
  readonly #config: OptimizerConfig
  #learningRate: number
  #iterations = 0
  /** What steps by gradients keep of each variable. */
  readonly #states = new Map<string, State>()
  /** What `setWeights` has given for variables that are not known yet. */
  #given: ReturnType<typeof fromNamedTensors>['weights'] = []
  /** @internal The rate at which weights move. */
  effectiveRate: number
  /** @internal The model that was compiled with it. */
  model: TrainedModel | undefined

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

  /**
   * One step: computes the gradients of what `f` returns, a scalar, by variables and by the weights of models that `f`
   * calls, all or those of a list, and moves these. Returns the scalar if `returnCost` says so, otherwise null.
   */
  minimize(f: () => Scalar, returnCost = false, varList?: Variable[]): Scalar | null {
    const { value, grads } = this.computeGradients(f, varList)
    const given = Object.entries(grads).filter(([, gradient]) => gradient !== null)
    this.applyGradients(given.map(([name, tensor]) => ({ name, tensor })))
    for (const [, gradient] of given) gradient.dispose()
    if (returnCost) return value
    value.dispose()
    return null
  }

  /** The value of `f` and its gradients, by the names of variables. */
  computeGradients(f: () => Scalar, varList?: Variable[]): { value: Scalar; grads: NamedTensorMap } {
    return variableGrads(f, varList)
  }

  /** Moves variables by gradients of their names. */
  applyGradients(variableGradients: NamedTensorMap | { name: string; tensor: Tensor }[]): void {
    const given: readonly (readonly [string, Tensor | null])[] = Array.isArray(variableGradients)
      ? variableGradients.map(({ name, tensor }) => [name, tensor])
      : Object.entries(variableGradients)
    tidy(() => {
      const isFirst = this.#states.size === 0
      const moves = given.flatMap(([name, gradient]) => (gradient ? [{ variable: movableByName(name), gradient }] : []))
      for (const { variable, gradient } of moves) {
        const { shape } = variable.read()
        check(
          gradient instanceof Tensor && arraysEqual(gradient.shape, shape),
          'ERR_SHAPE',
          () => `the gradient of ${variable.name} must be a tensor of the shape [${shape}], not ${describe(gradient)}`,
        )
      }
      this.#iterations++
      const step = { config: this.#config, rate: this.effectiveRate, iteration: this.#iterations }
      if (isFirst) for (const [at, { variable }] of moves.entries()) this.#restore(variable, at)
      for (const { variable, gradient } of moves) {
        const before = variable.read()
        const state = this.#states.get(variable.name) ?? newState(this.#className, this.#config, before.size)
        this.#states.set(variable.name, state)
        const values = updated(
          this.#className,
          step,
          before.values as Float32Array,
          gradient.values as Float32Array,
          state,
        )
        variable.assign(new Tensor(before.shape, 'float32', values))
      }
    })
  }

  /** Takes what `setWeights` has given for the variable that is moved as this one. */
  #restore(variable: { readonly name: string; read(): Tensor }, at: number): void {
    const given = this.#given[at]
    if (!given) return
    const { size } = variable.read()
    const state = newState(this.#className, this.#config, size)
    this.kinds.forEach(({ place }, kind) => {
      const tensor = given[kind] as Tensor
      check(
        tensor.size === size,
        'ERR_SHAPE',
        () => `optimizer.setWeights: what was given does not fit ${variable.name}`,
      )
      state[place]?.set(tensor.values as Float32Array)
    })
    this.#states.set(variable.name, state)
  }

  /** @internal The kinds of values that it keeps of each weight. */
  get kinds() {
    return keptKinds(this.#className, this.#config.centered === true)
  }

  /** The number of steps, `iter`, and what the optimizer keeps of the weights that it has moved. */
  async getWeights(): Promise<NamedTensor[]> {
    const { kinds } = this
    const isOfModel = this.model !== undefined && this.#iterations === 0
    return namedTensors(kinds, isOfModel ? (this.model as TrainedModel).keptByOptimizer() : this.#kept())
  }

  #kept(): Kept {
    const weights = [...this.#states].map(([name, state]) => ({
      name,
      shape: movableByName(name).read().shape,
      values: this.kinds.map(({ place }) => state[place]),
    }))
    return { iterations: this.#iterations, weights }
  }

  /** Goes on from what `getWeights` gave. */
  async setWeights(weightValues: NamedTensor[]): Promise<void> {
    const given = fromNamedTensors(this.kinds, weightValues)
    if (this.model) {
      this.model.giveToOptimizer(given)
      return
    }
    this.#states.clear()
    this.#iterations = given.iterations
    this.#given = given.weights.map((values) => values.map((each) => each.clone()))
  }

  /** How many steps it has made. */
  get iterations(): number {
    return this.#iterations || (this.model?.optimizerSteps() ?? 0)
  }

  /** Forgets what is known of the steps before. */
  dispose(): void {
    this.#states.clear()
    this.#iterations = 0
  }
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

/** The optimizer that a saved model names. `ERR_FORMAT`. */
export function optimizerOfConfig(name: unknown, config: Readonly<Record<string, unknown>>): Optimizer {
  const standard = name === 'Momentum' ? momentum(0.01, 0.9) : typeof name === 'string' && optimizerByName(name)
  if (!standard) throw new SeqloomError('ERR_FORMAT', `the model: its optimizer is called ${describe(name)}`)
  const known = standard.getConfig()
  const own = Object.entries(config).filter(([key, value]) => typeof value === typeof known[key])
  return new Optimizer(standard.getClassName(), { ...known, ...Object.fromEntries(own) } as OptimizerConfig)
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
