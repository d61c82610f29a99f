// Layers models of TensorFlow.js, in folders and in memory.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { interop } from 'seqloom'
import { alterBytes } from '../alter/bytes.mjs'
import { alterJson, parsed, wordsOf } from '../alter/data.mjs'
import { fixture } from './fixtures.mjs'
import { bidirectional, ofManyLayers } from './models.mjs'
import { useModel } from './use.mjs'

const written = { ofManyLayers, bidirectional }

/** Whether a model is given in memory, which is faster. */
const inMemory = (random) => random.below(6) !== 0

let words = []

export const tfjs = {
  async make(folder) {
    const saved = Object.entries(JSON.parse(fixture('tfjs/read.json.gz')))
    for (const [at, [, { artifacts }]] of saved.entries()) {
      const { modelTopology, weightSpecs, weightData } = artifacts
      const own = join(folder, `read${at}`)
      mkdirSync(own)
      const weightsManifest = [{ paths: ['weights.bin'], weights: weightSpecs }]
      writeFileSync(join(own, 'model.json'), JSON.stringify({ format: 'layers-model', modelTopology, weightsManifest }))
      writeFileSync(join(own, 'weights.bin'), Buffer.from(weightData, 'base64'))
    }
    for (const [name, make] of Object.entries(written)) {
      const m = make()
      await interop.toTfjs(m, join(folder, name))
      m.dispose()
    }
  },
  async open(entries) {
    const descriptions = entries.map(({ files }) => parsed(files.get('model.json')))
    words = [...wordsOf(...descriptions), 'uint8', 'uint16', 'float16', 'bool', 'string', 'complex64', 'graph-model']
  },
  alter(random, { files }) {
    const changed = new Map(files)
    const name = random.below(6) === 0 ? random.of([...files.keys()]) : 'model.json'
    const bytes = files.get(name)
    const [what, altered] =
      name === 'model.json' && random.below(10) !== 0 ? alterJson(random, bytes, words) : alterBytes(random, bytes)
    changed.set(name, altered)
    return [`${name}: ${what}`, changed]
  },
  async use({ files, place, random }) {
    const description = inMemory(random) ? parsed(files.get('model.json')) : undefined
    if (description?.weightsManifest === undefined) return await useModel(await interop.loadTfjs(place()))
    const data = [...files].filter(([name]) => name !== 'model.json').map(([, bytes]) => Uint8Array.from(bytes).buffer)
    const groups = Array.isArray(description.weightsManifest) ? description.weightsManifest : []
    const given = {
      modelTopology: description.modelTopology,
      weightSpecs: groups.flatMap((group) => group?.weights ?? []),
      weightData: data.length === 1 ? data[0] : data,
    }
    await useModel(await interop.loadTfjs(given))
  },
}
