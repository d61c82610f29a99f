import type { TensorLike } from '../../data/tensor.js'
import { describe, SeqloomError } from '../../errors.js'
import type { AnyLayer } from '../../layers/layer.js'
import { custom, filePath } from '../../options.js'
import type { Tokenizer } from '../../text/tokenizer.js'
import { type EncoderParts, embeddingsIn, recurrentIn } from '../languageEncoder/encoder.js'
import { LanguageEncoder } from '../languageEncoder/index.js'
import { savedSettings } from './cell.js'
import { optional, type Values } from './option.js'
import type { Unfreezing } from './unfreezing.js'
import { Vocabulary } from './vocabulary.js'

export { denseIn, type EncoderParts } from '../languageEncoder/encoder.js'

/** A language encoder, or the folder of a saved one. */
export type Encoder = LanguageEncoder | string | URL

const values: Values<Encoder> = {
  ...custom(
    'a tasks.LanguageEncoder or the folder of a saved one',
    (value) => value instanceof LanguageEncoder || filePath.accepts(value),
  ),
  type: 'Encoder',
  from: ['Encoder', './shared/encoder.js'],
  flag: { name: '<folder>' },
}

/** The option of tasks that can begin with a language encoder; they say which of its options they then take over. */
export const encoderOption = (taken: string) =>
  optional(
    values,
    `A trained \`LanguageEncoder\`, or the folder of a saved one, whose embedding and recurrent layers the model begins with: ${taken} are those of the encoder.`,
    'none',
  )

/** Reads what is to be begun with. Rejects with `ERR_STATE` before its training, `ERR_UNSUPPORTED`, `ERR_IO`, `ERR_FORMAT`. */
export async function readEncoder(encoder: Encoder): Promise<EncoderParts> {
  if (encoder instanceof LanguageEncoder) return await encoder.encoder()
  const loaded = await LanguageEncoder.load(encoder)
  try {
    return await loaded.encoder()
  } finally {
    await loaded.dispose()
  }
}

/** Throws `ERR_OPTION` for an option that was given and is not that of the encoder. */
export function checkAgrees(where: string, given: object, own: object): void {
  const written = (value: unknown) =>
    typeof value === 'object' ? JSON.stringify(savedSettings({ cell: value })) : value
  for (const [name, value] of Object.entries(own)) {
    const asked = (given as Record<string, unknown>)[name]
    if (asked === undefined || written(asked) === written(value)) continue
    const [what, its] = [asked, value].map((each) => (typeof each === 'object' ? 'another cell' : describe(each)))
    throw new SeqloomError('ERR_OPTION', `${where}: ${name} is ${what}, but its encoder's is ${its}; leave it out`)
  }
}

/** The tokenizer of an encoder of texts; `ERR_OPTION` if it reads arrays of tokens, or another one was given. */
export function encoderTokenizer(
  where: string,
  { tokens, unit }: EncoderParts,
  given: {
    readonly tokenizer?: Tokenizer
    readonly maxVocabulary?: number
    readonly minFrequency?: number
    readonly maxLength?: number
  },
): Tokenizer {
  if (tokens instanceof Vocabulary) {
    throw new SeqloomError(
      'ERR_OPTION',
      `${where}: its encoder has learned arrays of tokens, but reads texts here; train one on texts`,
    )
  }
  const plain = (tokenizer: Tokenizer) => tokenizer.withMaxLength().toString()
  if (given.tokenizer && plain(given.tokenizer) !== plain(tokens)) {
    throw new SeqloomError('ERR_OPTION', `${where}: the tokenizer is not that of its encoder; leave it out`)
  }
  for (const name of ['maxVocabulary', 'minFrequency'] as const) {
    if (given[name] === undefined) continue
    throw new SeqloomError('ERR_OPTION', `${where}: ${name} is given, but the vocabulary is that of its encoder`)
  }
  if (!given.tokenizer) checkAgrees(where, given, { tokens: unit })
  return given.maxLength === undefined ? tokens : tokens.withMaxLength(given.maxLength)
}

/** The words of an encoder; `ERR_OPTION` if its tokens are none. Those of texts are in lower case. */
export function encoderWords(where: string, { tokens, words }: EncoderParts): readonly string[] {
  if (tokens instanceof Vocabulary) return tokens.tokens
  if (words) return tokens.vocabulary().flatMap(({ token, id }) => (id < 2 ? [] : [token]))
  throw new SeqloomError(
    'ERR_OPTION',
    `${where}: the tokens of its encoder are not words; train one on arrays of tokens, or with tokens: 'word'`,
  )
}

/** What a new model reads. */
export interface NewVocabulary {
  readonly vocabulary: Vocabulary
  /** For each of its ids, that of the encoder which it begins with; -1 for words that the encoder does not know. */
  readonly origins: readonly number[]
}

