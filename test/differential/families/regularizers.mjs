// Regularizers of weights and of outputs, in the loss and in steps.
import { made } from '../describe.mjs'
import { namesOf } from '../ours.mjs'

/** A dense layer that is trained under a rule. */
export const ruled = (options) => (random, peer) => {
  const batch = random.integer(1, 4)
  return {
    kind: 'model',
    batch,
    inputs: [{ tensor: random.tensor([batch, random.integer(1, 5)]) }],
    nodes: [{ layer: made('layers.dense', { units: random.integer(1, 4), ...options(random, peer) }), from: ['in0'] }],
    outputs: ['0'],
    training: {
      loss: made('losses.meanSquaredError'),
      optimizer: made('optimizers.sgd', { learningRate: 0.1 }),
      target: (source, shape) => source.tensor(shape),
      steps: 20,
      // TensorFlow.js leaves regularizers out of evaluations.
      ...(peer === 'tfjs' && { ruled: true }),
    },
  }
}

const factor = (random) => random.number(0, 0.1)

const regularizer = (name, options) => ({
  make: ruled((random, peer) => {
    const made_ = () => made(`regularizers.${name}`, options(random))
    const roles = ['kernel', 'bias', ...(peer === 'keras' ? ['activity'] : [])]
    return {
      kernelRegularizer: made_(),
      ...random.some(Object.fromEntries(roles.map((role) => [`${role}Regularizer`, made_]))),
    }
  }),
  without: { pytorch: 'PyTorch has no regularizers' },
})

export default {
  family: 'regularizers',
  names: () => namesOf('regularizers'),
  cases: {
    l1: regularizer('l1', (random) => random.some({ l1: () => factor(random) })),
    l2: regularizer('l2', (random) => random.some({ l2: () => factor(random) })),
    l1l2: regularizer('l1l2', (random) => ({ l1: factor(random), l2: factor(random) })),
  },
}
