// ONNX files, those with tensors in files beside them too.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { interop } from 'seqloom'
import { alterBytes } from '../alter/bytes.mjs'
import { alterProtobuf, bytesOf, treeOf } from '../alter/protobuf.mjs'
import { fixture } from './fixtures.mjs'
import { attending, ofManyLayers, severalOutputs, tracedCells } from './models.mjs'
import { useModel } from './use.mjs'

const written = { attending, ofManyLayers, severalOutputs, tracedCells }
const mostBytes = 8000

/** A file whose tensors lie in another one. */
function apart(bytes, name) {
  const root = treeOf(bytes)
  const parts = []
  let at = 0
  const graph = root.find(({ inner }) => inner === 'graph')
  for (const { value: tensor } of graph.value.filter(({ inner }) => inner === 'tensor')) {
    const raw = tensor.findIndex(({ number }) => number === 9)
    if (raw < 0) continue
    const { length } = tensor[raw].value
    parts.push(tensor[raw].value)
    tensor.splice(raw, 1)
    for (const [key, value] of Object.entries({ location: name, offset: `${at}`, length: `${length}` })) {
      const entry = [key, value].map((text, index) => ({
        message: 'entry',
        number: index + 1,
        wire: 2,
        value: Buffer.from(text),
      }))
      tensor.push({ message: 'tensor', number: 13, wire: 2, inner: 'entry', value: entry })
    }
    tensor.push({ message: 'tensor', number: 14, wire: 0, value: 1n })
    at += length
  }
  return [bytesOf(root), Buffer.concat(parts)]
}

async function make(folder) {
  for (const { name, model } of JSON.parse(fixture('onnx/import.json.gz'))) {
    const bytes = Buffer.from(model, 'base64')
    if (bytes.length <= mostBytes) writeFileSync(join(folder, `${name}.onnx`), bytes)
  }
  for (const [name, make] of Object.entries(written)) {
    const m = make()
    const bytes = Buffer.from(await interop.toOnnx(m))
    m.dispose()
    writeFileSync(join(folder, `${name}.onnx`), bytes)
    const own = join(folder, `${name}-apart`)
    mkdirSync(own)
    const [rest, tensors] = apart(bytes, 'tensors.bin')
    writeFileSync(join(own, 'model.onnx'), rest)
    writeFileSync(join(own, 'tensors.bin'), tensors)
  }
}

async function use({ bytes, files, place }) {
  const model = await interop.loadOnnx(files.size === 1 ? bytes : join(place(), 'model.onnx'))
  await useModel(model)
}

/** What their fields say. */
export const onnx = {
  make,
  alter(random, { files }) {
    const [name, bytes] = random.of([...files])
    const [what, altered] = name.endsWith('.onnx') ? alterProtobuf(random, bytes) : alterBytes(random, bytes)
    return [`${name}: ${what}`, new Map(files).set(name, altered)]
  },
  use,
}

/** Their bytes, for the decoder. */
export const onnxBytes = {
  make,
  alter(random, { files }, entries) {
    const [name, bytes] = random.of([...files])
    let altered = bytes
    const done = Array.from({ length: 1 + random.below(4) }, () => {
      const [what, made] = alterBytes(random, altered, random.of(entries).bytes)
      altered = made
      return what
    })
    return [`${name}: ${done.join('; ')}`, new Map(files).set(name, altered)]
  },
  use,
}
