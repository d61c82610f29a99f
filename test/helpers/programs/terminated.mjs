// A worker in the middle of long work, until it is terminated.
import { parentPort, workerData } from 'node:worker_threads'
import { layers, sequential, text } from 'seqloom'

let state = 1
const random = (below) => {
  state = (state * 16807) % 2147483647
  return state % below
}
const word = () => String.fromCharCode(...Array.from({ length: 3 + random(8) }, () => 97 + random(26)))
const words = (count) => Array.from({ length: count }, word).join(' ')

const work = {
  async subword() {
    const texts = Array.from({ length: 10_000 }, () => words(40))
    return () => text.subwordTokenizer(texts, { maxVocabulary: 30_000 })
  },
  async encode() {
    const tokenizer = await text.subwordTokenizer([words(100)], { maxVocabulary: 300 })
    const long = words(10_000).repeat(200)
    return () => tokenizer.encode([long, long])
  },
  async fit() {
    const m = sequential([layers.dense({ units: 4096, inputShape: [4096] }), layers.dense({ units: 1 })])
    m.compile({ optimizer: 'adam', loss: 'mse' })
    const x = { data: new Float32Array(4096 * 4096), shape: [4096, 4096] }
    return () => m.fit(x, { data: new Float32Array(4096), shape: [4096, 1] }, { batchSize: 4096, epochs: 100 })
  },
}

const start = await work[workerData]()
parentPort.postMessage('under way')
await start()
parentPort.postMessage('ended')
