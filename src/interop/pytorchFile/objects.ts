import type { SeqloomError } from '../../errors.js'
import type { Source } from '../format.js'
import { Dict, type Environment, type Global, Inert, PickleError } from './pickle.js'

/** Elements that are stored apart from the pickle, under a key. */
export interface Storage {
  readonly key: string
  /** Undefined for bytes whose tensors say what they are. */
  readonly dtype: string | undefined
  /** How many elements there are; bytes, where there is no type. */
  readonly count: number
  /** How many elements of the stored ones come before. */
  readonly skipped: number
}

/** A tensor: where its elements are in a storage, in elements. */
export class Tensor {
  constructor(
    readonly dtype: string,
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** Types of elements by PyTorch's names, as safetensors calls them. */
const dtypes: Readonly<Record<string, string>> = {
  ...{ float32: 'F32', float64: 'F64', float16: 'F16', bfloat16: 'BF16' },
  ...{ int64: 'I64', int32: 'I32', int16: 'I16', int8: 'I8', uint8: 'U8', bool: 'BOOL' },
}

/** Types of elements by the names of storages. */
const storages: Readonly<Record<string, string>> = {
  ...{ Float: 'F32', Double: 'F64', Half: 'F16', BFloat16: 'BF16' },
  ...{ Long: 'I64', Int: 'I32', Short: 'I16', Char: 'I8', Byte: 'U8', Bool: 'BOOL' },
  ...{ ComplexFloat: 'C64', ComplexDouble: 'C128', QInt8: 'QI8', QUInt8: 'QU8', QInt32: 'QI32' },
}

/** Bytes of an element. */
export const elementBytes: Readonly<Record<string, number>> = {
  ...{ F32: 4, F64: 8, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 },
  ...{ C64: 8, C128: 16, QI8: 1, QU8: 1, QI32: 4 },
}

/** Names that training scripts save beside weights. They stand for nothing here. */
const inert =
  /^(torch\.(device|strided|dtype|[a-z]*(int|float|complex|bool)[a-z0-9_]*)|(builtins|__builtin__)\.(set|frozenset|list|tuple|int|float|bool|str|unicode|bytes|bytearray|complex|slice|range|object)|_codecs\.encode|argparse\.Namespace|pathlib\.\w+|datetime\.\w+|numpy\.(_?core\.multiarray\.scalar|dtype))$/

/** What makes arrays of NumPy. */
const arrays = /^numpy\.(_?core\.(multiarray\._reconstruct|numeric\._frombuffer)|ndarray)$/

/** The storage of an id; throws for anything else. */
function storageOf(id: unknown): unknown {
  const [kind, type, key, , count, view] = Array.isArray(id) ? id : []
  // Before PyTorch 1.6, the class of a module had its source beside it.
  if (kind === 'module') return type
  if (kind !== 'storage' || !(type instanceof StorageType) || typeof key !== 'string' || !isSize(count)) {
    throw new PickleError('it refers to something that is no storage')
  }
  const skipped = Array.isArray(view) ? view[1] : 0
  if (!isSize(skipped)) throw new PickleError('it has a view of a storage that is none')
  return { key, dtype: type.dtype, count, skipped }
}

class StorageType implements Global {
  constructor(
    readonly name: string,
    readonly dtype: string | undefined,
  ) {}

  call(): unknown {
    throw new PickleError(`it calls ${this.name}`)
  }
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isSizes = (value: unknown): value is number[] => Array.isArray(value) && value.length <= 64 && value.every(isSize)

export const isStorage = (value: unknown): value is Storage =>
  typeof value === 'object' && value !== null && 'key' in value && 'skipped' in value

function tensor(given: readonly unknown[], dtype: string | undefined): Tensor {
  const [storage, offset, shape, strides] = given
  if (
    !isStorage(storage) ||
    !isSize(offset) ||
    !isSizes(shape) ||
    !isSizes(strides) ||
    shape.length !== strides.length
  ) {
    throw new PickleError('it has a tensor that is none')
  }
  const type = dtype ?? storage.dtype
  if (type === undefined) throw new PickleError('it has a tensor without a type')
  return new Tensor(type, storage, offset, [...shape], [...strides])
}

/** What may be called, and what that makes of its arguments. */
const known: Readonly<Record<string, (given: readonly unknown[]) => unknown>> = {
  'collections.OrderedDict': dictionary,
  'collections.defaultdict': ([, ...given]) => dictionary(given),
  'collections.Counter': dictionary,
  'builtins.dict': dictionary,
  '__builtin__.dict': dictionary,
  'torch.Size': ([sizes]) => sizes,
  'torch._utils._rebuild_tensor': (given) => tensor(given, undefined),
  'torch._utils._rebuild_tensor_v2': (given) => tensor(given, undefined),
  'torch._utils._rebuild_tensor_v3': (given) => {
    const name = given[6] instanceof Inert ? given[6].name.replace('torch.', '') : ''
    return tensor(given, dtypes[name] ?? name)
  },
  'torch._utils._rebuild_parameter': ([data]) => data,
  'torch._utils._rebuild_parameter_with_state': ([data]) => data,
  // A tensor with attributes of its own.
  'torch._tensor._rebuild_from_type_v2': ([make, , given]) => {
    if (typeof make !== 'object' || make === null || !('call' in make) || !Array.isArray(given)) {
      throw new PickleError('it has a tensor that is none')
    }
    return (make as Global).call(given)
  },
}

/** A dictionary from what its class is called with: nothing, pairs or a dictionary. */
function dictionary([given]: readonly unknown[]): Dict {
  const made = new Dict()
  if (given instanceof Dict) for (const [index, key] of given.keys.entries()) made.set(key, given.values[index])
  for (const pair of Array.isArray(given) ? given : []) if (Array.isArray(pair)) made.set(pair[0], pair[1])
  return made
}

const nameOf = (type: unknown): string => (type as Partial<Global> | null | undefined)?.name ?? 'an object'

/**
 * What a file of `torch.save` may name. Calling anything else throws `ERR_UNSUPPORTED`, with what to do in Python; objects of other classes are passed over.
 */
export function environmentOf(source: Source): Environment {
  return {
    find(name) {
      const own = Object.hasOwn(known, name) ? known[name] : undefined
      if (own) return { name, call: own }
      const [, storage] = /^torch(?:\.cuda)?\.(\w+)Storage$/.exec(name) ?? []
      if (storage !== undefined && Object.hasOwn(storages, storage)) return new StorageType(name, storages[storage])
      if (/^torch(\.storage)?\.UntypedStorage$/.test(name)) return new StorageType(name, undefined)
      if (inert.test(name)) return { name, call: () => new Inert(name) }
      if (arrays.test(name)) return { name, call: () => new Inert(name, true) }
      if (/^copy_?reg\._reconstructor$/.test(name)) return { name, call: ([type]) => new Inert(nameOf(type), true) }
      const call = () => {
        throw refused(source, name)
      }
      return { name, call, object: () => new Inert(name, true) }
    },
    persistent: storageOf,
  }
}

/** The error for a name that means nothing here. */
export function refused(source: Source, name: string): SeqloomError {
  const [what, how] = name.startsWith('__torch__')
    ? ['a TorchScript module', 'torch.save(torch.jit.load(path).state_dict(), path)']
    : name.startsWith('numpy')
      ? ['an array of NumPy', 'torch.save({name: torch.tensor(array) …}, path)']
      : ['neither a tensor nor a container', 'torch.save(model.state_dict(), path)']
  return source.unsupported(
    `it needs '${name}', which is ${what}. Nothing in a file is called; in Python, ${how} writes what can be read`,
  )
}
