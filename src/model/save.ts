import type { NumericArray } from '../data/tensor.js'
import { callNative } from '../errors.js'
import { type NamedTensor, native } from '../native/index.js'
import { packArchive } from './archive.js'
import { entryOf, hashName, type NewFile, writeFolder } from './folder.js'
import type { Model } from './model.js'

/** The format of model folders. */
export const format = 'seqloom'

/** The version of the format; older ones stay readable. */
export const formatVersion = 1

/** What a folder is made of: a model and, from tasks, further files and facts. */
export interface FolderContents {
  readonly model: Model
  /** Further files by name, such as `tokenizer.json`. */
  readonly assets?: Readonly<Record<string, string | Uint8Array>>
  /** Anything that is JSON. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Whether to leave the optimizer's state out, where it is of another step than the weights; default false. */
  readonly withoutOptimizerState?: boolean
}

/** Saves a model with further files and facts to a folder. Errors: `ERR_IO`. */
export async function saveFolder(folder: string, contents: FolderContents): Promise<void> {
  const { files, description } = await encode(contents)
  await writeFolder(folder, files, description)
}

/** The files that {@link saveFolder} would write, as one array of bytes. */
export async function saveBytes(contents: FolderContents): Promise<Uint8Array> {
  const { files, description } = await encode(contents)
  return await packArchive(files, description)
}

/** The files of a model, and the description that lists them. */
async function encode({
  model,
  assets = {},
  metadata,
  withoutOptimizerState = false,
}: FolderContents): Promise<{ readonly files: NewFile[]; readonly description: string }> {
  const { names, weights, training } = await model.snapshot()
  const files: NewFile[] = []
  const add = (name: string, data: Uint8Array): string => {
    const file = { name, data }
    files.push(file)
    return hashName(file)
  }
  const tensors = weights.map((weight, index) => ({ name: names[index] as string, ...weight }))
  const description = {
    format,
    formatVersion,
    model: model.toJSON(),
    weights: add('weights.safetensors', encodeTensors(tensors)),
    ...(training && {
      training: {
        options: training.options,
        ...(training.trained && { trained: training.trained }),
        learningRate: training.learningRate,
        ...(!withoutOptimizerState && {
          state: add('training-state.safetensors', encodeTensors(training.state)),
        }),
      },
    }),
    assets: Object.fromEntries(
      Object.entries(assets).map(([name, data]) => [
        name,
        add(name, typeof data === 'string' ? Buffer.from(data) : data),
      ]),
    ),
    ...(metadata && { metadata }),
    files: Object.fromEntries(files.map((file) => [hashName(file), entryOf(file.data)])),
  }
  return { files, description: `${JSON.stringify(description, undefined, 2)}\n` }
}

/** Tensors as the bytes of a safetensors file; those without a shape have one dimension. */
export function encodeTensors(
  tensors: readonly { readonly name: string; readonly data: NumericArray; readonly shape?: readonly number[] }[],
): Uint8Array {
  const floats = tensors.map(({ name, data, shape = [data.length] }): NamedTensor => {
    return { name, dtype: 'F32', shape: [...shape], data: data as Float32Array }
  })
  return callNative(() => native.encodeSafetensors(floats, { format }))
}
