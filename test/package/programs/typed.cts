import seqloom = require('seqloom')

const model: seqloom.Sequential = seqloom.sequential(
  [seqloom.layers.lstm({ units: 4, inputShape: [null, 2] }), seqloom.layers.dense({ units: 1 })],
  { seed: 1 },
)
model.compile({ optimizer: 'adam', loss: 'meanSquaredError' })
const x = seqloom.tensor(new Float32Array(32), [8, 2, 2])
model
  .fit(x, seqloom.tensor(new Float32Array(8), [8, 1]), { epochs: 2 })
  .then(({ history }) =>
    console.log(JSON.stringify({ epochs: history.loss?.length, code: new seqloom.SeqloomError('ERR_DATA', '').code })),
  )
