import { writeFile } from 'node:fs/promises'
import { configure } from '../engine.js'
import { SeqloomError } from '../errors.js'
import { type Alignment, type Translation, Translator } from '../tasks/index.js'
import { attentionMap } from './attentionMap.js'
import { interruptible } from './interrupt.js'
import { oneLine, print, printJson } from './output.js'
import { inBatches, lines } from './texts.js'

/** The options of `seqloom translate`. */
export interface TranslateCommandOptions {
  readonly model: string
  readonly beam: number
  readonly best: number
  readonly lengthPenalty: number
  readonly maxLength?: number
  readonly attentionMap?: string
  readonly json: boolean
  readonly threads?: number
}

/** Translates the texts given, or the lines of standard input, and prints one line for each. */
export async function translate(texts: readonly string[], options: TranslateCommandOptions): Promise<void> {
  if (options.threads !== undefined) configure({ threads: options.threads })
  const { beam, best, lengthPenalty, maxLength, attentionMap: map, json } = options
  if (map !== undefined && texts.length !== 1) {
    throw new SeqloomError('ERR_OPTION', `--attention-map draws one text; ${texts.length} were given`)
  }
  await interruptible(async (signal) => {
    const translator = await Translator.load(options.model)
    for await (const batch of texts.length > 0 ? inBatches(texts) : lines(process.stdin, signal)) {
      const translations = await translator.translate(batch, {
        ...{ beamWidth: beam, nBest: best, lengthPenalty, signal, alignments: map !== undefined },
        ...(maxLength !== undefined && { maxLength }),
      })
      for (const [index, translation] of translations.entries()) show(batch[index] as string, translation, json)
      const alignment = translations[0]?.alignment
      if (map !== undefined && alignment) await draw(map, alignment)
    }
  })
}

function show(source: string, translation: Translation, json: boolean): void {
  const found = [translation, ...(translation.alternatives ?? [])]
  if (json) {
    const [first, ...others] = found.map(({ text, score, logProbability, finished }) => ({
      ...{ translation: text, score, log_probability: logProbability, finished },
    }))
    const { alignment } = translation
    printJson({
      ...{ text: source, ...first },
      ...(others.length > 0 && { alternatives: others }),
      ...(alignment && { alignment }),
    })
    return
  }
  for (const { text, score } of found) {
    print(found.length > 1 ? `${score.toFixed(4)}\t${oneLine(text)}` : oneLine(text))
  }
}

async function draw(path: string, alignment: Alignment): Promise<void> {
  try {
    await writeFile(path, attentionMap(alignment))
  } catch (error) {
    throw new SeqloomError('ERR_IO', `cannot write ${path}: ${(error as Error).message}`, { cause: error })
  }
}
