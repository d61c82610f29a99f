import type { Format, Source, StoredTensor } from '../format.js'
import { contentsOf, directoryOf, type Member } from '../zip.js'
import { type Place, storedTensor } from './elements.js'
import { elementBytes, environmentOf, isStorage, type Storage, type Tensor } from './objects.js'
import { Dict, PickleEnds, PickleError, unpickle } from './pickle.js'
import { stateDictOf } from './stateDict.js'
import { write } from './write.js'

/** The longest pickle that is read; it holds names and shapes, not elements. */
const mostPickleBytes = 32 << 20
/** How much of an old file is read at first to find its pickles. */
const firstBytes = 1 << 18

const magic = 0x1950a86a20f9469cfc6cn

/**
 * What `torch.save` writes: an archive with a pickle and a file for each storage, or, before PyTorch 1.6, pickles followed by storages. Pickles are programs;
 * those here make tensors, containers and numbers, and call nothing.
 */
export const pytorchFile: Format = {
  name: 'PyTorch (.pt, .pth)',
  endings: ['.pt', '.pth'],
  keepsOrder: true,

  recognises: (head) => isArchive(head) || isPickle(head) || isTar(head),

  async read(source, key) {
    const { value, placeOf } = await opened(source)
    return await storedTensors(source, stateDictOf(source, value, key), placeOf)
  },

  write,
}

/** A saved object, and where the elements of its tensors are. */
interface Opened {
  readonly value: unknown
  placeOf(storage: Storage): Promise<Place>
}

/** What is in a file, its tensors without their elements. */
export async function opened(source: Source): Promise<Opened> {
  const head = await source.read(0, Math.min(4, source.size))
  if (isArchive(head)) return await openArchive(source)
  if (isPickle(head)) return await openOld(source)
  throw source.unsupported(
    'it is a tar archive as PyTorch wrote them before 0.1.10; in Python, torch.save(torch.load(path), path) writes what can be read',
  )
}

const isArchive = (head: Uint8Array) => head[0] === 0x50 && head[1] === 0x4b && head[2] === 3 && head[3] === 4
const isPickle = (head: Uint8Array) => head[0] === 0x80 && (head[1] as number) <= 5
const isTar = (head: Uint8Array) => Buffer.from(head.subarray(257, 262)).toString('latin1') === 'ustar'

async function openArchive(source: Source): Promise<Opened> {
  const members = await directoryOf(source)
  const main = [...members.keys()].filter((name) => /^[^/]*\/data\.pkl$/.test(name))
  if (main.length !== 1) {
    const way = wayFrom([...members.keys()])
    throw source.malformed(
      `it is an archive, but not one of PyTorch: it has no data.pkl${way === undefined ? '' : `; ${way}`}`,
    )
  }
  const root = (main[0] as string).replace('data.pkl', '')
  const pickle = members.get(main[0] as string) as Member
  if (pickle.size > mostPickleBytes) throw source.malformed(`its data.pkl has ${pickle.size} bytes`)
  const order = members.get(`${root}byteorder`)
  const isBigEndian = order !== undefined && order.size === 3 && (await textOf(source, order)) === 'big'
  const bytes = await source.read(await plain(source, pickle), pickle.size)
  const { value } = run(source, () => unpickle(bytes, 0, environmentOf(source)))
  return {
    value,
    async placeOf({ key: file }) {
      const member = members.get(`${root}data/${file}`)
      if (!member) throw source.malformed(`its archive has no data/${file}`)
      return { offset: await plain(source, member), size: member.size, isBigEndian }
    },
  }
}

/** What to do with an archive of another kind, if its files tell what it is. */
function wayFrom(names: readonly string[]): string | undefined {
  if (names.some((name) => name === 'model.weights.h5' || name === 'config.json')) {
    return 'interop.loadKeras reads .keras files'
  }
  if (names.every((name) => name.endsWith('.npy'))) {
    return 'it holds arrays of NumPy; in Python, torch.save({name: torch.from_numpy(array) for name, array in numpy.load(path).items()}, path) writes what can be read'
  }
  if (names.some((name) => /(^|\/)(archive_format|serialized_exported_program\.json)$/.test(name))) {
    return 'it is a program of torch.export; in Python, torch.save(dict(torch.export.load(path).state_dict), path) writes what can be read, and torch.onnx.export a model for interop.loadOnnx'
  }
  return undefined
}

