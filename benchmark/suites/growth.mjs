import { layerCase } from './layers.mjs'

const times = [25, 50, 100, 200, 400]
const batches = [1, 2, 4, 8, 16, 32, 64, 128]
const hiddens = [32, 64, 128, 256, 512]

/** How the cost of an LSTM grows with time, batch and hidden size around (32, 64, 128). */
export const growthCases = () =>
  ['infer', 'train'].flatMap((op) => [
    ...times.map((time) => layerCase('lstm', op, 32, time, 128)),
    ...batches.map((batch) => layerCase('lstm', op, batch, 64, 128)),
    ...hiddens.map((hidden) => layerCase('lstm', op, 32, 64, hidden)),
  ])
