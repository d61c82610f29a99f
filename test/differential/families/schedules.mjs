// Learning rates, step by step.
import { made } from '../describe.mjs'
import { namesOf } from '../ours.mjs'

const decay = (random) => ({
  initialLearningRate: random.number(0.01, 1),
  decaySteps: random.integer(1, 20),
  decayRate: random.number(0.1, 1),
  ...random.some({ staircase: () => true }),
})

const makers = {
  exponentialDecay: decay,
  inverseTimeDecay: decay,
  piecewiseConstantDecay: (random) => {
    const boundaries = [random.integer(0, 5), random.integer(6, 12), random.integer(13, 25)].slice(
      0,
      random.integer(1, 3),
    )
    return { boundaries, values: Array.from({ length: boundaries.length + 1 }, () => random.number(0.001, 1)) }
  },
  polynomialDecay: (random) => ({
    initialLearningRate: random.number(0.1, 1),
    decaySteps: random.integer(1, 20),
    ...random.some({
      endLearningRate: () => random.number(0.001, 0.1),
      power: () => random.pick([0.5, 1, 2]),
      cycle: () => true,
    }),
  }),
  cosineDecay: (random) => ({
    initialLearningRate: random.number(0.1, 1),
    decaySteps: random.integer(1, 20),
    ...random.some({ alpha: () => random.number(0, 1) }),
  }),
  cosineDecayRestarts: (random) => ({
    initialLearningRate: random.number(0.1, 1),
    firstDecaySteps: random.integer(1, 10),
    ...random.some({
      tMul: () => random.pick([1, 1.5, 2, 3]),
      mMul: () => random.pick([0.5, 1, 2]),
      alpha: () => random.number(0, 1),
    }),
  }),
}

/** A schedule for an optimizer. */
export function scheduleFor(random) {
  const name = random.pick(Object.keys(makers))
  return made(`optimizers.schedules.${name}`, makers[name](random))
}

const without = { pytorch: 'PyTorch has no schedules by these formulas', tfjs: 'TensorFlow.js has no schedules' }

const schedule = (name) => ({
  make: (random) => ({
    kind: 'schedule',
    schedule: made(`optimizers.schedules.${name}`, makers[name](random)),
    steps: 30,
  }),
  without,
})

/** What stands before any rate: in Keras it is a part of CosineDecay. */
const warmup = {
  make: (random) => {
    const initialLearningRate = random.number(0, 0.1)
    const warmupTarget = random.number(0.2, 1)
    const warmupSteps = random.integer(1, 10)
    const alpha = random.number(0, 0.5)
    const decaySteps = random.integer(1, 15)
    const after = made('optimizers.schedules.cosineDecay', { initialLearningRate: warmupTarget, decaySteps, alpha })
    return {
      kind: 'schedule',
      schedule: made('optimizers.schedules.warmup', { learningRate: after, warmupSteps, initialLearningRate }),
      theirs: {
        schedule: made('optimizers.schedules.cosineDecay', {
          initialLearningRate,
          decaySteps,
          alpha,
          warmupTarget,
          warmupSteps,
        }),
      },
      steps: 30,
    }
  },
  without,
}

export default {
  family: 'schedules',
  names: () => namesOf('optimizers.schedules'),
  cases: {
    ...Object.fromEntries(Object.keys(makers).map((name) => [name, schedule(name)])),
    oneCycle: 'Keras has none; PyTorch’s values are in test/api/schedules.test.ts',
    warmup,
  },
}
