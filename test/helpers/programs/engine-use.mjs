// How the first uses of a model fail where the environment is wrong.
import { layers, sequential } from 'seqloom'

const uses = {
  compile: (m) => m.compile({ optimizer: 'sgd', loss: 'mse' }),
  predict: (m) => m.predict([[[1]]]),
  predictSync: (m) => m.predictSync([[[1]]]),
  session: (m) => m.session({ batchSize: 1 }),
}
const outcome = {}
for (const [name, use] of Object.entries(uses)) {
  try {
    await use(sequential([layers.lstm({ units: 2, inputShape: [null, 1] })]))
    outcome[name] = 'it went on'
  } catch ({ code, message }) {
    outcome[name] = { code, message }
  }
}
console.log(JSON.stringify(outcome))
