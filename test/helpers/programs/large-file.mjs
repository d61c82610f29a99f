// Writes or loads a large model file; prints the most memory that the process had.
import { interop, layers, loadModel, sequential } from 'seqloom'

const [what, format, path, megabytes] = process.argv.slice(2)

/** Half a table, half a matrix, and some recurrent weights. */
function make() {
  const width = 512
  const rows = Math.round((Number(megabytes) * 2 ** 20) / 4 / width / 2)
  return sequential([
    layers.embedding({ inputDim: rows, outputDim: width }),
    layers.lstm({ units: width, returnSequences: true }),
    layers.dense({ units: rows }),
  ])
}

/** Many weights of 4 MB each. */
function stack() {
  const width = 512
  const deep = Math.max(1, Math.round(Number(megabytes) / 8))
  const shape = { inputShape: [null, width] }
  return sequential(
    Array.from({ length: deep }, (_, at) =>
      layers.lstm({ units: width, returnSequences: true, ...(at === 0 && shape) }),
    ),
  )
}

const formats = {
  safetensors: { write: interop.toPyTorch, load: (file) => interop.loadPyTorch(file).then(({ model }) => model) },
  pt: { write: interop.toPyTorch, load: (file) => interop.loadPyTorch(file).then(({ model }) => model) },
  existing: {
    write: interop.toPyTorch,
    async load(file) {
      const model = make()
      await interop.loadPyTorch(file, { model })
      return model
    },
  },
  onnx: { write: interop.toOnnx, load: interop.loadOnnx },
  external: { write: (model, file) => interop.toOnnx(model, file, { externalData: true }), load: interop.loadOnnx },
  keras: { write: interop.toKeras, load: interop.loadKeras },
  h5: { write: interop.toKeras, load: interop.loadKeras },
  tfjs: { write: interop.toTfjs, load: interop.loadTfjs },
  seqloom: { write: (model, folder) => model.save(folder), load: loadModel },
  trained: {
    write(model, folder) {
      model.compile({ optimizer: 'adam', loss: 'mse' })
      return model.save(folder)
    },
    load: loadModel,
  },
}

let parameters
if (what === 'write') await formats[format].write(make(), path)
if (what === 'stack') await formats[format].write(stack(), path)
if (what === 'load' || what === 'again') {
  const model = await formats[format].load(path)
  parameters = model.countParams()
  if (what === 'again') await model.save(`${path}-again`)
}
process.stdout.write(JSON.stringify({ bytes: process.resourceUsage().maxRSS * 1024, parameters }))
