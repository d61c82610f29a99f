// Optimizers as values that compile() takes; training of a model is native. Gradients that a program takes by itself move
// variables here.
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

  /** Programs that extend this class give neither a name nor settings: what moves weights is their `applyGradients`. */
  constructor(className = '', config: OptimizerConfig = { learningRate: 0 }) {
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
