import { runSliced, stageAll } from '../data/index.js'
import type { NumericArray } from '../data/tensor.js'
import { fromNative, SeqloomError } from '../errors.js'
import { native } from '../native/index.js'
import { checkOptions, flag } from '../options.js'
import { absolutePathOf } from '../path.js'
import { packArchive } from './archive.js'
import { type Contents, wordsFor } from './contents.js'
import { descriptionText, type FileBytes, format, type NewFile, newFile } from './folder.js'
import type { Model } from './model.js'
import { type Snapshot, snapshot } from './snapshot.js'
import { type Packed, writeFolder } from './writeFolder.js'

/** The contents of a folder: a model and, from tasks, further files and metadata. */
export interface FolderContents {
  readonly model: Model
  /** Further files by name, such as `tokenizer.json`. */
  readonly assets?: Readonly<Record<string, string | Uint8Array>>
  /** Any JSON values; `task` says which task's model it is. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Whether to leave out the optimizer's state, if it belongs to another step than the weights; default false. */
  readonly withoutOptimizerState?: boolean
  /** Whether the training was interrupted, or is still running; default false. */
  readonly unfinished?: boolean
}

/** How a task is saved. */
export interface SaveOptions {
  /**
   * Whether to replace any Seqloom model that the folder holds. Default false: only a model of the same task is
   * replaced, and a finished model only by a finished one. Files that are not Seqloom's are never replaced.
   */
  readonly overwrite?: boolean
}

/** Saves a model with further files and metadata to a folder. Errors: `ERR_IO`; `ERR_OPTION`. */
export async function saveFolder(
  folder: string | URL,
  contents: FolderContents,
  options: SaveOptions = {},
): Promise<void> {
  checkOptions('save', options, { accepted: { overwrite: flag } })
  const path = absolutePathOf('save: the folder', folder)
  await writeFolder(path, pack(contents), (before, made) => {
    if (!options.overwrite) checkReplaceable(path, before, made)
  })
}

/** The files that {@link saveFolder} would write, as one array of bytes. */
export async function saveBytes(contents: FolderContents): Promise<Uint8Array> {
  const { files, description, free } = await pack(contents)
  try {
    return await packArchive(files, descriptionText(description))
  } finally {
    free()
  }
}

/** Throws `ERR_IO` if one thing may not replace another without being asked to. */
export function checkReplaceable(folder: string, before: Contents, made: Contents): void {
  if (before.kind === made.kind && (before.unfinished || !made.unfinished)) return
  throw new SeqloomError(
    'ERR_IO',
    `'${folder}' holds ${wordsFor(before)}, which ${wordsFor(made)} does not replace unless asked to (overwrite: true, --force on the command line); choose another folder`,
  )
}

async function pack(contents: FolderContents): Promise<Packed> {
  const { model, withoutOptimizerState = false } = contents
  const made = await snapshot(model.engine, !withoutOptimizerState)
  try {
    return { ...(await described(contents, made)), free: made.free }
  } catch (error) {
    made.free()
    throw error
  }
}

/** The files of a model and their description. */
async function described(
  { model, assets = {}, metadata, unfinished = false }: FolderContents,
  { weights, training }: Snapshot,
): Promise<Omit<Packed, 'free'>> {
  const files: NewFile[] = []
  const add = async (name: string, data: Uint8Array | FileBytes): Promise<string> => {
    const file = await newFile(name, data)
    files.push(file)
    return file.name
  }
  const saved: Record<string, string> = {}
  const description = {
    model: model.toJSON(),
    weights: await add('weights.safetensors', weights),
    ...(training && {
      training: {
        options: training.options,
        ...(training.trained && { trained: training.trained }),
        learningRate: training.learningRate,
        ...(training.state && { state: await add('training-state.safetensors', training.state) }),
      },
    }),
    assets: saved,
    ...(metadata && { metadata }),
    ...(unfinished && { unfinished }),
  }
  for (const [name, data] of Object.entries(assets)) {
    saved[name] = await add(name, typeof data === 'string' ? Buffer.from(data) : data)
  }
  const listed = files.map(({ name, sha256, bytes }) => [name, { sha256, bytes }])
  return { files, description: { ...description, files: Object.fromEntries(listed) } }
}

/** Tensors as the bytes of a safetensors file, made on another thread. */
export async function encodeTensors(
  tensors: readonly { readonly name: string; readonly data: NumericArray; readonly shape: readonly number[] }[],
): Promise<Uint8Array> {
  const staged = []
  for (const { name, data, shape } of tensors) {
    const copy = await runSliced(stageAll(data as Float32Array))
    staged.push({ name, dtype: 'F32' as const, shape: [...shape], data: copy })
  }
  return await native.encodeSafetensors(staged, { format }).catch((error: unknown) => {
    throw fromNative(error)
  })
}
