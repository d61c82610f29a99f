// Fills the memory that a limited address space (argument 2, in kilobytes) leaves up to some 80 MB, then repeats a call (argument 1) that takes more until it
// is refused, and prints the code as JSON.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layers, sequential, text } from 'seqloom'

const [, , kind, limit] = process.argv
const folder = mkdtempSync(join(tmpdir(), 'seqloom-limit-'))
const kept = []
const m = sequential([layers.dense({ units: 1024, inputShape: [8] })])
m.compile({ optimizer: 'adam', loss: 'mse' })
const x = { data: new Float32Array(1024 * 8), shape: [1024, 8] }

const row = { data: new Float32Array(8), shape: [1, 8] }
const session = sequential([layers.gru({ units: 100, inputShape: [null, 8] })]).session({ batchSize: 1 })
session.step(row.data)
const words = await text.wordTokenizer(['abcd e'])
const long = 'abcd e '.repeat(1 << 18)

const calls = {
  predict: () => m.predict(x),
  'predict for a row': () => m.predict(row),
  'predictSync for a row': () => m.predictSync(row),
  step: () => session.step(row.data),
  toBytes: () => m.toBytes(),
  // Encoding takes long: with what a program does besides, the limit comes sooner.
  'encode words': async () => [await words.encode([long]), new Float32Array(1 << 19)],
  'encode a few words': () => words.encode(['abcd e']),
  'encodeSync words': () => [words.encodeSync([long]), new Float32Array(1 << 19)],
  'encodeSync a few words': () => words.encodeSync(['abcd e']),
  save: async () => {
    kept.push(await m.predict(x))
    await m.save(folder)
  },
}

const used = () => Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1])
let code
try {
  while (Number(limit) - used() > 80_000) kept.push(new Float32Array(1 << 20))
  for (let i = 0; i < 1_000_000; i++) kept.push(await calls[kind]())
} catch (error) {
  code = error.code ?? String(error)
}
rmSync(folder, { recursive: true, force: true })
console.log(JSON.stringify({ code, kept: kept.length > 0 }))