const textOf = async (source: Source, member: Member) =>
  Buffer.from(await source.read(await plain(source, member), member.size)).toString('latin1')

/** Where the contents of a file begin, which must be neither compressed nor encrypted. */
async function plain(source: Source, member: Member): Promise<number> {
  if (member.method === 'stored') return await contentsOf(source, member)
  throw source.unsupported('its archive is compressed or encrypted; torch.save and interop.toPyTorch write plain ones')
}

/** The form without an archive: a number that says so, a version, facts of the machine, the object, the storages' keys; then the storages. */
async function openOld(source: Source): Promise<Opened> {
  const { facts, saved, keys, end, known } = await pickles(source)
  const isBigEndian = facts instanceof Dict && facts.get('little_endian') === false
  const places = new Map<string, Place>()
  let at = end
  for (const each of keys) {
    const storage = known.get(each as string)
    const size = storage && elementBytes[storage.dtype ?? '']
    if (!storage || size === undefined || places.has(storage.key)) {
      throw source.malformed('its list of storages is not that of its tensors')
    }
    const head = Buffer.from((await source.read(at, 8)).buffer)
    const count = Number(isBigEndian ? head.readBigInt64BE() : head.readBigInt64LE())
    const place = { offset: at + 8, size: count * size, isBigEndian }
    if (count < 0 || place.offset + place.size > source.size) throw source.malformed('it ends too early')
    places.set(storage.key, place)
    at = place.offset + place.size
  }
  return {
    value: saved,
    async placeOf(storage) {
      const place = places.get(storage.key)
      if (!place) throw source.malformed('it has tensors whose elements are not in its list of storages')
      return place
    },
  }
}

/** The pickles of a file of the old form, and the storages that they name. Nothing says how long they are, so more is read until they are whole. */
async function pickles(source: Source) {
  for (let length = Math.min(firstBytes, source.size); ; length = Math.min(2 * length, source.size)) {
    const bytes = await source.read(0, length)
    const plain = environmentOf(source)
    const known = new Map<string, Storage>()
    const environment = {
      ...plain,
      persistent(id: unknown) {
        const found = plain.persistent(id)
        if (isStorage(found)) known.set(found.key, found)
        return found
      },
    }
    let end = 0
    const next = () => {
      const found = unpickle(bytes, end, environment)
      end = found.end
      return found.value
    }
    try {
      if (next() !== magic) {
        throw source.malformed(
          'it is a pickle that torch.save did not write; in Python, torch.save(model.state_dict(), path) writes one that can be read',
        )
      }
      const [, facts, saved, keys] = [next(), next(), next(), next()]
      if (!Array.isArray(keys)) throw source.malformed('it has no list of storages')
      return { facts, saved, keys: keys as unknown[], end, known }
    } catch (error) {
      if (error instanceof PickleEnds && length < source.size && length < mostPickleBytes) continue
      throw told(source, error)
    }
  }
}

/** The tensors of a state dict. Where each storage is, is asked once. */
async function storedTensors(
  source: Source,
  tensors: ReadonlyMap<string, Tensor>,
  placeOf: (storage: Storage) => Promise<Place>,
): Promise<Map<string, StoredTensor>> {
  const places = new Map<string, Place>()
  const stored = new Map<string, StoredTensor>()
  for (const [name, tensor] of tensors) {
    const place = places.get(tensor.storage.key) ?? (await placeOf(tensor.storage))
    places.set(tensor.storage.key, place)
    stored.set(name, storedTensor(source, name, tensor, place))
  }
  return stored
}

function run<T>(source: Source, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw told(source, error)
  }
}

const told = (source: Source, error: unknown) =>
  error instanceof PickleError ? source.malformed(`its pickle is damaged: ${error.message}`) : error
