import { callbacks, type History, layers, losses, SeqloomError, sequential, tensor } from 'seqloom'

const model = sequential([layers.lstm({ units: 4, inputShape: [null, 2] }), layers.dense({ units: 1 })], { seed: 1 })
model.compile({ optimizer: 'adam', loss: losses.meanSquaredError() })
const x = tensor(new Float32Array(32), [8, 2, 2])
const trained: History = await model.fit(x, tensor(new Float32Array(8), [8, 1]), {
  epochs: 2,
  callbacks: [callbacks.earlyStopping({ monitor: 'loss' })],
})
const { shape } = await model.predict(x)
// @ts-expect-error there is no such option
const wrong = () => layers.lstm({ unit: 4 })
console.log(
  JSON.stringify({ epochs: trained.history.loss?.length, shape, error: SeqloomError.name, wrong: typeof wrong }),
)
