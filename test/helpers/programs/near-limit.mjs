// Fills the memory that a limited address space (argument 2, in kilobytes) leaves up to some 100 MB, then repeats a call (argument 1) that takes more until it
// is refused, and prints the code as JSON.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { layers, sequential } from 'seqloom'

const [, , kind, limit] = process.argv
const folder = mkdtempSync(join(tmpdir(), 'seqloom-limit-'))
const kept = []
const m = sequential([layers.dense({ units: 1024, inputShape: [8] })])
m.compile({ optimizer: 'adam', loss: 'mse' })
const x = { data: new Float32Array(1024 * 8), shape: [1024, 8] }

const calls = {
  predict: () => m.predict(x),
  save: async () => {
    kept.push(await m.predict(x))
    await m.save(folder)
  },
}

const used = () => Number(/VmSize:\s+(\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1])
let code
try {
  while (Number(limit) - used() > 120_000) kept.push(new Float32Array(1 << 21))
  for (let i = 0; i < 1000; i++) kept.push(await calls[kind]())
} catch (error) {
  code = error.code ?? String(error)
}
rmSync(folder, { recursive: true, force: true })
console.log(JSON.stringify({ code, kept: kept.length > 0 }))
