// Prints, as JSON, the most resident memory in bytes while sessions or models are made and dropped in one turn.
import { layers, sequential } from 'seqloom'

const [kind, count, units] = [process.argv[2], Number(process.argv[3]), Number(process.argv[4])]
const build = (seed) =>
  sequential([layers.lstm({ units, inputShape: [null, 64] }), layers.dense({ units: 4 })], { seed })
const step = new Float32Array(16 * 64).fill(0.5)
const shared = build(1)
let [most, last] = [0, 0]
for (let i = 0; i < count; i++) {
  if (kind === 'sessions') last = shared.session({ batchSize: 16 }).step(step).data[0]
  else last = build(1).predictSync({ data: step.slice(0, 64), shape: [1, 1, 64] }).data[0]
  most = Math.max(most, process.memoryUsage.rss())
}
console.log(JSON.stringify({ most, last }))
