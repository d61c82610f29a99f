import { join } from 'node:path'
import type { Tensor } from '../data/tensor.js'
import { SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import type { CompileOptions } from './compile.js'
import { rebuild } from './config.js'
import { descriptionName, readDescription } from './folder.js'
import { Functional } from './functional.js'
import type { Model, Prediction } from './model.js'
import { damaged, type Extras, formatChecked, restoreModel } from './restore.js'
import { format, formatVersion } from './save.js'
import { Sequential } from './sequential.js'

/** What a folder held. */
export interface LoadedFolder extends Extras {
  readonly model: Model
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
    const { training } = description
    if (training !== undefined) {
      if (!isRecord(training)) throw damaged(path, 'training')
      formatChecked(path, () => model.compileAsSaved(training.options as CompileOptions, training.trained))
    }
    return { model, ...(await restoreModel(folder, description, model)) }
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
