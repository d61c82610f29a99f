import type { TensorLike } from '../data/tensor.js'
import { callNative, SeqloomError } from '../errors.js'
import { type NamedTensor, native } from '../native/index.js'
import { isRecord } from '../options.js'
import { descriptionName, type ModelFiles } from './folder.js'
import type { Model } from './model.js'

/** What a folder holds besides a model. */
export interface Extras {
  /** Further files by the names that they were saved under. */
  readonly assets: Readonly<Record<string, Uint8Array>>
  readonly metadata: Readonly<Record<string, unknown>>
}

/** Puts the saved weights and state of training into a model of the same layers; gives what else is there. */
export async function restoreModel(
  saved: ModelFiles,
  description: Record<string, unknown>,
  model: Model,
): Promise<Extras> {
  const path = saved.path(descriptionName)
  const weights = await saved.read(description.files, description.weights)
  formatChecked(saved.path(String(description.weights)), () => model.setWeights(matched(model, decode(weights))))
  await restoreTraining(saved, description, model)
  const assets: Record<string, Uint8Array> = {}
  if (description.assets !== undefined && !isRecord(description.assets)) throw damaged(path, 'assets')
  for (const [name, file] of Object.entries(description.assets ?? {})) {
    assets[name] = await saved.read(description.files, file)
  }
  if (description.metadata !== undefined && !isRecord(description.metadata)) throw damaged(path, 'metadata')
  return { assets, metadata: description.metadata ?? {} }
}

/** The tensors of a safetensors file of ours. */
export function readTensors(bytes: Uint8Array): (TensorLike & { readonly name: string })[] {
  return decode(bytes).map(({ name, data, shape }) => ({ name, data: data as Float32Array, shape }))
}

async function restoreTraining(
  saved: ModelFiles,
  { training, files }: Record<string, unknown>,
  model: Model,
): Promise<void> {
  if (training === undefined) return
  const path = saved.path(descriptionName)
  if (!isRecord(training)) throw damaged(path, 'training')
  if (training.state === undefined) {
    formatChecked(path, () => model.restoreLearningRate(training.learningRate as number))
    return
  }
  const state = await saved.read(files, training.state)
  formatChecked(saved.path(String(training.state)), () => {
    const entries = decode(state).map(({ name, data }) => ({ name, data: data as Float32Array }))
    model.restoreTraining(entries, training.learningRate as number)
  })
}

/** The weights of a file in the model's order; `ERR_FORMAT` unless they are the model's. */
function matched(model: Model, tensors: readonly NamedTensor[]): TensorLike[] {
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]))
  const specs = model.weightSpecs()
  if (byName.size !== specs.length) {
    throw new SeqloomError('ERR_FORMAT', `it has ${byName.size} weights, the model has ${specs.length}`)
  }
  return specs.map(({ name, shape }) => {
    const found = byName.get(name)
    if (!found || !(found.data instanceof Float32Array) || found.shape.join() !== shape.join()) {
      throw new SeqloomError('ERR_FORMAT', `it has no weight '${name}' of shape [${shape.join(', ')}]`)
    }
    return { data: found.data, shape: found.shape }
  })
}

function decode(bytes: Uint8Array): NamedTensor[] {
  return callNative(() => native.decodeSafetensors(bytes).tensors)
}

/** The error for a part of a description that is not what it should be. */
export const damaged = (path: string, part: string): SeqloomError =>
  new SeqloomError('ERR_FORMAT', `'${path}': ${part} is not what it should be`)

/** Gives errors about a file's contents the file's name; whatever is wrong there is `ERR_FORMAT`, except a lack of memory. */
export function formatChecked<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof SeqloomError && error.code !== 'ERR_MEMORY' && error.code !== 'ERR_NATIVE') {
      throw new SeqloomError('ERR_FORMAT', `'${path}': ${error.message}`, { cause: error })
    }
    throw error
  }
}
