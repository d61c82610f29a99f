import { stat } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { SeqloomError } from '../errors.js'
import { isThere } from '../files.js'
import type { Source } from './format.js'

// Files that a function does not read: of another program, under a wrong name, or models of TensorFlow that are no
// layers but operations. They are refused with the way to what can be read.

/** The programs whose files are told from each other by how they begin. */
type Program = 'Keras' | 'PyTorch' | 'ONNX' | 'TensorFlow.js'

const readers: Readonly<Record<Program, string>> = {
  Keras: 'interop.loadKeras',
  PyTorch: 'interop.loadPyTorch',
  ONNX: 'interop.loadOnnx',
  'TensorFlow.js': 'interop.loadTfjs',
}

/** The longest beginning by which a program is told. */
const headBytes = 96

/** Whose file it is, and what it looks like; undefined if nothing says so. */
function programOf(head: Buffer): readonly [Program, string] | undefined {
  const begins = (...bytes: number[]) => bytes.every((byte, at) => head[at] === byte)
  if (begins(0x89, 0x48, 0x44, 0x46)) return ['Keras', 'an HDF5 file']
  if (begins(0x50, 0x4b, 3, 4)) {
    const first = head.toString('latin1', 30)
    if (/^(metadata|config)\.json|^model\.w/.test(first)) return ['Keras', 'an archive of Keras']
    return /^[^/]*\/(data\.pkl|\.|byteorder|version)/.test(first) ? ['PyTorch', 'an archive of torch.save'] : undefined
  }
  if (begins(0x80) && (head[1] as number) <= 5) return ['PyTorch', 'a pickle']
  // A length of few bytes, then a description.
  if (head[8] === 0x7b && head.subarray(5, 8).every((byte) => byte === 0)) return ['PyTorch', 'a safetensors file']
  if (begins(0x7b)) return ['TensorFlow.js', 'a text in JSON']
  // A small version, then the producer, its version, a domain or the graph.
  const next = [0x12, 0x1a, 0x22, 0x3a]
  return begins(8) && (head[1] as number) < 32 && next.includes(head[2] as number)
    ? ['ONNX', 'an ONNX model']
    : undefined
}

/** `ERR_FORMAT` for an empty file, and for one that looks like another program's. */
export async function refuseOther(source: Source, own: Program): Promise<void> {
  if (source.size === 0) throw source.malformed('it is empty')
  const head = Buffer.from(await source.read(0, Math.min(headBytes, source.size)))
  const [program, what] = programOf(head) ?? []
  if (program === undefined || program === own) return
  throw new SeqloomError('ERR_FORMAT', `${source.where} is ${what}; ${readers[program]} reads what ${program} writes`)
}

/** `ERR_UNSUPPORTED` for a SavedModel: its folder, or a file in it. */
export async function refuseSavedModel(path: string): Promise<void> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  )
  const isSaved = isFolder
    ? await isThere(join(path, 'saved_model.pb'))
    : ['saved_model.pb', 'keras_metadata.pb'].includes(basename(path))
  if (!isSaved) return
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    `'${path}' is a SavedModel of TensorFlow, whose operations are not known as layers; in Python, model.save('model.keras') of Keras 3 or tf_keras.models.load_model(folder).save('model.h5') of Keras 2 writes what can be read, and python -m tf2onnx.convert --saved-model an ONNX file`,
  )
}

/** `ERR_UNSUPPORTED` for what begins as a file of TensorFlow Lite does. */
export function refuseLite(where: string, head: Uint8Array): void {
  if (Buffer.from(head.subarray(4, 8)).toString('latin1') !== 'TFL3') return
  throw new SeqloomError(
    'ERR_UNSUPPORTED',
    `${where} is a model of TensorFlow Lite, whose operations are not known as layers; load the Keras file that it was made of, or convert it to ONNX with tf2onnx`,
  )
}
