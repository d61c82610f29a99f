import { allocated } from '../../data/allocated.js'
import { runSliced, type Sliced } from '../../data/index.js'
import { describe, isInstance, SeqloomError } from '../../errors.js'
import { newFile } from '../../model/folder.js'
import { Model } from '../../model/model.js'
import { absolutePathOf } from '../../path.js'
import { describedValues, describeModel } from '../keras/describe.js'
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
  const values = await describedValues(model as Model, described)
  const weightSpecs = [...values.keys()].map(
    ({ name, shape }): TfjsWeightSpec => ({ name, shape: [...shape], dtype: 'float32' }),
  )
  const about = { format: 'layers-model', generatedBy, convertedBy: null }
  const arrays = [...values.values()]
  if (path === undefined) {
    return {
      ...about,
      modelTopology: described.config,
      weightSpecs,
      weightData: (await runSliced(joined(arrays))).buffer,
    }
  }
  const shards = await runSliced(shardsOf(arrays))
  const files = []
  for (const [at, shard] of shards.entries()) {
    files.push(await newFile(`group1-shard${at + 1}of${shards.length}.bin`, shard))
  }
  const text = JSON.stringify({
    ...about,
    modelTopology: described.config,
    weightsManifest: [{ paths: files.map(({ name }) => name), weights: weightSpecs }],
  })
  await writeModelFolder(path, text, files)
  return undefined
}

const bytesOf = (values: Float32Array): Uint8Array =>
  new Uint8Array(values.buffer, values.byteOffset, values.byteLength)

/** All elements one after the other. */
function* joined(arrays: readonly Float32Array[]): Sliced<Uint8Array<ArrayBuffer>> {
  const size = arrays.reduce((sum, { byteLength }) => sum + byteLength, 0)
  const bytes = allocated('interop.toTfjs', Uint8Array, size)
  let at = 0
  for (const values of arrays) {
    bytes.set(bytesOf(values), at)
    at += values.byteLength
    yield
  }
  return bytes
}

/** The same in files; at least one, so that there is one to name. */
function* shardsOf(arrays: readonly Float32Array[]): Sliced<Uint8Array[]> {
  const shards: Uint8Array[] = []
  let pieces: Uint8Array[] = []
  let room = shardBytes
  const close = () => {
    shards.push(Buffer.concat(pieces))
    pieces = []
    room = shardBytes
  }
  for (const values of arrays) {
    for (let rest = bytesOf(values); rest.length > 0; yield) {
      const piece = rest.subarray(0, room)
      pieces.push(piece)
      room -= piece.length
      rest = rest.subarray(piece.length)
      if (room === 0) close()
    }
  }
  if (pieces.length > 0 || shards.length === 0) close()
  return shards
}
