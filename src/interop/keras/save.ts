import { describe, isInstance, SeqloomError } from '../../errors.js'
import { replaceNamed } from '../../files.js'
import { Model } from '../../model/model.js'
import { checkOptions, custom } from '../../options.js'
import { pathOf } from '../../path.js'
import { WrittenGroup, writeHdf5 } from '../hdf5/write.js'
import { packKerasArchive } from './archive.js'
import { type DescribedModel, type DescribedWeight, describeModel, readingValues } from './describe.js'

/** Options of `toKeras`. */
export interface ToKerasOptions {
  /** Which Keras an `.h5` file is for; the others are read by Keras 3 alone. Default 3. */
  readonly version?: 2 | 3
}

/** The version of Keras whose files these are like. */
const versions = { 2: '2.15.0', 3: '3.15.1' } as const

/**
 * Writes a model for Keras, in the form that the file's ending says: `.keras`, the whole model for
 * `keras.saving.load_model`; `.h5`, the same in the older form; `.weights.h5`, the weights alone for
 * `model.load_weights`. Layers keep their names, and weights every bit. How the model is compiled and what initial
 * values it had is not written; what matters only in training and is another thing in Keras is left out with a warning.
 * A file of that name is replaced.
 *
 * Rejects with `ERR_UNSUPPORTED`, naming all layers and options that Keras has not; `ERR_OPTION`, `ERR_IO`,
 * `ERR_STATE`.
 */
export async function toKeras(model: Model, file: string | URL, options: ToKerasOptions = {}): Promise<void> {
  if (!isInstance(model, Model)) {
    throw new SeqloomError('ERR_OPTION', `interop.toKeras: expected a model, not ${describe(model)}`)
  }
  checkOptions('interop.toKeras', options, { accepted: { version: custom('2 or 3', (v) => v === 2 || v === 3) } })
  const { version = 3 } = options
  const path = pathOf('interop.toKeras: the file', file)
  const form = ['.weights.h5', '.h5', '.keras'].find((ending) => path.toLowerCase().endsWith(ending))
  if (form === undefined) {
    throw new SeqloomError(
      'ERR_OPTION',
      `interop.toKeras: the file must end in .keras, .h5 or .weights.h5, which says what is written; got '${path}'`,
    )
  }
  if (version === 2 && form !== '.h5') {
    throw new SeqloomError('ERR_OPTION', `interop.toKeras: version 2 is for .h5 files; Keras 2 reads no other`)
  }
  const described = describeModel(model, version === 2 ? 'keras2' : 'keras3', 'interop.toKeras')
  await readingValues(model, async (valuesOf) => {
    const weights = () =>
      writeHdf5(
        form === '.h5' ? wholeModel(described, valuesOf, versions[version]) : numberedWeights(described, valuesOf),
      )
    await replaceNamed(path, form === '.keras' ? packKerasArchive(described.config, versions[3], weights) : weights())
  })
}

type Values = (weight: DescribedWeight) => Float32Array

const datasetOf = (weight: DescribedWeight, valuesOf: Values) => ({
  shape: weight.shape,
  data: () => valuesOf(weight),
})

/** The weights of Keras 3: in groups named after classes, as variables with numbers. */
function numberedWeights({ layers }: DescribedModel, valuesOf: Values): WrittenGroup {
  const root = new WrittenGroup()
  root.at(['layers'])
  root.at(['vars'])
  for (const { name, groups, weights, variables = {} } of layers) {
    const own = root.at([...groups, 'vars'])
    own.attributes.set('name', name)
    for (const [path, data] of Object.entries(variables)) {
      const [key, ...folders] = path.split('/').reverse() as [string, ...string[]]
      root.at([...groups, ...folders, 'vars']).datasets.set(key, { shape: [data.length], data })
    }
    for (const weight of weights) {
      const { datasets } = root.at([...weight.groups, 'vars'])
      datasets.set(String(datasets.size), datasetOf(weight, valuesOf))
    }
  }
  return root
}

/** A model with its weights by name, as all versions of Keras write it. */
function wholeModel({ config, layers }: DescribedModel, valuesOf: Values, version: string): WrittenGroup {
  const root = new WrittenGroup()
  const all = root.at(['model_weights'])
  for (const { attributes } of [root, all]) {
    attributes.set('keras_version', version)
    // It says how kernels of convolutions are laid out.
    attributes.set('backend', 'tensorflow')
  }
  root.attributes.set('model_config', JSON.stringify(config))
  all.attributes.set(
    'layer_names',
    layers.map(({ name }) => name),
  )
  for (const { name, weights } of [...layers, { name: 'top_level_model_weights', weights: [] }]) {
    const group = all.at(name.split('/'))
    group.attributes.set(
      'weight_names',
      weights.map((weight) => weight.name),
    )
    for (const weight of weights) {
      const names = weight.name.split('/')
      group.at(names.slice(0, -1)).datasets.set(names.at(-1) as string, datasetOf(weight, valuesOf))
    }
  }
  return root
}
