// A search that tells of its epochs; with a folder as its argument, it is kept there.
import { layers, optimizers, search, sequential } from 'seqloom'

const x = Array.from({ length: 48 }, (_, row) => [row % 9, (row * 5) % 9, (row * 7) % 9])
const y = Int32Array.from(x, ([first]) => Number(first > 4))

export async function run(folder, refit = 'trial') {
  return await search.halving({
    space: { units: search.integer(2, 9), learningRate: search.logUniform(1e-3, 0.1) },
    model: ({ units, learningRate }) => {
      const model = sequential(
        [
          layers.embedding({ inputDim: 9, outputDim: 4 }),
          layers.gru({ units }),
          layers.dense({ units: 2, activation: 'softmax' }),
        ],
        { seed: 1 },
      )
      model.compile({ optimizer: optimizers.adam({ learningRate }), loss: 'sparseCategoricalCrossentropy' })
      return model
    },
    ...{ x, y, epochs: 8, factor: 2, seed: 3, refit, ...(folder && { folder }) },
    fit: () => ({
      ...{ batchSize: 8, validationSplit: 0.25 },
      callbacks: { onEpochEnd: () => void (process.argv[2] && process.stdout.write('epoch\n')) },
    }),
  })
}

if (process.argv[2] && process.argv[1] === new URL(import.meta.url).pathname) await run(process.argv[2])
