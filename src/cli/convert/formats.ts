import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Option } from 'commander'
import { SeqloomError, visible } from '../../errors.js'
import { cannot, isThere, openNamed } from '../../files.js'
import { refuseLite, refuseSavedModel } from '../../interop/foreign.js'
import * as interop from '../../interop/index.js'
import { tensorsIn } from '../../interop/shards.js'
import { loadFolder, modelFromJSON } from '../../model/index.js'
import type { Model, Prediction } from '../../model/model.js'
import { note } from '../output.js'
import { type OnnxFlags, onnxFlags, onnxModel } from './onnx.js'
import { type PyTorchFlags, pytorchFlags, pytorchModel } from './pytorch.js'
import { onnxruntime, type Runtime } from './sample.js'

/** A model that was read, and what its layers are called in the file. */
export interface Loaded {
  readonly model: Model
  /** Their names by ours; missing where both are the same. */
  readonly names?: Readonly<Record<string, string>>
}

/** What files of a format do not say. */
export interface LoadFlags extends PyTorchFlags, OnnxFlags {}

/** Files or folders that models come in. */
export interface ModelFormat {
  readonly name: string
  /** How the names of such files end; the first one is shown in messages. None for folders. */
  readonly endings: readonly string[]
  /** Whether something with this beginning may be of the format, and whether it is a folder (with its `model.json`'s beginning). */
  recognises(head: Buffer, isFolder: boolean): boolean
  load(path: string, flags: LoadFlags): Promise<Loaded>
  /** The flags that `load` reads. */
  flags?(): Option[]
  /** Writes a model; layers keep their names. */
  save(model: Model, path: string): Promise<void>
  /** For a model that is written: what reads the file again, when the model is there no longer; by default `load`. */
  again?(model: Model): (path: string) => Promise<Model>
  /** The file that says whether something is there already; by default the path. */
  place?(path: string): string
  /** What else runs such files, if it is installed. */
  runtime?(): Runtime | undefined
}

const begins = (head: Buffer, ...bytes: number[]) => bytes.every((byte, index) => head[index] === byte)
const isZip = (head: Buffer) => begins(head, 0x50, 0x4b, 3, 4)

/** All formats, each with what reads and writes it. The first one that recognises a file reads it. */
export const modelFormats: readonly ModelFormat[] = [
  {
    name: 'Seqloom',
    endings: [],
    recognises: (head, isFolder) => isFolder && head.includes('"format": "seqloom"'),
    async load(path) {
      const { model, kind } = await loadFolder(path)
      if (kind.name !== 'model') note(`${path} holds ${kind.words}; its network is read, without what surrounds it`)
      return { model }
    },
    save: (model, path) => model.save(path),
    place: (path) => join(path, 'model.json'),
  },
  {
    name: 'tfjs',
    endings: ['.json'],
    recognises: (head) => begins(head, 0x7b) && head.includes('"modelTopology"'),
    load: async (path) => ({ model: await interop.loadTfjs(path) }),
    save(model, path) {
      const isFile = path.toLowerCase().endsWith('.json')
      if (isFile && basename(path) !== 'model.json') {
        throw new SeqloomError('ERR_OPTION', `'${visible(path)}': for tfjs, it must be called model.json`)
      }
      return interop.toTfjs(model, isFile ? dirname(path) : path)
    },
    place: (path) => (path.toLowerCase().endsWith('.json') ? path : join(path, 'model.json')),
  },
  {
    name: 'ONNX',
    endings: ['.onnx'],
    // Its version comes first.
    recognises: (head) => begins(head, 8),
    load: onnxModel,
    flags: onnxFlags,
    save: (model, path) => interop.toOnnx(model, path),
    runtime: onnxruntime,
  },
  {
    name: 'Keras',
    endings: ['.keras', '.h5', '.hdf5'],
    // The names of a zip archive's first file are behind its header.
    recognises: (head) =>
      begins(head, 0x89, 0x48, 0x44, 0x46) ||
      (isZip(head) && /^(metadata|config)\.json|^model\.w/.test(head.toString('latin1', 30))),
    load: async (path) => ({ model: await interop.loadKeras(path) }),
    save: (model, path) => interop.toKeras(model, path),
  },
  {
    name: 'PyTorch',
    endings: ['.pt', '.pth', '.safetensors'],
    recognises: (head) =>
      isZip(head) ||
      begins(head, 0x80) ||
      head[8] === 0x7b ||
      // The index of several files.
      (begins(head, 0x7b) && head.includes('"weight_map"')),
    load: pytorchModel,
    flags: pytorchFlags,
    save: (model, path) => interop.toPyTorch(model, path),
    again(model) {
      const copy = modelFromJSON<Prediction>(model.toJSON())
      return async (path) => {
        await interop.loadPyTorch(path, { model: copy })
        return copy as Model
      }
    },
  },
]

