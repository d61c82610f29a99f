// Training in cases of layers: a loss, steps of plain descent, weights of rows and classes.
import { made } from '../describe.mjs'

const numbers = (random, shape) => random.tensor(shape)

/** Adds a training to a model of one output. Gradients are followed as they are, for others would make small ones large. */
export function training(random, { batch, stateful }, peer) {
  const optimizer = made('optimizers.sgd', {
    learningRate: random.pick([0.01, 0.05]),
    ...random.some({ momentum: () => random.pick([0.5, 0.9]) }, 0.4),
  })
  return {
    training: {
      loss: made(`losses.${peer === 'tfjs' ? 'meanSquaredError' : random.pick(['meanSquaredError', 'huber'])}`),
      optimizer,
      target: numbers,
      steps: random.pick([1, 20]),
      ...(peer === 'keras' && random.some({ sampleWeight: () => random.tensor([batch], { least: 0, most: 2 }) }, 0.4)),
    },
    ...(stateful && { stateful }),
  }
}
