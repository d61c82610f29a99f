import { Option } from 'commander'
import { SeqloomError } from '../errors.js'
import type { Written } from '../tasks/decoding/decoder.js'
import { writeOptions } from '../tasks/decoding/options.js'
import { optionValues, text } from './flags.js'
import { oneLine, print, printJson } from './output.js'
import { checkPicture } from './pictures.js'
import type { Flags } from './taskCommand.js'

/** The flags of a command that writes about one or more `about`s, and their check. */
export const writeCommand = (what: string, about: string) => ({
  options: writeOptions,
  flags: [
    new Option('--attention-map <file>', `draw what each token of a ${what} attends to, as SVG`),
    new Option('--force', 'replace a file that is not such a drawing').default(false),
    text(),
  ],
  async check(given: readonly string[], { attentionMap: map, force }: Flags): Promise<void> {
    if (map === undefined) return
    if (given.length !== 1) {
      throw new SeqloomError('ERR_OPTION', `--attention-map draws one ${about}; ${given.length} were given`)
    }
    await checkPicture(map as string, force as boolean)
  },
})

/** The same flags as options of a task, and the file of a drawing. */
export function writing(flags: Flags, signal: AbortSignal) {
  const { attentionMap, encoding, json } = flags
  const map = attentionMap as string | undefined
  return {
    ...{ map, json: json as boolean, encoding: encoding as string | undefined },
    settings: { ...optionValues(writeOptions, flags), signal, alignments: map !== undefined },
  }
}

/** The flag with which a training makes no backups: they hold no guesses. */
export const unsaved = ({ scheduledSampling = 0 }: Flags): string | undefined =>
  (scheduledSampling as number) > 0 ? '--scheduled-sampling' : undefined

/**
 * Prints a written text, and its alternatives with their scores. As JSON, it is under `name`, between what it is about
 * and what else is known.
 */
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
