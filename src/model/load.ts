import { join } from 'node:path'
import type { Tensor } from '../data/tensor.js'
import { isRecord } from '../options.js'
import { pathOf } from '../path.js'
import type { CompileOptions } from './compile.js'
import { rebuild } from './config.js'
import { type Contents, contentsOf, type Kind, mistaken } from './contents.js'
import { descriptionName, parseDescription, readDescriptionText } from './folder.js'
import { Functional } from './functional.js'
import type { Model, Prediction } from './model.js'
import { damaged, type Extras, formatChecked, restoreModel } from './restore.js'
import { Sequential } from './sequential.js'

/** What a folder held. */
export interface LoadedFolder extends Extras, Contents {
  /** Its path. */
  readonly folder: string
  readonly model: Model
}

/** How often a folder is read again that was written while it was read. */
const attempts = 5

/**
 * Loads a model that `save` wrote, compiled as it was. Every file is checked against its SHA-256, and nothing in the folder is executed. The folder may be saved
 * to meanwhile: what is loaded is the model before or after.
 * Errors: `ERR_IO` for a folder that cannot be read, `ERR_FORMAT` for one that is damaged, both naming the file; `ERR_OPTION` for what is no path.
 */
export async function loadModel<Out extends Prediction = Tensor>(folder: string | URL): Promise<Model<Out>> {
  const { model } = await loadFolder(folder)
  return model as Model<Prediction> as Model<Out>
}

/**
 * Loads a model with the further files and facts that were saved with it. Errors as in {@link loadModel}; `ERR_FORMAT` for a folder that holds another kind of
 * thing than what is wanted.
 */
export async function loadFolder(given: string | URL, wanted?: Kind): Promise<LoadedFolder> {
  const folder = pathOf('load: the folder', given)
  for (let attempt = 1; ; attempt++) {
    const text = await readDescriptionText(folder)
    try {
      return await loadDescribed(folder, text, wanted)
    } catch (error) {
      // Another save may have taken files away while they were read.
      const now = await readDescriptionText(folder).catch(() => text)
      if (attempt === attempts || now === text) throw error
    }
  }
}

async function loadDescribed(folder: string, text: string, wanted: Kind | undefined): Promise<LoadedFolder> {
  const path = join(folder, descriptionName)
  const description = parseDescription(path, text)
  const contents = contentsOf(description)
  if (wanted !== undefined && contents.kind !== wanted) throw mistaken(folder, wanted, contents)
  const model = await formatChecked(path, () => build(description.model))
  try {
    const { training } = description
    if (training !== undefined) {
      if (!isRecord(training)) throw damaged(path, 'training')
      await formatChecked(path, () => model.compile(training.options as CompileOptions))
    }
    return { folder, model, ...contents, ...(await restoreModel(folder, description, model)) }
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
