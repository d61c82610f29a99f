// Constraints, which hold after every step.
import { made } from '../describe.mjs'
import { namesOf } from '../ours.mjs'
import { ruled } from './regularizers.mjs'

const axis = (random) => random.some({ axis: () => random.pick([0, 1, [0, 1]]) })

const constraint = (name, options) => ({
  make: ruled((random) => ({ kernelConstraint: made(`constraints.${name}`, options(random)) })),
  without: { pytorch: 'PyTorch has no constraints', tfjs: 'TensorFlow.js applies them to weights that are given, too' },
})

export default {
  family: 'constraints',
  names: () => namesOf('constraints'),
  cases: {
    maxNorm: constraint('maxNorm', (random) => ({
      ...random.some({ maxValue: () => random.number(0.1, 1.5) }),
      ...axis(random),
    })),
    minMaxNorm: constraint('minMaxNorm', (random) => ({
      ...random.some({
        minValue: () => random.number(0, 0.5),
        maxValue: () => random.number(0.6, 1.5),
        rate: () => random.number(0.1, 1),
      }),
      ...axis(random),
    })),
    nonNeg: constraint('nonNeg', () => ({})),
    unitNorm: constraint('unitNorm', axis),
  },
}
