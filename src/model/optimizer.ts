import type { LearningRate } from '../optimizers/schedule.js'
import type { TrainPlan } from './compile.js'
import type { Engine } from './engine.js'
import { learningRate, setLearningRate } from './training.js'

/** The optimizer of a compiled model. */
export class ModelOptimizer {
  readonly #engine: Engine

  constructor(engine: Engine) {
    this.#engine = engine
  }

  /** Its name: `'adam'`. */
  get kind(): string {
    return this.#engine.compiled('optimizer').optimizer.kind
  }

  /** @internal What it was made from. */
  get settings(): TrainPlan['optimizer'] {
    return this.#engine.compiled('optimizer').optimizer
  }

  /** How many steps it has made; learning-rate schedules go by them. */
  get iterations(): number {
    return this.#engine.now('optimizer.iterations', 'callbacks', () => this.#engine.steps())
  }

  /**
   * The learning rate of the next step. A number replaces a number (`ERR_STATE` where it follows a schedule or a
   * function, which goes on by itself); a schedule or a function replaces anything. Errors: `ERR_OPTION`.
   */
  get learningRate(): number {
    return learningRate(this.#engine)
  }

  set learningRate(value: LearningRate) {
    setLearningRate(this.#engine, value)
  }
}
