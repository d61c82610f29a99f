import { isRecord } from '../../options.js'
import type { Group } from '../hdf5/index.js'
import { groupNames } from './layers.js'
import { groupAt } from './stored.js'

const lookups: readonly unknown[] = ['TextVectorization', 'StringLookup', 'IntegerLookup']

/** Models within models, at most so deep. */
const deepest = 16

/** A description whose layers with learned vocabularies say them, as those with given ones do: a file keeps them beside it. */
export async function withVocabularies(
  config: unknown,
  weights: Group,
  assets: (path: string) => Promise<string | undefined>,
  path: readonly string[] = [],
): Promise<unknown> {
  if (!isRecord(config) || !isRecord(config.config) || path.length > 2 * deepest) return config
  const { layers } = config.config
  if (Array.isArray(layers)) {
    // What is no name is refused where the layer is made.
    const classes = layers.map((each) => ({
      className: isRecord(each) && typeof each.class_name === 'string' ? each.class_name : '',
    }))
    const groups = groupNames(classes)
    const made: unknown[] = []
    for (const [at, layer] of layers.entries()) {
      made.push(await withVocabularies(layer, weights, assets, [...path, 'layers', groups[at] as string]))
    }
    return { ...config, config: { ...config.config, layers: made } }
  }
  if (!lookups.includes(config.class_name)) return config
  const { vocabulary, idf_weights: factors } = config.config
  const text = Array.isArray(vocabulary) ? undefined : await assets(['assets', ...path, 'vocabulary.txt'].join('/'))
  const lines = text?.split('\n')
  while (lines?.at(-1) === '') lines.pop()
  const learned =
    lines && lines.length > 0 ? (config.class_name === 'IntegerLookup' ? lines.map(Number) : lines) : undefined
  const stored = groupAt(weights, [...path, 'vars'])?.datasets.get('idf_weights')
  const isMissing = config.config.output_mode === 'tf_idf' && !Array.isArray(factors)
  const idf = isMissing && stored ? Array.from(await stored.floats()) : undefined
  if (!learned && !idf) return config
  const size = (learned ?? (Array.isArray(vocabulary) ? vocabulary : [])).length
  return {
    ...config,
    config: {
      ...config.config,
      ...(learned && { vocabulary: learned }),
      ...(idf && { idf_weights: idf.slice(0, size) }),
    },
  }
}
