// Aborts a training that waits for a response, and prints what it rejected with as JSON: nothing may keep the process alive then.
import { createServer } from 'node:http'
import { data, layers, sequential } from 'seqloom'

const server = createServer((_, response) => response.write('a,b\n1,2\n'))
await new Promise((resolve) => server.listen(0, resolve))
server.unref()
const { body } = await fetch(`http://localhost:${server.address().port}`)
const m = sequential([layers.dense({ units: 1, inputShape: [1] })])
m.compile({ optimizer: 'sgd', loss: 'mse' })
try {
  await m.fit(data.csv(body, { x: ['a'], y: 'b' }), { signal: AbortSignal.timeout(300) })
} catch ({ name }) {
  console.log(JSON.stringify(name))
}
