import { resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { types } from 'node:util'
import type { Tensor } from '../data/tensor.js'
import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import { isPath, pathOf } from '../path.js'
import { openArchive } from './archive.js'
import type { CompileOptions } from './compile.js'
import { type Contents, contentsOf, type Kind, mistaken } from './contents.js'
import { descriptionName, folderFiles, type ModelFiles, parseDescription } from './folder.js'
import { build } from './fromJson.js'
import type { Model, Prediction } from './model.js'
import { damaged, type Extras, formatChecked, restoreRest, restoreWeights } from './restore.js'

/** What was saved to a folder or to bytes. */
export interface LoadedFolder extends Extras, Contents {
  /** The path of the folder. */
  readonly folder: string
  readonly model: Model
}

/** How long a folder is read again and again that is written while it is read, in milliseconds. */
const patience = 10_000

/**
 * Loads a model that `save` wrote to a folder, or from the bytes that `toBytes` gave, compiled as it was. Every file is checked against its
 * SHA-256, and nothing in it is executed. A folder may be saved to meanwhile: what is loaded is the model before or after. Errors: `ERR_IO` for a folder that
 * cannot be read, `ERR_FORMAT` for what is damaged, both naming the file; `ERR_OPTION` for what is neither a path, a `file:` URL nor bytes.
 */
export async function loadModel<Out extends Prediction = Tensor>(
  saved: string | URL | Uint8Array | ArrayBuffer,
): Promise<Model<Out>> {
  const { model } = await loadFolder(saved)
  return model as Model<Prediction> as Model<Out>
}

/**
 * Loads a model with the further files and facts that were saved with it. Errors as in {@link loadModel}; `ERR_FORMAT` for a folder that holds another kind of
 * thing than what is wanted.
 */
export async function loadFolder(saved: string | URL | Uint8Array | ArrayBuffer, wanted?: Kind): Promise<LoadedFolder> {
  const files = filesOf(saved)
  const start = performance.now()
  for (;;) {
    const text = await files.text()
    try {
      return await loadDescribed(files, text, wanted)
    } catch (error) {
      // Another save may have taken files away while they were read.
      const now = await files.text().catch(() => text)
      if (now === text || performance.now() - start > patience) throw error
    }
  }
}

async function loadDescribed(files: ModelFiles, text: string, wanted: Kind | undefined): Promise<LoadedFolder> {
  const path = files.path(descriptionName)
  const description = parseDescription(path, text)
  const contents = contentsOf(description)
  if (wanted !== undefined && contents.kind !== wanted) throw mistaken(files.name, wanted, contents)
  const model = await formatChecked(path, () => build(description.model))
  try {
    await restoreWeights(files, description, model)
    const { training } = description
    if (training !== undefined) {
      if (!isRecord(training)) throw damaged(path, 'training')
      await formatChecked(path, () => model.compileAsSaved(training.options as CompileOptions, training.trained))
    }
    return { folder: files.name, model, ...contents, ...(await restoreRest(files, description, model)) }
  } catch (error) {
    model.dispose()
    throw error
  }
}

function filesOf(saved: unknown): ModelFiles {
  if (types.isUint8Array(saved)) return openArchive(saved)
  if (types.isArrayBuffer(saved)) return openArchive(new Uint8Array(saved))
  if (typeof saved === 'string' || isPath(saved)) return folderFiles(resolve(pathOf('load: the folder', saved)))
  throw new SeqloomError(
    'ERR_OPTION',
    `loadModel: expected the path of a model folder, or the bytes that toBytes gave, not ${describe(saved)}`,
  )
}
