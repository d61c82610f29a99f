import { SeqloomError } from '../../errors.js'
import { type Saliency, saliency } from '../../inspect/saliency.js'
import { abortSignal, checkOptions, custom, integer, oneOf } from '../../options.js'
import { displayed, showing } from '../../pictures/display.js'
import { checkTexts, type Tokenizer } from '../../text/tokenizer.js'
import { lowercased, words } from '../../text/words.js'
import { checkNotEmpty } from '../shared/rows.js'
import type { ClassifierParts } from './saved.js'

/** Options of {@link TextClassifier.explain}. */
export interface ExplainOptions {
  /** The label to explain; default: the most probable one of each text. */
  readonly label?: string
  /** As for `inspect.saliency`; default `'integratedGradients'`. */
  readonly method?: 'integratedGradients' | 'gradientTimesInput'
  /** As for `inspect.saliency`; default 50. */
  readonly steps?: number
  /** Aborting it makes the call reject with an AbortError. */
  readonly signal?: AbortSignal
}

/** Why a text has a label. */
export interface Explanation {
  /** The label that is explained. */
  readonly label: string
  /** Its probability. */
  readonly probability: number
  /** What the model read, token by token; unknown words as they stand in the text. */
  readonly tokens: readonly string[]
  /** Each token's part: above zero for the label, below zero against it. */
  readonly values: Float32Array
  /** The tokens as coloured words for a terminal. */
  text(options?: { readonly colours?: boolean }): string
  /** The tokens as a picture (SVG). */
  svg(): string
}

/** Explains texts one by one, since the longest would set the work for all. */
export async function explained(
  where: string,
  { model, tokenizer, labels }: ClassifierParts,
  texts: readonly string[],
  options: ExplainOptions,
): Promise<Explanation[]> {
  checkOptions(where, options, {
    accepted: {
      label: custom('one of the labels', (value) => labels.names.includes(value as string)),
      method: oneOf(['integratedGradients', 'gradientTimesInput']),
      steps: integer(1),
      signal: abortSignal,
    },
  })
  checkTexts(where, texts)
  checkNotEmpty(where, texts)
  const { label, ...how } = options
  const chosen = label === undefined ? {} : { class: labels.names.indexOf(label) }
  const ids = await tokenizer.encode(texts, { fillEmpty: true, ...(how.signal && { signal: how.signal }) })
  const found: Explanation[] = []
  for (const [at, row] of ids.entries()) {
    const read = await saliency(model, [row], { ...how, ...chosen })
    found.push(explanation(read, labels.names, tokensOf(tokenizer, texts[at] as string, row)))
  }
  return found
}

/**
 * The tokens of a text, with the text's own words for unknown ones. Vocabularies of other units than words keep their token
 * for what is unknown: there, tokens and words do not stand side by side.
 */
function tokensOf(tokenizer: Tokenizer, text: string, ids: Int32Array): string[] {
  const tokens = Array.from(ids, (id) => tokenizer.idToToken(id) ?? String(id))
  const unknown = tokenizer.unknownId
  const own = unknown !== undefined && ids.includes(unknown) ? words(text) : []
  const isBeside = tokens.every((token, at) => {
    const word = own[at]
    return word !== undefined && (ids[at] === unknown || token === word || token === lowercased(word))
  })
  return isBeside ? tokens.map((token, at) => (ids[at] === unknown ? (own[at] as string) : token)) : tokens
}

function explanation(found: Saliency, labels: readonly string[], tokens: readonly string[]): Explanation {
  const label = labels[found.classes[0] as number]
  if (label === undefined) throw new SeqloomError('ERR_STATE', 'explain: the model has other classes than its labels')
  const made: Explanation = {
    label,
    probability: found.scores[0] as number,
    tokens,
    values: found.values.data.subarray(0, tokens.length),
    text: (options = {}) => found.text({ tokens, ...options }),
    svg: () => found.svg({ tokens }),
  }
  return showing(made, () => displayed(made.svg(), `${label}: ${made.text({ colours: false })}`))
}
