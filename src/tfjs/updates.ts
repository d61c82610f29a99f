// How optimizers move a variable by a gradient, as TensorFlow.js does. Training of models has the same formulas in the engine.
import type { OptimizerConfig } from './optimizer.js'

/** What an optimizer keeps of one variable. */
export type State = readonly Float32Array[]

/** A step: the settings, the rate, and its number, from 1. */
export interface Step {
  readonly config: OptimizerConfig
  readonly rate: number
  readonly iteration: number
}

/** Moves element `i` of the values, which has the gradient `g`. */
type Rule = (step: Step, values: Float32Array, i: number, g: number, state: State) => void

interface Update {
  /** The first values of what is kept. */
  readonly kept: (config: OptimizerConfig) => readonly number[]
  readonly rule: Rule
}

const zeros = (count: number) => () => new Array<number>(count).fill(0)
const number = (config: OptimizerConfig, name: string): number => Number(config[name])

const updates: Readonly<Record<string, Update>> = {
  SGD: {
    kept: zeros(0),
    rule: ({ rate }, values, i, g) => {
      values[i] = (values[i] as number) - rate * g
    },
  },
  Momentum: {
    kept: zeros(1),
    rule: ({ config, rate }, values, i, g, [velocity]) => {
      const kept = velocity as Float32Array
      const momentum = number(config, 'momentum')
      kept[i] = momentum * (kept[i] as number) + g
      const move = config.useNesterov ? g + momentum * (kept[i] as number) : (kept[i] as number)
      values[i] = (values[i] as number) - rate * move
    },
  },
  Adagrad: {
    kept: (config) => [number(config, 'initialAccumulatorValue')],
    rule: ({ rate }, values, i, g, [sum]) => {
      const kept = sum as Float32Array
      kept[i] = (kept[i] as number) + g * g
      values[i] = (values[i] as number) - (rate * g) / Math.sqrt((kept[i] as number) + 1e-7)
    },
  },
  Adadelta: {
    kept: zeros(2),
    rule: ({ config, rate }, values, i, g, state) => {
      const [squares, moves] = state as [Float32Array, Float32Array]
      const [rho, epsilon] = [number(config, 'rho'), number(config, 'epsilon')]
      squares[i] = rho * (squares[i] as number) + (1 - rho) * g * g
      const move = (Math.sqrt((moves[i] as number) + epsilon) / Math.sqrt((squares[i] as number) + epsilon)) * g
      moves[i] = rho * (moves[i] as number) + (1 - rho) * move * move
      values[i] = (values[i] as number) - rate * move
    },
  },
  Adam: {
    kept: zeros(2),
    rule: ({ config, rate, iteration }, values, i, g, state) => {
      const [first, second] = state as [Float32Array, Float32Array]
      const [beta1, beta2] = [number(config, 'beta1'), number(config, 'beta2')]
      first[i] = beta1 * (first[i] as number) + (1 - beta1) * g
      second[i] = beta2 * (second[i] as number) + (1 - beta2) * g * g
      const mean = (first[i] as number) / (1 - beta1 ** iteration)
      const square = (second[i] as number) / (1 - beta2 ** iteration)
      values[i] = (values[i] as number) - (rate * mean) / (Math.sqrt(square) + number(config, 'epsilon'))
    },
  },
  Adamax: {
    kept: zeros(2),
    rule: ({ config, rate, iteration }, values, i, g, state) => {
      const [first, largest] = state as [Float32Array, Float32Array]
      const beta1 = number(config, 'beta1')
      first[i] = beta1 * (first[i] as number) + (1 - beta1) * g
      largest[i] = Math.max(number(config, 'beta2') * (largest[i] as number), Math.abs(g))
      const slowed = rate / (1 + (iteration - 1) * number(config, 'decay')) / (1 - beta1 ** iteration)
      values[i] =
        (values[i] as number) - (slowed * (first[i] as number)) / ((largest[i] as number) + number(config, 'epsilon'))
    },
  },
  RMSProp: {
    kept: zeros(3),
    rule: ({ config, rate }, values, i, g, state) => {
      const [squares, means, moves] = state as [Float32Array, Float32Array, Float32Array]
      const decay = number(config, 'decay')
      squares[i] = decay * (squares[i] as number) + (1 - decay) * g * g
      let spread = squares[i] as number
      if (config.centered) {
        means[i] = decay * (means[i] as number) + (1 - decay) * g
        spread -= (means[i] as number) ** 2
      }
      moves[i] =
        number(config, 'momentum') * (moves[i] as number) + (rate * g) / Math.sqrt(spread + number(config, 'epsilon'))
      values[i] = (values[i] as number) - (moves[i] as number)
    },
  },
}

/** What an optimizer keeps of a variable of a size before its first step. */
export const newState = (className: string, config: OptimizerConfig, size: number): State =>
  (updates[className] as Update).kept(config).map((value) => new Float32Array(size).fill(value))

/** The values of a variable after a step; `state` is moved on. */
export function updated(
  className: string,
  step: Step,
  before: Float32Array,
  gradient: Float32Array,
  state: State,
): Float32Array {
  const values = Float32Array.from(before)
  const { rule } = updates[className] as Update
  for (let i = 0; i < values.length; i++) rule(step, values, i, gradient[i] as number, state)
  return values
}