/** The format of a file or folder that exists, by its beginning. Rejects with `ERR_FORMAT` and `ERR_IO`. */
export async function formatOf(path: string): Promise<ModelFormat> {
  const found = await stat(path).catch((cause) => {
    throw cannot('read', path, cause)
  })
  const isFolder = found.isDirectory()
  await refuseSavedModel(path)
  const [weights] = isFolder && !(await isThere(join(path, 'model.json'))) ? ((await tensorsIn(path)) ?? []) : []
  if (isFolder && weights === undefined && !(await isThere(join(path, 'model.json')))) {
    throw new SeqloomError(
      'ERR_FORMAT',
      `'${visible(path)}' is a folder that holds no model: it has neither a model.json nor weights such as model.safetensors`,
    )
  }
  const head = await headOf(weights ?? (isFolder ? join(path, 'model.json') : path))
  refuseLite(`'${visible(path)}'`, head)
  const format = modelFormats.find((each) => each.recognises(head, isFolder))
  if (format) return format
  throw new SeqloomError('ERR_FORMAT', `${path} holds no model of a format that is read: ${listed}`)
}

/** `ERR_OPTION` for a flag that is for files of another format than the one that is read. */
export function checkFlags(path: string, origin: ModelFormat, given: LoadFlags): void {
  for (const { name, flags } of modelFormats.filter((format) => format !== origin)) {
    const wrong = flags?.().find((flag) => given[flag.attributeName() as keyof LoadFlags] !== undefined)
    if (wrong === undefined) continue
    throw new SeqloomError(
      'ERR_OPTION',
      `${wrong.long} is for files of ${name}; '${visible(path)}' is of ${origin.name}`,
    )
  }
}

/** The format that a path is to be written in: by its ending, or as `named`. `ERR_OPTION`. */
export function formatFor(path: string, named: string | undefined): ModelFormat {
  const lower = path.toLowerCase().replace(/[\\/]+$/, '')
  const ending = /\.[a-z][a-z\d]*$/.exec(lower)?.[0]
  const format = named
    ? modelFormats.find(({ name }) => name.toLowerCase() === named.toLowerCase())
    : modelFormats.find(({ endings }) => (ending ? endings.includes(ending) : endings.length === 0))
  if (format) return format
  throw new SeqloomError(
    'ERR_OPTION',
    `${named === undefined ? `'${visible(path)}'` : `--format ${visible(named)}`}: what is written is ${listed}`,
  )
}

/** `Seqloom (a folder), PyTorch (.pt, .pth)` */
const listed = modelFormats.map(({ name, endings }) => `${name} (${endings.join(', ') || 'a folder'})`).join(', ')

/** The first bytes of a file. */
async function headOf(path: string): Promise<Buffer> {
  const file = await openNamed(path)
  try {
    const head = Buffer.alloc(1024)
    const { bytesRead } = await file.read(head, 0, head.length, 0)
    return head.subarray(0, bytesRead)
  } catch (cause) {
    throw cannot('read', path, cause)
  } finally {
    await file.close()
  }
}
