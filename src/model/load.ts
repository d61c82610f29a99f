import { types } from 'node:util'
import type { Tensor } from '../data/tensor.js'
import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import { openArchive } from './archive.js'
import type { CompileOptions } from './compile.js'
import { descriptionName, folderFiles, type ModelFiles } from './folder.js'
import { build } from './fromJson.js'
import type { Model, Prediction } from './model.js'
import { damaged, type Extras, formatChecked, restoreModel } from './restore.js'
import { format, formatVersion } from './save.js'

/** What a folder held. */
export interface LoadedFolder extends Extras {
  readonly model: Model
}

/**
 * Loads a model that `save` wrote to a folder, or from the bytes that `toBytes` gave, compiled as it was. Every file is checked against its
 * SHA-256, and nothing in it is executed. Errors: `ERR_IO` for a folder that cannot be read, `ERR_FORMAT` for what is damaged, both naming
 * the file.
 */
export async function loadModel<Out extends Prediction = Tensor>(
  saved: string | Uint8Array | ArrayBuffer,
): Promise<Model<Out>> {
  const { model } = await loadFolder(saved)
  return model as Model<Prediction> as Model<Out>
}

/** Loads a model with the further files and facts that were saved with it. Errors as in {@link loadModel}. */
export async function loadFolder(saved: string | Uint8Array | ArrayBuffer): Promise<LoadedFolder> {
  const files = filesOf(saved)
  const description = await files.describe(format, formatVersion)
  const path = files.path(descriptionName)
  const model = formatChecked(path, () => build(description.model))
  try {
    const { training } = description
    if (training !== undefined) {
      if (!isRecord(training)) throw damaged(path, 'training')
      formatChecked(path, () => model.compileAsSaved(training.options as CompileOptions, training.trained))
    }
    return { model, ...(await restoreModel(files, description, model)) }
  } catch (error) {
    model.dispose()
    throw error
  }
}

function filesOf(saved: unknown): ModelFiles {
  if (typeof saved === 'string') return folderFiles(saved)
  if (types.isUint8Array(saved)) return openArchive(saved)
  if (types.isArrayBuffer(saved)) return openArchive(new Uint8Array(saved))
  throw new SeqloomError(
    'ERR_OPTION',
    `loadModel: expected the path of a model folder, or the bytes that toBytes gave, not ${describe(saved)}`,
  )
}
