import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Tensor } from '../../data/tensor.js'
import { describe, SeqloomError } from '../../errors.js'
import { connectionsOf, isInnerModel } from '../../layers/inner.js'
import { TimeDistributed } from '../../layers/timeDistributed.js'
import type { Model, Prediction } from '../../model/index.js'
import { isRecord } from '../../options.js'
import { isPath, pathOf } from '../../path.js'
import { refuseOther, refuseSavedModel } from '../foreign.js'
import { Source, Unmapped } from '../format.js'
import { parsed } from '../keras/archive.js'
import { made } from '../keras/load.js'
import type { Origin } from '../keras/saved.js'
import type { Finder } from '../keras/weights.js'
import { readArtifacts, readDescription, type TfjsSource } from './artifacts.js'
import { bytesOf, bytesOfFiles } from './bytes.js'
import { type TfjsWeight, weightsIn } from './weights.js'

/** The longest description: far more than the layers of any model need. */
const longestDescription = 64 * 2 ** 20

/**
 * Loads a layers model of TensorFlow.js: a `model.json` with its weights beside it, as `model.save('file://…')`,
 * `downloads://` and `tensorflowjs_converter` write it, or the folder that holds them; or what the handler of
 * `tf.io.withSaveHandler` was given. Weights may be in any number of files, also quantised ones. Layers, connections,
 * masks and weights are kept, and what a description does not say is as in TensorFlow.js. Whatever matters only in
 * training is left out with a warning, and the model is not compiled. Nothing in a file is executed.
 *
 * Rejects with `ERR_IO`, with `ERR_FORMAT` for damaged files and for files outside of the folder, with
 * `ERR_UNSUPPORTED` naming everything that cannot be mapped, and for graph models, and with `ERR_OPTION`.
 */
export async function loadTfjs<Out extends Prediction = Tensor>(model: string | URL | TfjsSource): Promise<Model<Out>> {
  const { where, topology, weights } = await opened(model)
  const named = (name: string) => {
    const own = weights.filter((weight) => weight.name.startsWith(`${name}/`))
    // Some converters put the model's name in front.
    return inOrder(own.length > 0 ? own : weights.filter((weight) => weight.name.includes(`/${name}/`)))
  }
  const find: Finder = ({ layer, name }) => {
    const own = named(name)
    if (own.length > 0 || !(layer instanceof TimeDistributed && isInnerModel(layer.layer))) return own
    const inner = connectionsOf(layer.layer)
    return inner.layers.flatMap((each) => named(inner.names.get(each) as string))
  }
  const origin: Origin = { where, dialect: 'tfjs', problems: new Unmapped(), leftOut: [] }
  return (await made(topology, origin, () => find)) as Model<Prediction> as Model<Out>
}

/** The weights of layers in their order, which files need not have: tfjs finds them by name. */
const names = [
  ...['kernel', 'depthwise_kernel', 'pointwise_kernel', 'recurrent_kernel', 'bias'],
  ...['gamma', 'beta', 'moving_mean', 'moving_variance'],
]

/** The weights of one layer in the order of ours: those of each layer within it together, a forward one first. */
function inOrder(weights: readonly TfjsWeight[]): TfjsWeight[] {
  const parts = new Map<string, TfjsWeight[]>()
  for (const weight of weights) {
    const part = weight.name.slice(0, weight.name.lastIndexOf('/'))
    const own = parts.get(part)
    if (own) own.push(weight)
    else parts.set(part, [weight])
  }
  const isBackward = (part: string) => Number(/(^|\/)backward_/.test(part))
  return [...parts]
    .toSorted(([a], [b]) => isBackward(a) - isBackward(b))
    .flatMap(([part, own]) => {
      const place = ({ name }: TfjsWeight) => names.indexOf(name.slice(part.length + 1))
      return own.some((weight) => place(weight) < 0) ? own : own.toSorted((a, b) => place(a) - place(b))
    })
}

interface Opened {
  readonly where: string
  readonly topology: unknown
  readonly weights: readonly TfjsWeight[]
}

async function opened(given: unknown): Promise<Opened> {
  if (typeof given !== 'string' && !isPath(given)) {
    if (!isRecord(given)) {
      throw new SeqloomError(
        'ERR_OPTION',
        `interop.loadTfjs: expected the path of a model.json, or what a save handler is given, not ${describe(given)}`,
      )
    }
    const where = 'the model'
    const { topology, groups, data } = readArtifacts(where, given)
    return { where, topology, weights: weightsIn(where, groups[0]?.specs ?? [], bytesOf(where, data)) }
  }
  const path = pathOf('interop.loadTfjs: the model', given)
  const isFolder = await stat(path)
    .then((found) => found.isDirectory())
    .catch(() => false)
  if (isFolder) await refuseSavedModel(path)
  const file = isFolder ? join(path, 'model.json') : path
  const { topology, groups } = readDescription(`'${file}'`, await jsonOf(file))
  const weights: TfjsWeight[] = []
  for (const { specs, paths } of groups) {
    weights.push(...weightsIn(`'${file}'`, specs, await bytesOfFiles(`'${file}'`, file, paths)))
  }
  return { where: `'${file}'`, topology, weights }
}

/** The JSON of a description. `ERR_IO`, `ERR_FORMAT`. */
export async function jsonOf(file: string): Promise<unknown> {
  const source = await Source.open('interop.loadTfjs: the model', file)
  try {
    if (source.size > longestDescription)
      throw source.malformed(`it has ${source.size} bytes, too many for a description`)
    await refuseOther(source, 'TensorFlow.js')
    return parsed(source.where, Buffer.from(await source.read(0, source.size)).toString('utf8'))
  } finally {
    await source.close()
  }
}
