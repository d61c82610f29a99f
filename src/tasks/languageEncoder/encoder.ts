import type { TensorLike } from '../../data/tensor.js'
import { SeqloomError } from '../../errors.js'
import { Bidirectional } from '../../layers/bidirectional.js'
import { Dense } from '../../layers/dense.js'
import { Embedding } from '../../layers/embedding.js'
import type { AnyLayer } from '../../layers/layer.js'
import { Recurrence } from '../../layers/recurrence.js'
import { Vocabulary } from '../shared/vocabulary.js'
import type { LanguageEncoderSettings } from './options.js'
import type { Tokens } from './reading.js'
import type { LanguageEncoderParts } from './saved.js'

/** What of a language encoder other tasks begin with. */
export interface EncoderParts {
  readonly settings: Pick<LanguageEncoderSettings, 'cell' | 'bidirectional' | 'layers' | 'units' | 'embedding'>
  readonly objective: LanguageEncoderSettings['objective']
  readonly tokens: Tokens
  /** The units that its tokenizer cuts texts into, if that was built from texts. */
  readonly unit: LanguageEncoderSettings['tokens']
  /** Whether its tokens are words. */
  readonly words: boolean
  /** Whether they are in lower case. */
  readonly lowercase: boolean
  /** The tokens' vectors. */
  readonly table: TensorLike
  /** The weights of each recurrent layer. */
  readonly recurrent: readonly (readonly TensorLike[])[]
  /** The weights of the layers that predict: of a projection, if there is one, and of the output. */
  readonly head: readonly (readonly TensorLike[])[]
}

/** The layers that read tokens. */
export const embeddingsIn = (layers: readonly AnyLayer[]): AnyLayer[] =>
  layers.filter((layer) => layer instanceof Embedding)

/** The recurrent layers, in order. */
export const recurrentIn = (layers: readonly AnyLayer[]): AnyLayer[] =>
  layers.filter((layer) => layer instanceof Bidirectional || layer instanceof Recurrence)

/** The layers that make scores of states. */
export const denseIn = (layers: readonly AnyLayer[]): AnyLayer[] => layers.filter((layer) => layer instanceof Dense)

/** A copy of what other tasks begin with; `ERR_UNSUPPORTED` if its weights are int8. */
export function encoderOf(
  where: string,
  { model, tokens, words }: LanguageEncoderParts,
  { cell, bidirectional, layers, units, embedding, objective, tokens: unit }: LanguageEncoderSettings,
): EncoderParts {
  if (model.engine.quantized) {
    throw new SeqloomError('ERR_UNSUPPORTED', `${where}: its weights are int8; give the encoder before quantize`)
  }
  const all = model.layers as readonly AnyLayer[]
  const weights = (found: readonly AnyLayer[]) => found.map((layer) => layer.getWeights())
  const table = weights(embeddingsIn(all))[0]?.[0] as TensorLike
  return {
    settings: { cell, bidirectional, layers, units, embedding },
    ...{ objective, tokens, unit, words, table },
    lowercase: words && !(tokens instanceof Vocabulary),
    recurrent: weights(recurrentIn(all)),
    head: weights(denseIn(all)),
  }
}
