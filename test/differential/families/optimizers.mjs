// Optimizers that follow given gradients: some large, some tiny, some zero.
import { made } from '../describe.mjs'
import { namesOf } from '../ours.mjs'
import { scheduleFor } from './schedules.mjs'

const steps = 20

/** Kernels and biases, and gradients for each step. */
function paths(random, magnitudes) {
  const shapes = Array.from({ length: random.integer(1, 3) }, () =>
    random.chance(0.7) ? [random.integer(1, 4), random.integer(1, 5)] : [random.integer(1, 5)],
  )
  return {
    weights: shapes.map((shape) => random.tensor(shape)),
    gradients: Array.from({ length: steps }, () =>
      shapes.map((shape) => {
        const size = random.pick(magnitudes)
        return random.tensor(shape, { least: -size, most: size })
      }),
    ),
  }
}

const common = (random, scheduled = true) => ({
  ...(scheduled && random.chance(0.3)
    ? { learningRate: scheduleFor(random) }
    : random.some({ learningRate: () => random.pick([0.001, 0.01, 0.1]) }, 0.6)),
  ...(random.chance(0.4) && { [random.pick(['clipValue', 'clipNorm', 'globalClipNorm'])]: random.number(0.05, 1) }),
})

/** What every optimizer of Keras can do beside its steps. */
const beside = (random) =>
  random.some(
    {
      weightDecay: () => random.pick([0.01, 0.3]),
      gradientAccumulationSteps: () => random.integer(2, 4),
      useEma: () => true,
      emaMomentum: () => random.pick([0.5, 0.9]),
      emaOverwriteFrequency: () => random.integer(1, 5),
    },
    0.3,
  )

/**
 * Cases of an optimizer. `forced` are options for one peer, `scheduled` whether schedules are tried with Keras, and
 * `without` reasons.
 */
const optimizer = (name, options = () => ({}), { forced = {}, scheduled = true, without = {} } = {}) => ({
  make: (random, peer) => {
    const keras = peer === 'keras'
    const chosen = {
      ...common(random, keras && scheduled),
      ...(keras && beside(random)),
      ...random.some(options(random)),
      ...forced[peer],
    }
    if (!keras)
      for (const clip of ['clipValue', 'clipNorm', ...(peer === 'tfjs' ? ['globalClipNorm'] : [])]) delete chosen[clip]
    // A gradient near to ε tells where ε stands.
    const sizes = chosen.epsilon === nothing ? [1e-3, 1e-2, 1, 10] : [0, 1e-6, 1e-4, 1e-2, 1, 10]
    return { kind: 'optimizer', optimizer: made(`optimizers.${name}`, chosen), ...paths(random, sizes) }
  },
  without,
})

/** So small an ε that it does not matter where it stands. */
const nothing = 1e-12
const placed = { epsilon: nothing }
const noTfjs = 'TensorFlow.js has none'
const noTorch = 'PyTorch has none'
const own = { pytorch: 'PyTorch has it in later versions by another formula, or not', tfjs: noTfjs }

const beta = (random) => ({ beta1: () => random.pick([0, 0.5, 0.9]), beta2: () => random.pick([0.9, 0.99, 0.999]) })
const amsgrad = (random) => ({ ...beta(random), amsgrad: () => random.chance() })

export default {
  family: 'optimizers',
  names: () => namesOf('optimizers'),
  cases: {
    sgd: optimizer('sgd', (random) => ({ momentum: () => random.pick([0.5, 0.9]), nesterov: () => random.chance() }), {
      forced: { pytorch: { formula: 'pytorch' }, tfjs: { formula: 'pytorch' } },
    }),
    // Keras adds ε before the correction (stated at each).
    adam: optimizer('adam', (random) => amsgrad(random), { forced: { keras: placed, tfjs: { amsgrad: false } } }),
    adamw: optimizer('adamw', (random) => ({ ...amsgrad(random), weightDecay: () => random.pick([0, 0.01, 0.1]) }), {
      forced: { keras: placed },
      without: { tfjs: noTfjs },
    }),
    adamax: optimizer('adamax', beta, { forced: { pytorch: { formula: 'pytorch' }, tfjs: placed } }),
    adagrad: optimizer('adagrad', (random) => ({ initialAccumulatorValue: () => random.pick([0, 0.1, 1]) }), {
      forced: { keras: { formula: 'keras' }, tfjs: { ...placed, initialAccumulatorValue: 0.1 } },
    }),
    nadam: optimizer('nadam', beta, { forced: { pytorch: { formula: 'pytorch' } }, without: { tfjs: noTfjs } }),
    rmsprop: optimizer(
      'rmsprop',
      (random) => ({
        rho: () => random.pick([0.5, 0.9, 0.99]),
        momentum: () => random.pick([0.5, 0.9]),
        centered: () => random.chance(),
        epsilon: () => random.pick([1e-7, 1e-3]),
      }),
      // TensorFlow.js takes ε from the variance instead of adding it, and gives NaN.
      { forced: { pytorch: { formula: 'pytorch' }, tfjs: { centered: false } } },
    ),
    adadelta: optimizer(
      'adadelta',
      (random) => ({ rho: () => random.pick([0.5, 0.9]), epsilon: () => random.pick([1e-7, 1e-4]) }),
      { without: { tfjs: 'TensorFlow.js divides by the squares of the step before' } },
    ),
    adafactor: optimizer(
      'adafactor',
      (random) => ({ clipThreshold: () => random.number(0.5, 2), beta2Decay: () => -0.8 }),
      {
        without: own,
      },
    ),
    ftrl: optimizer(
      'ftrl',
      (random) => ({
        learningRatePower: () => random.pick([-0.5, -0.3]),
        l1RegularizationStrength: () => random.number(0, 0.1),
        l2RegularizationStrength: () => random.number(0, 0.1),
        l2ShrinkageRegularizationStrength: () => random.number(0, 0.1),
        beta: () => random.number(0, 1),
      }),
      // Where a schedule ends at a rate of 0, Keras's divides by it.
      { scheduled: false, without: own },
    ),
    lamb: optimizer('lamb', beta, { without: own }),
    muon: optimizer(
      'muon',
      (random) => ({ momentum: () => random.pick([0.5, 0.95]), nesterov: () => random.chance() }),
      // Keras's multiplies the rate of a schedule, a float32, with weights of float64.
      { scheduled: false, without: own },
    ),
    // Keras's refuses a beta1 of 0.
    lion: optimizer('lion', (random) => ({ ...beta(random), beta1: () => random.pick([0.5, 0.9]) }), {
      without: { pytorch: noTorch, tfjs: noTfjs },
    }),
    radam: optimizer('radam', beta, { without: { keras: 'Keras has none', tfjs: noTfjs } }),
  },
}
