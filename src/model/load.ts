import { join } from 'node:path'
import type { Tensor } from '../data/tensor.js'
import { callNative, SeqloomError } from '../errors.js'
import { type NamedTensor, native } from '../native/index.js'
import { isRecord } from '../options.js'
import type { CompileOptions } from './compile.js'
import { rebuild } from './config.js'
import { descriptionName, readDescription, readListed } from './folder.js'
import { Functional } from './functional.js'
import type { Model, Prediction } from './model.js'
import { format, formatVersion } from './save.js'
import { Sequential } from './sequential.js'

/** What a folder held. */
export interface LoadedFolder {
  readonly model: Model
  /** Further files by the names that they were saved under. */
  readonly assets: Readonly<Record<string, Uint8Array>>
  readonly metadata: Readonly<Record<string, unknown>>
}

/**
 * Loads a model that `save` wrote, compiled as it was. Every file is checked against its SHA-256, and nothing in the folder is executed.
 * Errors: `ERR_IO` for a folder that cannot be read, `ERR_FORMAT` for one that is damaged, both naming the file.
 */
export async function loadModel<Out extends Prediction = Tensor>(folder: string): Promise<Model<Out>> {
  const { model } = await loadFolder(folder)
  return model as Model<Prediction> as Model<Out>
}

/** Loads a model with the further files and facts that were saved with it. Errors as in {@link loadModel}. */
export async function loadFolder(folder: string): Promise<LoadedFolder> {
  if (typeof folder !== 'string') throw new SeqloomError('ERR_OPTION', 'loadModel: the folder must be a path')
  const description = await readDescription(folder, format, formatVersion)
  const path = join(folder, descriptionName)
  const model = formatChecked(path, () => build(description.model))
  try {
    const weights = await readListed(folder, description.files, description.weights)
    formatChecked(join(folder, String(description.weights)), () => model.setWeights(matched(model, decode(weights))))
    await restoreTraining(folder, description, model)
    const assets: Record<string, Uint8Array> = {}
    if (description.assets !== undefined && !isRecord(description.assets)) throw damaged(path, 'assets')
    for (const [name, file] of Object.entries(description.assets ?? {})) {
      assets[name] = await readListed(folder, description.files, file)
    }
    if (description.metadata !== undefined && !isRecord(description.metadata)) throw damaged(path, 'metadata')
    return { model, assets, metadata: description.metadata ?? {} }
  } catch (error) {
    model.dispose()
    throw error
  }
}

function build(saved: unknown): Model {
  const { topology, config } = rebuild(saved)
  const { name, seed, returnsList } = config.config
  if (config.className === 'Sequential') return Sequential.from(topology, name, seed) as Model
  return new Functional(topology, name, seed, returnsList === true)
}

async function restoreTraining(
  folder: string,
  { training, files }: Record<string, unknown>,
  model: Model,
): Promise<void> {
  if (training === undefined) return
  const path = join(folder, descriptionName)
  if (!isRecord(training)) throw damaged(path, 'training')
  formatChecked(path, () => model.compile(training.options as CompileOptions))
  if (training.state === undefined) {
    formatChecked(path, () => {
      model.learningRate = training.learningRate as number
    })
    return
  }
  const state = await readListed(folder, files, training.state)
  formatChecked(join(folder, String(training.state)), () => {
    const entries = decode(state).map(({ name, data }) => ({ name, data: data as Float32Array }))
    model.restoreTraining(entries, training.learningRate as number)
  })
}

/** The weights of a file in the model's order; `ERR_FORMAT` unless they are the model's. */
function matched(model: Model, tensors: readonly NamedTensor[]): Tensor[] {
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

const damaged = (path: string, part: string): SeqloomError =>
  new SeqloomError('ERR_FORMAT', `'${path}': ${part} is not what it should be`)

/** Gives errors about a file's contents the file's name; whatever is wrong there is `ERR_FORMAT`, except a lack of memory. */
function formatChecked<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof SeqloomError && error.code !== 'ERR_MEMORY' && error.code !== 'ERR_NATIVE') {
      throw new SeqloomError('ERR_FORMAT', `'${path}': ${error.message}`, { cause: error })
    }
    throw error
  }
}
