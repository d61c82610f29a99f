import { types } from 'node:util'
import type { Tensor } from '../../data/tensor.js'
import { describe, SeqloomError, visible } from '../../errors.js'
import { readNamed } from '../../files.js'
import type { Model, Prediction } from '../../model/index.js'
import { isPath, pathOf } from '../../path.js'
import { warn } from '../../warn.js'
import { Unmapped } from '../format.js'
import { type Group, isHdf5, readHdf5 } from '../hdf5/index.js'
import { isZip, openKerasArchive, parsed } from './archive.js'
import type { Dialect } from './classes.js'
import { type Built, type Entry, modelOf } from './graph.js'
import { kerasObject, type Origin } from './saved.js'
import { assign, type SavedWeight } from './weights.js'

/**
 * Loads a model saved by Keras: a `.keras` file, or a whole model in an `.h5` file of Keras 2 or 3. Layers,
 * connections, masks and weights are kept. Whatever matters only in training (regularizers, constraints, recurrent
 * dropout) is left out with a warning, and the model is not compiled. Nothing in the file is executed. Rejects with
 * `ERR_IO`, with `ERR_FORMAT` for a damaged file, with `ERR_UNSUPPORTED` naming everything that cannot be mapped, and
 * with `ERR_OPTION`.
 */
export async function loadKeras<Out extends Prediction = Tensor>(
  file: string | URL | Uint8Array | ArrayBuffer,
): Promise<Model<Out>> {
  const [bytes, where] = await bytesOf(file)
  if (isZip(bytes)) {
    const { config, weights, version } = await openKerasArchive(where, bytes)
    const root = readHdf5(weights, `${where}: model.weights.h5`)
    const find: Finder = ({ parts }) => parts.flatMap((part) => numbered(groupAt(root, part.path)))
    return (await made(where, config, programOf(version, 'keras3'), find)) as Model<Prediction> as Model<Out>
  }
  if (isHdf5(bytes)) {
    const root = readHdf5(bytes, where)
    const [config] = root.texts('model_config') ?? []
    if (config === undefined) {
      throw new SeqloomError('ERR_FORMAT', `${where} holds weights without a model; save the whole model`)
    }
    const program = programOf(root.texts('keras_version')?.[0], 'keras2')
    const weights = root.groups.get('model_weights') ?? root
    // The weights of a model within the model stand one after the other.
    const left = new Map<string, SavedWeight[]>()
    const find: Finder = ({ owner }, count) => {
      const all = left.get(owner) ?? namedWeights(weights, owner, where)
      left.set(owner, all.slice(count))
      return all.slice(0, count)
    }
    const read = parsed(`${where}: model_config`, config)
    return (await made(where, read, program, find)) as Model<Prediction> as Model<Out>
  }
  throw new SeqloomError('ERR_FORMAT', `${where} is neither a .keras nor an .h5 file`)
}

/** Which program a file is of, by the version that it says. */
function programOf(version: unknown, unsaid: Dialect): Dialect {
  if (typeof version !== 'string') return unsaid
  return Number.parseInt(version, 10) < 3 ? 'keras2' : 'keras3'
}

async function bytesOf(file: unknown): Promise<[bytes: Uint8Array, where: string]> {
  if (types.isUint8Array(file)) return [file, 'the bytes']
  if (types.isArrayBuffer(file)) return [new Uint8Array(file), 'the bytes']
  if (!isPath(file) && typeof file !== 'string') {
    throw new SeqloomError(
      'ERR_OPTION',
      `interop.loadKeras: expected the path of a file or its bytes, not ${describe(file)}`,
    )
  }
  const path = pathOf('interop.loadKeras: the file', file)
  return [await readNamed(path), path]
}

/** Finds the weights of an entry, of which ours has `count`. */
export type Finder = (entry: Entry, count: number) => readonly SavedWeight[]

/** The model that a description says, with the weights found. */
export async function made(where: string, config: unknown, dialect: Dialect, find: Finder): Promise<Model> {
  const origin: Origin = { where, dialect, problems: new Unmapped(), leftOut: [] }
  const built = modelOf(kerasObject(where, config), origin)
  try {
    if (built !== undefined) await assign(built, find, origin)
    origin.problems.check(`${where}: cannot be mapped`, 'ERR_UNSUPPORTED')
  } catch (error) {
    built?.model.dispose()
    throw error
  }
  if (origin.leftOut.length > 0) {
    const all = visible(origin.leftOut.join(', '))
    warn('WARN_LEFT_OUT', `${where}: left out, since it only matters in training: ${all}`)
  }
  // Where there is no model, there are problems.
  return (built as Built).model
}

function groupAt(root: Group, path: readonly string[]): Group | undefined {
  // Keras 2 calls some of them private.
  return path.reduce<Group | undefined>((group, name) => group?.groups.get(name) ?? group?.groups.get(`_${name}`), root)
}

/**
 * The variables of a layer in a Keras 3 file, `vars/0`, `vars/1`, …; without those of a generator of random numbers,
 * which lie in a group below.
 */
function numbered(group: Group | undefined): SavedWeight[] {
  const variables = group?.groups.get('vars')?.datasets ?? new Map()
  return Array.from({ length: variables.size }, (_, index) => variables.get(String(index))).filter(
    (each): each is SavedWeight => each !== undefined,
  )
}

/** The weights of a layer in an older file, in the order of its attribute `weight_names`. */
function namedWeights(weights: Group, layer: string, where: string): SavedWeight[] {
  const group = weights.groups.get(layer)
  const names = group === undefined ? [] : listedTexts(group, 'weight_names')
  return names.map((name) => {
    const path = name.split('/')
    const found = group && groupAt(group, path.slice(0, -1))?.datasets.get(path.at(-1) as string)
    if (found === undefined)
      throw new SeqloomError('ERR_FORMAT', `${where}: the weight '${name}' of '${layer}' is missing`)
    return found
  })
}

/** A list of texts; one too long for an attribute stands in several with numbers. */
function listedTexts(group: Group, name: string): readonly string[] {
  const whole = group.texts(name)
  if (whole !== undefined) return whole
  const texts: string[] = []
  for (let part = 0; ; part++) {
    const some = group.texts(`${name}${part}`)
    if (some === undefined) return texts
    for (const text of some) texts.push(text)
  }
}
