import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { expect, it } from 'vitest'

const main = createRequire(import.meta.url).resolve('seqloom')

/** The text of all modules of ours that a program has loaded when it ends. */
function loadedBy(program: string): string {
  const list = `console.log(JSON.stringify(Object.keys(require.cache).filter((file) => file.endsWith('.js'))))`
  const script = `const seqloom = require(${JSON.stringify(main)}); (async () => { ${program}; ${list} })()`
  const files: string[] = JSON.parse(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' }))
  return files.map((file) => readFileSync(file, 'utf8')).join('\n')
}

it('a program that reads no foreign file does not load the code that does', () => {
  const of = {
    keras: 'function readHdf5(',
    onnx: 'linear_before_reset',
    pytorch: '_rebuild_tensor',
    words: 'readWordVectors(',
  }
  const loaded = loadedBy('')
  for (const [format, mark] of Object.entries(of)) expect([format, loaded.includes(mark)]).toEqual([format, false])

  const used = loadedBy(`await seqloom.interop.loadOnnx(new Uint8Array(8)).catch(() => {})`)
  expect(used).toContain(of.onnx)
  expect(used).not.toContain(of.pytorch)
})
