import { allocated } from '../../data/allocated.js'
import { runSliced, type Sliced } from '../../data/index.js'
import { describe, isInstance, SeqloomError } from '../../errors.js'
import { type NewFile, newFile } from '../../model/folder.js'
import { Model } from '../../model/model.js'
import { countOf } from '../../model/newWeights.js'
import { absolutePathOf } from '../../path.js'
import { bytesOf } from '../format.js'
import { describeModel, readingValues } from '../keras/describe.js'
import type { TfjsArtifacts, TfjsWeightSpec } from './artifacts.js'
import { generatedBy, writeModelFolder } from './folder.js'

/** Files of this size are what servers and browsers keep well. */
const shardBytes = 4 * 2 ** 20

/**
 * Writes a model for TensorFlow.js, whose `tf.loadLayersModel` reads it: to a folder, as `model.json` and files of
 * weights of at most 4 MB each, which a server or `file://` gives; or, without a folder, as what a handler of `tf.io`
 * loads: `tf.loadLayersModel(tf.io.fromMemory(await interop.toTfjs(model)))`.
 *
 * A model in the folder that `toTfjs` wrote before is replaced, at once or, if the process ends on the way, not at all;
 * anything else stays, and a `model.json` of another program is `ERR_IO`. What matters only in training is left out
 * with a warning.
 *
 * Rejects with `ERR_UNSUPPORTED`, naming everything that TensorFlow.js has not, such as a GRU with `resetAfter: true`;
 * `ERR_OPTION`, `ERR_IO`, `ERR_MEMORY`, `ERR_STATE`.
 */
export function toTfjs(model: Model): Promise<TfjsArtifacts>
export function toTfjs(model: Model, folder: string | URL): Promise<void>
export async function toTfjs(model: Model, folder?: string | URL): Promise<unknown> {
  if (!isInstance(model, Model)) {
    throw new SeqloomError('ERR_OPTION', `interop.toTfjs: expected a model, not ${describe(model)}`)
  }
  const path = folder === undefined ? undefined : absolutePathOf('interop.toTfjs: the folder', folder)
  const described = describeModel(model as Model, 'tfjs', 'interop.toTfjs')
  const weights = described.layers.flatMap((layer) => layer.weights)
  const weightSpecs = weights.map(({ name, shape }): TfjsWeightSpec => ({ name, shape: [...shape], dtype: 'float32' }))
  const about = { format: 'layers-model', generatedBy, convertedBy: null, modelTopology: described.config }
  const size = weights.reduce((sum, { shape }) => sum + 4 * countOf({ sizes: shape }), 0)
  return await readingValues(model as Model, async (valuesOf) => {
    const parts = function* () {
      for (const weight of weights) yield bytesOf(valuesOf(weight))
    }
    if (path === undefined)
      return { ...about, weightSpecs, weightData: (await runSliced(joined(parts(), size))).buffer }
    await writeModelFolder(path, shardsOf(parts(), size), (paths) =>
      JSON.stringify({ ...about, weightsManifest: [{ paths, weights: weightSpecs }] }),
    )
    return undefined
  })
}

/** All bytes one after the other. */
function* joined(parts: Iterable<Uint8Array>, size: number): Sliced<Uint8Array<ArrayBuffer>> {
  const bytes = allocated('interop.toTfjs', Uint8Array, size)
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
    yield
  }
  return bytes
}

/** The same in files; at least one, so that there is one to name. */
async function* shardsOf(parts: Iterable<Uint8Array>, size: number): AsyncGenerator<NewFile> {
  const count = Math.max(1, Math.ceil(size / shardBytes))
  let shard = new Uint8Array(Math.min(shardBytes, size))
  let [at, used, done] = [1, 0, 0]
  const close = async () => {
    const file = await newFile(`group1-shard${at++}of${count}.bin`, shard)
    done += used
    used = 0
    shard = new Uint8Array(Math.min(shardBytes, size - done))
    return file
  }
  for (const part of parts) {
    for (let rest = part; rest.length > 0; ) {
      const piece = rest.subarray(0, shard.length - used)
      shard.set(piece, used)
      used += piece.length
      rest = rest.subarray(piece.length)
      if (used === shard.length) yield await close()
    }
  }
  if (at === 1) yield await close()
}
