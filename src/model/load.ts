import { performance } from 'node:perf_hooks'
import { bytesGiven } from '../bytes.js'
import type { Tensor } from '../data/tensor.js'
import { callNative, describe, SeqloomError } from '../errors.js'
import { native } from '../native/index.js'
import { functionRate } from '../optimizers/optimizer.js'
import { upgraded } from '../optimizers/resolve.js'
import { isRecord } from '../options.js'
import { absolutePathOf, isPath } from '../path.js'
import { warn } from '../warn.js'
import { openArchive } from './archive.js'
import type { CompileOptions } from './compile.js'
import { type Contents, contentsOf, type Kind, mistaken } from './contents.js'
import { descriptionName, folderFiles, type ModelFiles, parseDescription } from './folder.js'
import { build } from './fromJson.js'
import type { Model, Prediction } from './model.js'
import { damaged, type Extras, formatChecked, restoreRest, restoreWeights } from './restore.js'
import { compile } from './training.js'

/** What was saved to a folder or to bytes. */
export interface LoadedFolder extends Extras, Contents {
  /** The path of the folder. */
  readonly folder: string
  readonly model: Model
}

/** For how many milliseconds a folder is read again if it is written while it is read. */
const patience = 10_000

/**
 * Loads a model from a folder that `save` wrote, or from the bytes that `toBytes` returned, compiled as it was. Every
 * file is checked against its SHA-256, and nothing in it is executed. If the folder is saved to meanwhile, the model
 * before or after that is loaded. Errors: `ERR_IO` for a folder that cannot be read, `ERR_FORMAT` for damaged files,
 * both naming the file; `ERR_OPTION` for anything but a path, a `file:` URL or bytes.
 */
export async function loadModel<Out extends Prediction = Tensor>(
  saved: string | URL | Uint8Array | ArrayBuffer,
): Promise<Model<Out>> {
  const { model } = await loadFolder(saved)
  return model as Model<Prediction> as Model<Out>
}

/**
 * Loads a model together with the files and metadata that were saved with it. Errors as in {@link loadModel};
 * `ERR_FORMAT` for a folder that holds something of another kind.
 */
export async function loadFolder(saved: string | URL | Uint8Array | ArrayBuffer, wanted?: Kind): Promise<LoadedFolder> {
  const files = filesOf(saved)
  const start = performance.now()
  for (;;) {
    const text = await files.text()
    try {
      return await loadDescribed(files, text, wanted)
    } catch (error) {
      // Another save may have removed files while they were read.
      const now = await files.text().catch(() => text)
      if (now === text || performance.now() - start > patience) throw error
    }
  }
}

async function loadDescribed(files: ModelFiles, text: string, wanted: Kind | undefined): Promise<LoadedFolder> {
  const path = files.path(descriptionName)
  const description = parseDescription(path, text)
  const contents = contentsOf(description)
  if (wanted !== undefined && contents.kind !== wanted) throw mistaken(files.name, [wanted], contents)
  const model = await formatChecked(path, () => build(description.model))
  try {
    await restoreWeights(files, description, model, () => model.engine.prepareToLoad())
    const { training } = description
    if (training !== undefined) {
      if (!isRecord(training)) throw damaged(path, 'training')
      await formatChecked(path, () =>
        compile(model.engine, optionsHere(files.name, training) as CompileOptions, training.trained),
      )
    }
    return { folder: files.name, model, ...contents, ...(await restoreRest(files, description, model)) }
  } catch (error) {
    model.dispose()
    throw error
  }
}

/** How a saved model is compiled on this machine: in float32 where it cannot compute bfloat16, with which it was saved. */
function optionsHere(name: string, training: Record<string, unknown>): unknown {
  const options = withoutFunction(name, training)
  if (!isRecord(options) || options.precision !== 'bfloat16' || callNative(() => native.backend()).bfloat16)
    return options
  warn(
    'WARN_PRECISION',
    `loadModel: '${name}' was compiled with bfloat16, which this processor lacks: its products are of float32 here`,
  )
  return { ...options, precision: 'float32' }
}

/** How a saved model is compiled; a learning rate that was a function stays what it was when the model was saved. */
function withoutFunction(name: string, training: Record<string, unknown>): unknown {
  const options = upgraded(training.options)
  const optimizer = isRecord(options) ? options.optimizer : undefined
  if (!isRecord(optimizer) || !isRecord(optimizer.learningRate) || optimizer.learningRate.kind !== functionRate.kind) {
    return options
  }
  const learningRate = training.learningRate ?? undefined
  warn(
    'WARN_LEARNING_RATE',
    `loadModel: the learning rate of '${name}' was a function, which is not saved: it stays at ${learningRate}; give the function to optimizer.learningRate of the model to go on as before`,
  )
  return { ...(options as object), optimizer: { ...optimizer, learningRate } }
}

function filesOf(saved: unknown): ModelFiles {
  const bytes = bytesGiven(saved)
  if (bytes) return openArchive(bytes)
  if (typeof saved === 'string' || isPath(saved)) return folderFiles(absolutePathOf('load: the folder', saved))
  throw new SeqloomError(
    'ERR_OPTION',
    `loadModel: expected the path of a model folder, or the bytes that toBytes gave, not ${describe(saved)}`,
  )
}
