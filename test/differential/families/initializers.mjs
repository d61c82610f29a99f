// Initializers: fixed ones by their values, random ones by their moments, bounds and products.
import { made } from '../describe.mjs'
import { namesOf } from '../ours.mjs'

const without = { pytorch: 'the formulas are those of Keras', tfjs: 'the formulas are those of Keras' }

const initializer = (name, options = () => ({}), { exact = false, square = false } = {}) => ({
  make: (random) => {
    const size = exact ? random.integer(1, 6) : random.integer(60, 200)
    return {
      kind: 'initializer',
      initializer: made(`initializers.${name}`, random.some(options(random))),
      shape: [size, square ? size : exact ? random.integer(1, 6) : random.integer(60, 200)],
      ...(exact && { exact }),
    }
  },
  without,
})

const bounds = (random) => ({ minval: () => random.number(-1, 0), maxval: () => random.number(0.1, 1) })
const normal = (random) => ({ mean: () => random.number(-1, 1), stddev: () => random.number(0.01, 2) })
const gain = (random) => ({ gain: () => random.number(0.5, 2) })

export default {
  family: 'initializers',
  names: () => namesOf('initializers'),
  cases: {
    zeros: initializer('zeros', undefined, { exact: true }),
    ones: initializer('ones', undefined, { exact: true }),
    constant: initializer('constant', (random) => ({ value: () => random.number(-2, 2) }), { exact: true }),
    randomUniform: initializer('randomUniform', bounds),
    randomNormal: initializer('randomNormal', normal),
    truncatedNormal: initializer('truncatedNormal', normal),
    glorotUniform: initializer('glorotUniform'),
    glorotNormal: initializer('glorotNormal'),
    heUniform: initializer('heUniform'),
    heNormal: initializer('heNormal'),
    lecunUniform: initializer('lecunUniform'),
    lecunNormal: initializer('lecunNormal'),
    varianceScaling: initializer('varianceScaling', (random) => ({
      scale: () => random.number(0.2, 3),
      mode: () => random.pick(['fanIn', 'fanOut', 'fanAvg']),
      distribution: () => random.pick(['truncatedNormal', 'untruncatedNormal', 'uniform']),
    })),
    orthogonal: initializer('orthogonal', gain),
    identity: initializer('identity', gain, { exact: true }),
    lstmBias: 'what unitForgetBias makes in Keras; compared with it in test/api/initializers.test.ts',
  },
}
