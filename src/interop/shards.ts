import { readdir, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { bytesGiven } from '../bytes.js'
import { SeqloomError, visible } from '../errors.js'
import { cannot } from '../files.js'
import { isRecord } from '../options.js'
import { pathOf } from '../path.js'
import { fileBeside } from './beside.js'
import { refuseSavedModel } from './foreign.js'
import { type FileOrBytes, Source, type StoredTensor } from './format.js'
import { formatOf } from './formats.js'

// Large models are stored as several files of tensors, shards, and an index, which says in which of them each tensor
// is: a format of Hugging Face's transformers, `model.safetensors.index.json` or `pytorch_model.bin.index.json`.

/** The named tensors of a file or of several. */
export interface NamedTensors {
  /** The file that was given, or the index. */
  readonly source: Source
  readonly tensors: ReadonlyMap<string, StoredTensor>
  /** Whether they are in the order in which the module has them. */
  readonly keepsOrder: boolean
  close(): Promise<void>
}

const indexEnding = '.index.json'
/** The longest index that is read. */
const mostIndexBytes = 64 << 20
/** More files than any model has. */
const mostShards = 4096
/** What is read of a folder, the first that there is. */
const ranks = [
  (name: string) => name.endsWith(`.safetensors${indexEnding}`),
  (name: string) => name.endsWith(`.bin${indexEnding}`),
  (name: string) => name === 'model.safetensors',
  (name: string) => name === 'pytorch_model.bin',
]

/** `model-00001-of-00003.safetensors` */
const shardName = /^(.*)-(\d{5})-of-(\d{5})(\.[a-z]+)$/i

/**
 * Opens a file of tensors, the index of several, or a folder that has either; `key` says where in a checkpoint they
 * are. What is given back is closed by the caller. Rejects as formats do, and with `ERR_FORMAT` for one shard of
 * several.
 */
export async function openTensors(
  what: string,
  given: FileOrBytes,
  key: readonly string[] | undefined,
): Promise<NamedTensors> {
  const path = bytesGiven(given) ? undefined : await fileOf(pathOf(what, given))
  if (path !== undefined) refuseShard(path)
  const source = await Source.open(what, path ?? given)
  const open = [source]
  const close = async () => {
    for (const each of open) await each.close()
  }
  try {
    const places = await indexIn(source)
    if (places === undefined) {
      const format = await formatOf(source)
      return { source, tensors: await format.read(source, key), keepsOrder: format.keepsOrder, close }
    }
    if (path === undefined) {
      throw new SeqloomError(
        'ERR_OPTION',
        `${what}: it is the index of several files; give its path instead of its bytes, so that they are found`,
      )
    }
    const tensors = new Map<string, StoredTensor>()
    for (const [name, names] of places) {
      const shard = await Source.open(what, await fileBeside(source.where, path, name))
      open.push(shard)
      const stored = await (await formatOf(shard)).read(shard, key)
      for (const tensor of names) {
        const found = stored.get(tensor)
        if (!found) throw source.malformed(`it says that '${name}' has the tensor '${tensor}', which is not there`)
        tensors.set(tensor, found)
      }
    }
    return { source, tensors, keepsOrder: false, close }
  } catch (error) {
    await close()
    throw error
  }
}

/** The file to be read for a path: of a folder, the index or the file of weights in it. `ERR_FORMAT` if it has none, or several. */
async function fileOf(path: string): Promise<string> {
  const found = await tensorsIn(path)
  if (found === undefined) return path
  await refuseSavedModel(path)
  const [only, ...others] = found
  if (only !== undefined && others.length === 0) return only
  const names = ['model.safetensors', 'pytorch_model.bin'].flatMap((name) => [name, `${name}${indexEnding}`])
  throw new SeqloomError(
    'ERR_FORMAT',
    only === undefined
      ? `'${path}' is a folder without weights of PyTorch, which are called ${names.join(', ')}; loadModel reads models of Seqloom, interop.loadTfjs those of TensorFlow.js`
      : `'${path}' has several: ${visible(found.map((each) => `'${basename(each)}'`).join(', '))}; give the path of one`,
  )
}

/** The files of a folder that say where its weights are; undefined for what is no folder. */
export async function tensorsIn(path: string): Promise<readonly string[] | undefined> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
  if (!isFolder) return undefined
  const names = await readdir(path).catch((cause) => {
    throw cannot('read', `'${path}'`, cause)
  })
  const found = ranks.map((is) => names.filter(is)).find((some) => some.length > 0) ?? []
  return found.toSorted().map((name) => join(path, name))
}

/** `ERR_FORMAT` for one of several files that hold a model together. */
function refuseShard(path: string): void {
  const [, stem = '', number, count, ending = ''] = shardName.exec(basename(path)) ?? []
  if (count === undefined || Number(count) < 2) return
  throw new SeqloomError(
    'ERR_FORMAT',
    `'${path}' is part ${Number(number)} of a model in ${Number(count)} files; give the index of all, '${visible(`${stem}${ending}${indexEnding}`)}', or the folder, '${visible(dirname(path))}'`,
  )
}

/** The tensors of each file that an index names; undefined for what is no index. */
async function indexIn(source: Source): Promise<ReadonlyMap<string, readonly string[]> | undefined> {
  const head = await source.read(0, Math.min(1, source.size))
  if (head[0] !== 0x7b) return undefined
  if (source.size > mostIndexBytes) throw source.malformed(`it has ${source.size} bytes, too many for an index`)
  const map = parsed(await source.read(0, source.size))
  if (map === undefined) {
    throw source.malformed('it is no index of files with weights: it has no weight_map of tensors and their files')
  }
  const places = new Map<string, string[]>()
  for (const [tensor, name] of map) {
    const names = places.get(name)
    if (names) names.push(tensor)
    else places.set(name, [tensor])
  }
  if (places.size > mostShards) throw source.malformed(`it names ${places.size} files; there may be ${mostShards}`)
  return places
}

function parsed(bytes: Uint8Array): [string, string][] | undefined {
  let index: unknown
  try {
    index = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    return undefined
  }
  const map = isRecord(index) && isRecord(index.weight_map) ? Object.entries(index.weight_map) : []
  const isMap = map.length > 0 && map.every(([, name]) => typeof name === 'string')
  return isMap ? (map as [string, string][]) : undefined
}
