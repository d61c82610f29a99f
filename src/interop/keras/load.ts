import type { Tensor } from '../../data/tensor.js'
import { isInstance, SeqloomError, visible } from '../../errors.js'
import { Model, type Prediction } from '../../model/model.js'
import { checkOptions, custom } from '../../options.js'
import { warn } from '../../warn.js'
import { type Source, Unmapped } from '../format.js'
import { type Group, isHdf5, readHdf5 } from '../hdf5/index.js'
import { isZip, openKerasArchive, parsed } from './archive.js'
import type { Dialect } from './classes.js'
import { fill } from './existing.js'
import { withFile } from './file.js'
import { type Built, type Entry, modelOf } from './graph.js'
import { kerasObject, type Origin } from './saved.js'
import { namedWeights, numberedWeights } from './stored.js'
import { withVocabularies } from './vocabularies.js'
import { assign, type Finder, type SavedWeight } from './weights.js'

/** Options of `loadKeras`. */
export interface LoadKerasOptions<Out extends Prediction = Tensor> {
  /** A model whose weights are replaced by those of the file, instead of making one. */
  readonly model?: Model<Out>
}

/**
 * Loads a model saved by Keras: a `.keras` file, or a whole model in an `.h5` file of Keras 2 or 3. Layers,
 * connections, masks and weights are kept. Whatever matters only in training (regularizers, constraints, recurrent
 * dropout) is left out with a warning, and the model is not compiled. Nothing in the file is executed.
 *
 * With `model`, only the weights are read, also from files that hold nothing else (`.weights.h5`, and `.h5` of Keras
 * 2's `save_weights`), and that model is returned. Layers get the weights of those with the same names if all names are
 * the same, else in order, as in Keras; all weights are replaced or none, also if reading the file fails half way.
 *
 * Rejects with `ERR_IO`, with `ERR_FORMAT` for a damaged file and for weights that do not fit, naming all of them, with
 * `ERR_UNSUPPORTED` naming everything that cannot be mapped, and with `ERR_OPTION`.
 */
export async function loadKeras<Out extends Prediction = Tensor>(
  file: string | URL | Uint8Array | ArrayBuffer,
  options: LoadKerasOptions<Out> = {},
): Promise<Model<Out>> {
  checkOptions('interop.loadKeras', options, { accepted: { model: custom('a model', (v) => isInstance(v, Model)) } })
  return await withFile('interop.loadKeras', file, async (source, head) => {
    const loaded = await loadedFrom(source, head, options.model as Model<Prediction> | undefined)
    return loaded as Model<Prediction> as Model<Out>
  })
}

async function loadedFrom(source: Source, head: Uint8Array, model: Model<Prediction> | undefined): Promise<Model> {
  const { where } = source
  const opened = await open(source, head)
  const { program, isLikely = false } = opened
  const origin: Origin = { where, dialect: program, isLikely, problems: new Unmapped(), leftOut: [] }
  if (model !== undefined) {
    await fill(model as Model, opened.weights, origin)
    origin.problems.check(`${where} does not fit the model`)
    return model as Model
  }
  if (opened.config === undefined) {
    throw new SeqloomError(
      'ERR_FORMAT',
      `${where} holds weights without a model; give the model that they are of: interop.loadKeras(file, { model })`,
    )
  }
  const { config, weights, isNumbered } = opened
  const finder = (built: Built): Finder =>
    isNumbered
      ? ({ parts }) => numberedWeights(weights, parts)
      : byOwner(built, weights.groups.get('model_weights') ?? weights, where)
  return await made(config, origin, finder)
}

/** What a file holds. */
interface Opened {
  /** Undefined if it holds weights alone. */
  readonly config: unknown
  readonly program: Dialect
  /** Whether the file does not say it. */
  readonly isLikely?: boolean
  readonly weights: Group
  /** Whether weights are kept by classes and numbers, not by name. */
  readonly isNumbered: boolean
}

