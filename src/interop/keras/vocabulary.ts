import { SeqloomError, visible } from '../../errors.js'
import { checkOptions, label } from '../../options.js'
import { Tokenizer } from '../../text/tokenizer.js'
import { type Source, Unmapped } from '../format.js'
import { isHdf5, readHdf5 } from '../hdf5/index.js'
import { isZip, openKerasArchive, parsed } from './archive.js'
import { withFile } from './file.js'
import { groupNames } from './layers.js'
import { type KerasObject, kerasObject, listOf } from './saved.js'

/** Options of `loadKerasVocabulary`. */
export interface LoadKerasVocabularyOptions {
  /** The name of the layer; it is needed where a model has several with vocabularies. */
  readonly layer?: string
}

/** Layers that turn texts into ids. */
const isLookup = ({ className }: Pick<KerasObject, 'className'>): boolean =>
  className === 'TextVectorization' || className === 'StringLookup'

/**
 * Reads the vocabulary of a `TextVectorization` or `StringLookup` layer in a `.keras` file (or in an `.h5` file whose
 * layer was given its vocabulary) as a tokenizer that gives the same ids: 0 is padding, 1 is `[UNK]`, and texts are cut
 * at the layer's `output_sequence_length`. A `StringLookup` takes every text as one token.
 *
 * Rejects with `ERR_UNSUPPORTED`, naming all that does not fit (ngrams, other output modes, functions); `ERR_FORMAT` if
 * there is no such layer or no vocabulary; `ERR_OPTION`, `ERR_IO`.
 */
export async function loadKerasVocabulary(
  file: string | URL | Uint8Array | ArrayBuffer,
  options: LoadKerasVocabularyOptions = {},
): Promise<Tokenizer> {
  checkOptions('interop.loadKerasVocabulary', options, { accepted: { layer: label } })
  return await withFile('interop.loadKerasVocabulary', file, (source, head) => tokenizerIn(source, head, options))
}

async function tokenizerIn(source: Source, head: Uint8Array, options: LoadKerasVocabularyOptions): Promise<Tokenizer> {
  const { where } = source
  const { config, assets } = await contentsOf(source, head)
  const model = kerasObject(where, config)
  const objects = listOf(where, `the layers of '${model.name}'`, model.config.layers).map((each) =>
    kerasObject(where, each),
  )
  const groups = groupNames(objects)
  const all = objects.flatMap((object, at) => (isLookup(object) ? [{ object, group: groups[at] as string }] : []))
  const [found, ...others] = all.filter(({ object }) => options.layer === undefined || object.name === options.layer)
  if (found === undefined || others.length > 0) {
    const names = visible(all.map(({ object }) => `'${object.name}'`).join(', ') || 'none')
    throw new SeqloomError(
      'ERR_FORMAT',
      `${where}: the layers with vocabularies are ${names}; choose one with the option layer`,
    )
  }
  const { object, group } = found
  const text = await assets(`assets/layers/${group}/vocabulary.txt`)
  return tokenizerOf(object, text, where)
}

async function contentsOf(source: Source, head: Uint8Array) {
  const { where } = source
  if (isZip(head)) return await openKerasArchive(source)
  if (!isHdf5(head)) throw new SeqloomError('ERR_FORMAT', `${where} is neither a .keras nor an .h5 file`)
  const [config] = readHdf5(source, where).texts('model_config') ?? []
  if (config === undefined) throw new SeqloomError('ERR_FORMAT', `${where} holds no model`)
  return { config: parsed(`${where}: model_config`, config), assets: async () => undefined }
}

function tokenizerOf({ className, name, config }: KerasObject, saved: string | undefined, where: string): Tokenizer {
  const problems = new Unmapped()
  const what = `the ${className} '${name}'`
  const isText = className === 'TextVectorization'
  const allow = (key: string, ...values: readonly unknown[]) => {
    const value = config[key] ?? null
    if (!values.includes(value)) problems.add(`${key} of ${what}: ${JSON.stringify(value)}`)
  }
  allow('output_mode', 'int', null)
  if (isText) {
    allow('standardize', ...Object.keys(standardizations), null)
    allow('split', ...Object.keys(splits), null)
    allow('ngrams', null)
  } else {
    allow('num_oov_indices', 1, null)
    allow('invert', false, null)
  }
  problems.check(`${where}: cannot be mapped`, 'ERR_UNSUPPORTED')
  const mask = isText ? '' : config.mask_token
  const unknown = isText ? '[UNK]' : (config.oov_token ?? '[UNK]')
  const special = [...(typeof mask === 'string' ? [mask] : []), String(unknown)]
  const given = Array.isArray(config.vocabulary) ? config.vocabulary : saved?.split('\n')
  if (given === undefined || !given.every((token) => typeof token === 'string')) {
    throw new SeqloomError('ERR_FORMAT', `${where}: ${visible(what)} has no vocabulary of texts`)
  }
  const tokens = special.every((token, at) => given[at] === token) ? given : [...special, ...given]
  const steps = isText ? (standardizations[config.standardize as string] ?? []) : []
  const split = isText ? splits[config.split as string] : undefined
  const length = config.output_sequence_length
  return Tokenizer.parse(
    JSON.stringify({
      version: '1.0',
      truncation: Number.isInteger(length)
        ? { direction: 'Right', max_length: length, strategy: 'LongestFirst', stride: 0 }
        : null,
      padding:
        typeof mask === 'string'
          ? {
              strategy: 'BatchLongest',
              direction: 'Right',
              pad_to_multiple_of: null,
              pad_id: 0,
              pad_type_id: 0,
              pad_token: mask,
            }
          : null,
      added_tokens: [],
      normalizer: steps.length > 0 ? { type: 'Sequence', normalizers: steps } : null,
      pre_tokenizer: split ?? null,
      post_processor: null,
      decoder: null,
      model: {
        type: 'WordLevel',
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        unk_token: String(unknown),
      },
    }),
    `${where}: the vocabulary of '${visible(name)}'`,
  )
}

const replaced = (pattern: object, content: string) => ({ type: 'Replace', pattern, content })

/** Keras lowercases the letters of ASCII alone. */
const lower = Array.from('ABCDEFGHIJKLMNOPQRSTUVWXYZ', (letter) => replaced({ String: letter }, letter.toLowerCase()))
const stripped = replaced({ Regex: '[!"#$%\\&()*+,\\-./:;<=>?@\\[\\\\\\]\\^_`{|}~\']' }, '')

const standardizations: Readonly<Record<string, readonly object[]>> = {
  lower_and_strip_punctuation: [...lower, stripped],
  lower,
  strip_punctuation: [stripped],
}

const splits: Readonly<Record<string, object>> = {
  // White space of ASCII alone, too.
  whitespace: { type: 'Split', pattern: { Regex: '[ \\t\\n\\x0B\\f\\r]+' }, behavior: 'Removed', invert: false },
  character: { type: 'Split', pattern: { Regex: '(?m:.)' }, behavior: 'Isolated', invert: false },
}