/** An encoder's words and further ones, which begin as their lower case if the encoder knows only that. */
export function encoderVocabulary(where: string, encoder: EncoderParts, further: Vocabulary): NewVocabulary {
  const words = encoderWords(where, encoder)
  const vocabulary = Vocabulary.parse([...new Set([...words, ...further.tokens])])
  const ids = new Map(words.map((word, at) => [word, at + reserved]))
  const others = vocabulary.tokens.map((token) => ids.get(token) ?? ids.get(token.toLowerCase()) ?? -1)
  return { vocabulary, origins: [...Array.from({ length: reserved }, (_, id) => id), ...others] }
}

/** Padding and the unknown word. */
const reserved = 2

/** The layers of a new model that begin with an encoder. */
export interface Beginning {
  /** The embedding; tokens after those of `origins` keep their first vectors. */
  readonly words: AnyLayer
  /** As in {@link NewVocabulary}; what the encoder does not know has the mean vector (arXiv 1801.06146, 3.2). */
  readonly origins: readonly number[]
  /** The recurrent layers, in order; several times if they are there for several inputs. */
  readonly stacks: readonly (readonly AnyLayer[])[]
}

/** The layers that read, of a model with one stack of recurrent layers; its words have the first embedding, or one of that name. */
export function readingLayers(layers: readonly AnyLayer[], origins: readonly number[]): Beginning {
  const tables = embeddingsIn(layers)
  const words = tables.find(({ name }) => name === 'words') ?? tables[0]
  return { words: words as AnyLayer, origins, stacks: [recurrentIn(layers)] }
}

/** The ids of an encoder, as they are. */
export const sameIds = (size: number): number[] => Array.from({ length: size }, (_, id) => id)

/**
 * Puts an encoder's weights into the layers of a new model. What reads further tokens and features keeps its first
 * values. `ERR_UNSUPPORTED` for a cell whose weights do not fit because of further features.
 */
export function beginWith(where: string, { words, origins, stacks }: Beginning, encoder: EncoderParts): void {
  words.setWeights([vectorsFrom(words.getWeights()[0] as TensorLike, encoder, origins)])
  for (const stack of stacks) {
    for (const [at, layer] of stack.entries()) {
      const weights = encoder.recurrent[at] as readonly TensorLike[]
      layer.setWeights(layer.getWeights().map((fresh, index) => grown(where, fresh, weights[index])))
    }
  }
}

/** How the layers that begin with an encoder are trained. */
interface FineTuning {
  readonly unfreezeEvery?: number
  readonly layerDecay?: number
}

/**
 * How the layers that begin with an encoder are trained: the last one first, lower ones slower. Undefined for a model that
 * begins with none; `ERR_OPTION` if something of this was asked for then. `usual` is the default of `unfreezeEvery`.
 */
export function fineTuning(
  where: string,
  beginning: Beginning | undefined,
  { unfreezeEvery = undefined, layerDecay = undefined }: FineTuning,
  usual = 1,
): Unfreezing | undefined {
  if (!beginning) {
    const asked = Object.entries({ unfreezeEvery, layerDecay }).find(([, value]) => value !== undefined)
    if (!asked) return undefined
    throw new SeqloomError('ERR_OPTION', `${where}: ${asked[0]} is for a new model that begins with an encoder`)
  }
  const [every, decay] = [unfreezeEvery ?? usual, layerDecay ?? 1]
  if (every === 0 && decay === 1) return undefined
  const depth = beginning.stacks[0]?.length ?? 0
  const layers = Array.from({ length: depth }, (_, at) =>
    beginning.stacks.flatMap((stack) => stack[depth - 1 - at] ?? []),
  )
  return { groups: [...layers, [beginning.words]], every, decay }
}

function vectorsFrom(own: TensorLike, { table }: EncoderParts, origins: readonly number[]): TensorLike {
  const width = own.shape[1] as number
  const [vectors, given] = [Float32Array.from(own.data as Float32Array), table.data as Float32Array]
  const vectorOf = (id: number) => given.subarray(id * width, (id + 1) * width)
  const known = origins.filter((id) => id >= 0)
  const mean = new Float64Array(width)
  for (const id of known) {
    for (const [at, value] of vectorOf(id).entries()) mean[at] = (mean[at] as number) + value / known.length
  }
  for (const [row, id] of origins.entries()) vectors.set(id >= 0 ? vectorOf(id) : mean, row * width)
  return { data: vectors, shape: own.shape }
}

/** First values with the encoder's in their first rows: what follows belongs to features that it does not read. */
function grown(where: string, fresh: TensorLike, weights: TensorLike | undefined): TensorLike {
  const inner = ({ shape }: TensorLike) => shape.slice(1).join()
  if (!weights || inner(fresh) !== inner(weights) || (fresh.shape[0] as number) < (weights.shape[0] as number)) {
    throw new SeqloomError(
      'ERR_UNSUPPORTED',
      `${where}: with further features, the cell has weights of other shapes than that of its encoder; use another cell, or no features and characters`,
    )
  }
  const data = Float32Array.from(fresh.data as Float32Array)
  data.set(weights.data as Float32Array)
  return { data, shape: fresh.shape }
}
