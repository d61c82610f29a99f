import { SeqloomError } from '../errors.js'
import type { Written } from '../tasks/decoding/decoder.js'
import { oneLine, print, printJson } from './output.js'

/** The options of commands that write texts by beam search. */
export interface WritingOptions {
  readonly model: string
  readonly beam: number
  readonly best: number
  readonly lengthPenalty: number
  readonly maxLength?: number
  readonly attentionMap?: string
  readonly force: boolean
  readonly encoding?: string
  readonly json: boolean
  readonly threads?: number
}

/** The same as options of a task; `ERR_OPTION` for a map of other than one thing. */
export function writing(options: WritingOptions, given: number, what: string, signal: AbortSignal) {
  const { beam, best, lengthPenalty, maxLength, attentionMap } = options
  if (attentionMap !== undefined && given !== 1) {
    throw new SeqloomError('ERR_OPTION', `--attention-map draws one ${what}; ${given} were given`)
  }
  return {
    ...{ beamWidth: beam, nBest: best, lengthPenalty, signal, alignments: attentionMap !== undefined },
    ...(maxLength !== undefined && { maxLength }),
  }
}

/** Prints a text that was written, and its alternatives with their scores; as JSON under `name`, between what it is about and what is known besides. */
export function show(
  about: Readonly<Record<string, string>>,
  name: string,
  written: Written & { readonly alternatives?: readonly Written[] },
  besides: object,
  json: boolean,
): void {
  const found: readonly Written[] = [written, ...(written.alternatives ?? [])]
  if (json) {
    const [first, ...others] = found.map(({ text, score, logProbability, finished }) => ({
      ...{ [name]: text, score, log_probability: logProbability, finished },
    }))
    printJson({ ...about, ...first, ...(others.length > 0 && { alternatives: others }), ...besides })
    return
  }
  for (const { text, score } of found) {
    print(found.length > 1 ? `${score.toFixed(4)}\t${oneLine(text)}` : oneLine(text))
  }
}
