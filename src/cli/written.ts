import { Option } from 'commander'
import { SeqloomError } from '../errors.js'
import type { Written } from '../tasks/decoding/decoder.js'
import { writeOptions } from '../tasks/decoding/options.js'
import { answerFlags, checkAnswering } from './answering.js'
import { optionValues } from './flags.js'
import { oneLine, print, printJson } from './output.js'
import { checkPicture } from './pictures.js'
import type { Flags } from './taskCommand.js'

/** The flags of a command that writes about one or more `about`s, and their check; `columns` are those of a table of them. */
export const writeCommand = (what: string, about: string, columns: Readonly<Record<string, string>>) => ({
  options: writeOptions,
  flags: [
    new Option('--attention-map <file>', `draw what each token of a ${what} attends to, as SVG`),
    ...answerFlags(columns, 'replace the file at --out, and one at --attention-map that is not such a drawing'),
  ],
  async check(given: readonly string[], flags: Flags): Promise<void> {
    const { attentionMap: map, force } = flags
    checkAnswering(given, flags)
    if (map === undefined) return
    if (given.length !== 1) {
      throw new SeqloomError('ERR_OPTION', `--attention-map draws one ${about}; ${given.length} were given`)
    }
    await checkPicture(map as string, force as boolean)
  },
})

/** The same flags as options of a task, and the file of a drawing. */
export function writing(flags: Flags, signal: AbortSignal) {
  const { attentionMap, json } = flags
  const map = attentionMap as string | undefined
  return {
    ...{ map, json: json as boolean },
    settings: { ...optionValues(writeOptions, flags), signal, alignments: map !== undefined },
  }
}

/** The flag with which a training makes no backups: they hold no guesses. */
export const unsaved = ({ scheduledSampling = 0 }: Flags): string | undefined =>
  (scheduledSampling as number) > 0 ? '--scheduled-sampling' : undefined

type WithOthers = Written & { readonly alternatives?: readonly Written[] }

/** A written text in columns, the text under `name`, and what else is known; `nested` with its alternatives. */
export function columnsOf(name: string, written: WithOthers, besides: object, nested: boolean): object {
  const [first, ...others] = [written, ...(written.alternatives ?? [])].map(
    ({ text, score, logProbability, finished }) => ({
      ...{ [name]: text, score, log_probability: logProbability, finished },
    }),
  )
  return { ...first, ...(nested && others.length > 0 && { alternatives: others }), ...(nested && besides) }
}

/** Prints a written text, and its alternatives with their scores; as JSON with what it is `about`. */
export function show(
  about: Readonly<Record<string, string>>,
  name: string,
  written: WithOthers,
  besides: object,
  json: boolean,
): void {
  if (json) {
    printJson({ ...about, ...columnsOf(name, written, besides, true) })
    return
  }
  const found: readonly Written[] = [written, ...(written.alternatives ?? [])]
  for (const { text, score } of found) {
    print(found.length > 1 ? `${score.toFixed(4)}\t${oneLine(text)}` : oneLine(text))
  }
}
