import { type FileOrBytes, Source } from './format.js'
import { formatOf } from './formats.js'
import { opened, pytorchFile } from './pytorchFile/index.js'
import { Dict } from './pytorchFile/pickle.js'

/** What Python's values become: dictionaries are maps, lists, tuples and sets arrays, and None is null. */
export type PyTorchValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Uint8Array
  | readonly PyTorchValue[]
  | ReadonlyMap<PyTorchValue, PyTorchValue>

/**
 * What a `.pt` or `.pth` file of `torch.save`, of any form, holds beside its weights, such as the vocabulary of a
 * checkpoint: `const checkpoint = await interop.loadPyTorchValues('tagger.pt'); checkpoint.get('vocabulary')`.
 *
 * Dictionaries are maps, in their order; lists, tuples and sets are arrays; integers that are no safe numbers are
 * BigInt. Tensors, and objects of classes, are null. Nothing in the file is executed. Rejects with `ERR_UNSUPPORTED`
 * for `.safetensors`, which hold tensors alone, and where the file calls functions; with `ERR_FORMAT` for a
 * damaged file, `ERR_IO`.
 */
export async function loadPyTorchValues<Value extends PyTorchValue = ReadonlyMap<string, PyTorchValue>>(
  file: FileOrBytes,
): Promise<Value> {
  const source = await Source.open('interop.loadPyTorchValues: the file', file)
  try {
    const format = await formatOf(source)
    if (format !== pytorchFile) throw source.unsupported(`it is of ${format.name}, which holds tensors alone`)
    return plain((await opened(source)).value) as Value
  } finally {
    await source.close()
  }
}

/** Python's values as ours. What is shared stays so, and nothing is as deep on the stack as it is in the file. */
function plain(root: unknown): PyTorchValue {
  const made = new Map<unknown, PyTorchValue[] | Map<PyTorchValue, PyTorchValue>>()
  const of = (value: unknown): PyTorchValue => {
    if (value instanceof Uint8Array) return new Uint8Array(value)
    if (value instanceof Dict || Array.isArray(value)) {
      const into = made.get(value) ?? (Array.isArray(value) ? [] : new Map<PyTorchValue, PyTorchValue>())
      made.set(value, into)
      return into
    }
    return value === null || !['string', 'number', 'bigint', 'boolean'].includes(typeof value)
      ? null
      : (value as PyTorchValue)
  }
  const result = of(root)
  // What this puts into the map is visited as well.
  for (const [from, into] of made) {
    if (into instanceof Map) {
      const { keys, values } = from as Dict
      for (const [index, key] of keys.entries()) into.set(of(key), of(values[index]))
    } else for (const value of from as unknown[]) into.push(of(value))
  }
  return result
}
