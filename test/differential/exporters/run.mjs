// Imports ONNX models that exporters wrote, and compares what they compute with onnxruntime's.
//
//   SEQLOOM_PYTHON=python node test/differential/exporters/run.mjs [--folder FOLDER] [--only NAME,…] [--keep]
//
// The Python needs torch, onnxscript, onnx and onnxruntime; with tensorflow, keras and tf2onnx, models of Keras are
// exported, too. --keep takes the models that the folder has.
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { interop, tensor } from 'seqloom'

const { values } = parseArgs({
  options: { folder: { type: 'string' }, only: { type: 'string' }, keep: { type: 'boolean', default: false } },
})
const folder = values.folder ?? mkdtempSync(join(tmpdir(), 'seqloom-exporters-'))
/** The largest difference, as a part of the largest value. */
const bound = 1e-5

if (!values.keep) {
  const python = process.env.SEQLOOM_PYTHON ?? 'python3'
  for (const script of ['torch_export.py', 'keras_export.py']) {
    const path = fileURLToPath(new URL(script, import.meta.url))
    try {
      execFileSync(python, [path, folder, ...(values.only ? [values.only] : [])], {
        stdio: ['ignore', 'inherit', 'ignore'],
      })
    } catch {
      console.log(`${script} failed`)
    }
  }
}

const asTensor = ({ data, shape, integer }) => tensor(integer ? Int32Array.from(data) : Float32Array.from(data), shape)

/** The largest difference of two tensors, as a part of the largest value; a text where their shapes differ. */
function difference(ours, theirs) {
  if (ours?.shape.join() !== theirs.shape.join()) return `shape [${ours?.shape}] instead of [${theirs.shape}]`
  const largest = theirs.data.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-3)
  return theirs.data.reduce((most, value, at) => Math.max(most, Math.abs(value - ours.data[at]) / largest), 0)
}

let [failed, done] = [0, 0]
for (const file of readdirSync(folder)
  .filter((name) => name.endsWith('.json'))
  .sort()) {
  const name = file.slice(0, -'.json'.length)
  if (values.only && !values.only.split(',').some((each) => name === each || name.endsWith(`-${each}`))) continue
  done++
  const { inputs, outputs } = JSON.parse(readFileSync(join(folder, file), 'utf8'))
  let result
  try {
    const m = await interop.loadOnnx(join(folder, `${name}.onnx`))
    const given = inputs.map(asTensor)
    const made = [await m.predict(given.length === 1 ? given[0] : given)].flat()
    const all = outputs.map((each, at) => difference(made[at], each))
    const wrong = all.find((each) => typeof each === 'string' || !(each <= bound))
    result = wrong ?? `ok (${all.length ? Math.max(...all).toExponential(1) : 'runs'})`
    if (wrong !== undefined) failed++
    m.dispose()
  } catch (error) {
    failed++
    result = `${error.code ?? error.name}: ${error.message}`
  }
  console.log(`${name}: ${result}`)
}
console.log(`${done} models, ${failed} differ or are refused`)
process.exitCode = failed > 0 ? 1 : 0
