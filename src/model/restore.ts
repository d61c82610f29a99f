import { runSliced, stageAll } from '../data/index.js'
import type { TensorLike } from '../data/tensor.js'
import { fromNative, SeqloomError } from '../errors.js'
import type { WireWeight } from '../graph/wire.js'
import { native } from '../native/index.js'
import { isRecord } from '../options.js'
import { copyListed, descriptionName, listedFiles, type ModelFiles, type Room, readListed } from './folder.js'
import type { Model } from './model.js'
import { NewState } from './newState.js'
import { type NewWeights, renew } from './newWeights.js'
import { countValues } from './weights.js'

/** What a folder holds besides a model. */
export interface Extras {
  /** Further files by the names that they were saved under. */
  readonly assets: Readonly<Record<string, Uint8Array>>
  readonly metadata: Readonly<Record<string, unknown>>
}

/**
 * Restores the saved weights of a model with the same layers. Their number is checked first, before anything is
 * allocated by their sizes; the file goes to the new weights as it is read.
 */
export async function restoreWeights(
  saved: ModelFiles,
  description: Record<string, unknown>,
  model: Model,
  prepare?: () => void,
): Promise<void> {
  const path = saved.path(String(description.weights))
  const bytes = listedFiles(description).get(String(description.weights))?.bytes ?? 0
  await formatChecked(path, () => {
    const wanted = model.countParams()
    if ((model.quantization ? 1 : 4) * wanted <= bytes) return
    const [{ name, shape }] = model.engine.specs.toSorted((a, b) => countValues([b]) - countValues([a])) as [WireWeight]
    throw new SeqloomError(
      'ERR_FORMAT',
      `its ${bytes} bytes cannot hold the ${wanted} values of the model's weights, of which '${name}' [${shape.join(', ')}] is the largest`,
    )
  })
  prepare?.()
  await renew(model.engine, (weights) => readInto(weights, saved, description.files, description.weights))
}

/** What takes a safetensors file. */
type Reader = Pick<NewWeights | NewState, 'append' | 'readFile'>

/** Hands over a data file that the description names; what is found wrong in it is `ERR_FORMAT`. */
async function readInto(reader: Reader, saved: ModelFiles, files: unknown, name: unknown): Promise<void> {
  // That the file was altered says more than what is wrong in it.
  let wrong: unknown
  const take = (piece: Uint8Array, size: number) => {
    if (wrong !== undefined) return
    try {
      reader.append(piece, size)
    } catch (error) {
      wrong = error
    }
  }
  const room = (size: number) => {
    take(new Uint8Array(), size)
    return (piece: Uint8Array) => take(piece, size)
  }
  const readFile: Room['readFile'] = async (path, file, sha256) => {
    try {
      return await reader.readFile(path, file, sha256)
    } catch (error) {
      wrong = error
      return true
    }
  }
  await copyListed(saved, files, name, Object.assign(room, { readFile }))
  await formatChecked(saved.path(String(name)), () => {
    if (wrong !== undefined) throw wrong
  })
}

/** Restores the saved training state of a model that has its weights; returns what else was saved. */
export async function restoreRest(
  saved: ModelFiles,
  description: Record<string, unknown>,
  model: Model,
): Promise<Extras> {
  const path = saved.path(descriptionName)
  await restoreTraining(saved, description, model)
  const assets: Record<string, Uint8Array> = {}
  if (description.assets !== undefined && !isRecord(description.assets)) throw damaged(path, 'assets')
  for (const [name, file] of Object.entries(description.assets ?? {})) {
    assets[name] = await readListed(saved, description.files, file)
  }
  if (description.metadata !== undefined && !isRecord(description.metadata)) throw damaged(path, 'metadata')
  return { assets, metadata: description.metadata ?? {} }
}

/** The tensors of a safetensors file that Seqloom wrote. Rejects with `ERR_FORMAT`. */
export async function readTensors(bytes: Uint8Array): Promise<(TensorLike & { readonly name: string })[]> {
  const staged = await runSliced(stageAll(bytes))
  const { tensors } = await native.decodeSafetensors(staged).catch((error: unknown) => {
    throw fromNative(error)
  })
  return tensors.map(({ name, data, shape }) => ({ name, data: data as Float32Array, shape }))
}

async function restoreTraining(
  saved: ModelFiles,
  { training, files }: Record<string, unknown>,
  model: Model,
): Promise<void> {
  if (training === undefined) return
  const path = saved.path(descriptionName)
  if (!isRecord(training)) throw damaged(path, 'training')
  if (training.state !== undefined) {
    const state = await NewState.of(model.engine)
    try {
      await readInto(state, saved, files, training.state)
      await formatChecked(saved.path(String(training.state)), () => state.take())
    } finally {
      state.free()
    }
  }
  await formatChecked(path, () => {
    // A rate that follows a schedule is not part of what was saved.
    if (typeof model.engine.compiled('loadModel').optimizer.learningRate !== 'number') return
    model.learningRate = training.learningRate as number
  })
}

/** The error for a part of a description that is not what it should be. */
export const damaged = (path: string, part: string): SeqloomError =>
  new SeqloomError('ERR_FORMAT', `'${path}': ${part} is not what it should be`)

/** Adds the file's name to errors about its contents; all of them become `ERR_FORMAT`, except a lack of memory. */
export async function formatChecked<T>(path: string, read: () => T | Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (error instanceof SeqloomError && ['ERR_IO', 'ERR_MEMORY', 'ERR_NATIVE'].includes(error.code)) throw error
    throw new SeqloomError('ERR_FORMAT', `'${path}': ${(error as Error).message}`, { cause: error })
  }
}
