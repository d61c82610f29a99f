// Trains for a long time with a page, whose address it prints; the records go to the folder that is given.
import { callbacks, layers, sequential } from 'seqloom'

const model = sequential([layers.dense({ units: 1, inputShape: [1] })])
model.compile({ optimizer: 'sgd', loss: 'meanSquaredError' })
await model.fit([[1], [2]], [[1], [2]], {
  epochs: 100_000,
  callbacks: [
    callbacks.dashboard({ logDir: process.argv[2], onListening: (address) => console.log(address) }),
    { onEpochEnd: () => new Promise((resolve) => setTimeout(resolve, 20)) },
  ],
})