async function open(source: Source, head: Uint8Array): Promise<Opened> {
  const { where } = source
  if (isZip(head)) {
    const archive = await openKerasArchive(source)
    const { weights, version } = archive
    const root = readHdf5(weights, weights.where)
    const config = await withVocabularies(archive.config, root, archive.assets)
    return { config, program: programOf(version, 'keras3'), weights: root, isNumbered: true }
  }
  if (!isHdf5(head)) throw new SeqloomError('ERR_FORMAT', `${where} is neither a .keras nor an .h5 file`)
  const weights = readHdf5(source, where)
  const [config] = weights.texts('model_config') ?? []
  const version = weights.texts('keras_version')?.[0]
  if (version !== undefined && Number.parseInt(version, 10) < 2) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where} was written by Keras ${visible(version)}, whose layers have other options; load and save it with Keras 2`,
    )
  }
  const isNumbers = config === undefined && weights.groups.has('layers')
  return {
    config: config === undefined ? undefined : parsed(`${where}: model_config`, config),
    program: programOf(version, isNumbers ? 'keras3' : 'keras2'),
    // Files of weights by numbers tell the names of layers if they are of Keras 3, and not one of its first versions.
    isLikely: isNumbers && weights.groups.get('vars')?.texts('name') === undefined,
    weights,
    isNumbered: false,
  }
}

/** Which program a file is of, by the version that it says. */
function programOf(version: unknown, unsaid: Dialect): Dialect {
  if (typeof version !== 'string') return unsaid
  return Number.parseInt(version, 10) < 3 ? 'keras2' : 'keras3'
}

/** The model that a description says, with the weights that `finder` gives for it. */
export async function made(config: unknown, origin: Origin, finder: (built: Built) => Finder): Promise<Model> {
  const { where, problems, leftOut } = origin
  const built = modelOf(kerasObject(where, config), origin)
  try {
    if (built !== undefined) await assign(built, finder(built), origin, true)
    // Layers and functions of one's own are code of Python.
    const instead =
      origin.dialect === 'tfjs'
        ? ''
        : '; a model that is made here takes the weights by interop.loadKeras(file, { model })'
    problems.check(`${where}: cannot be mapped${instead}`, 'ERR_UNSUPPORTED')
  } catch (error) {
    built?.model.dispose()
    throw error
  }
  if (leftOut.length > 0) {
    const all = visible(leftOut.join(', '))
    warn('WARN_LEFT_OUT', `${where}: left out, since it only matters in training: ${all}`)
  }
  // Where there is no model, there are problems.
  return (built as Built).model
}

/**
 * Finds weights by the names of layers. Those of a model within the model stand one after the other under its name:
 * first what training changes, then the rest, such as the statistics of a normalization and the weights of layers that
 * are not trained.
 */
function byOwner({ entries, model }: Built, weights: Group, where: string): Finder {
  const { engine } = model
  const owned = new Map<string, { readonly entry: Entry; readonly at: number; readonly trains: boolean }[]>()
  const found = new Map<Entry, SavedWeight[]>()
  for (const entry of entries) {
    const places = owned.get(entry.owner) ?? []
    owned.set(entry.owner, places)
    found.set(entry, [])
    for (const [at, index] of engine.indicesOf(entry.layer).entries()) {
      places.push({ entry, at, trains: engine.specs[index]?.trainable === true })
    }
  }
  for (const [owner, places] of owned) {
    const last = places.at(-1)
    if (last === undefined) continue
    const saved = namedWeights(weights, owner, where)
    const inOrder = [...places.filter(({ trains }) => trains), ...places.filter(({ trains }) => !trains)]
    for (const [at, weight] of saved.entries()) {
      // Whatever is too much shows.
      const place = inOrder[at] ?? { entry: last.entry, at: found.get(last.entry)?.length ?? 0 }
      const own = found.get(place.entry) as SavedWeight[]
      own[place.at] = weight
    }
  }
  return (entry) => (found.get(entry) as SavedWeight[]).filter((weight) => weight !== undefined)
}
