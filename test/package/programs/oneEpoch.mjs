import { layers, sequential } from 'seqloom'

const model = sequential([layers.lstm({ units: 8, inputShape: [null, 3] }), layers.dense({ units: 1 })], { seed: 1 })
model.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
const x = Array.from({ length: 32 }, (_, i) => [[i / 32, 0, 1]])
await model.fit(
  x,
  x.map(([[value]]) => [value]),
  { epochs: 1 },
)
