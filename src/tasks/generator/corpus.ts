import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Dataset } from '../../data/dataset.js'
import { TokenFile } from '../../data/tokens/tokenFile.js'
import { writeTokens } from '../../data/tokens/write.js'
import { describe, isInstance, SeqloomError } from '../../errors.js'
import type { Tokenizer } from '../../text/tokenizer.js'
import type { RowStream } from '../shared/rows.js'
import { survey } from '../shared/survey.js'

/**
 * What a generator learns from: a text, texts that come one after another, such as the lines of `data.text`, or the
 * tokens that `data.writeTokens` wrote.
 */
export type TrainingText = string | RowStream<string> | TokenFile

/** Whether tokens in a file were given. */
export const isTokens = (text: unknown): text is TokenFile => isInstance(text, TokenFile)

/** Throws `ERR_DATA`, naming the text, unless all are texts. */
export function checkTextRows(where: string, texts: readonly unknown[]): void {
  const wrong = texts.findIndex((text) => typeof text !== 'string')
  if (wrong < 0) return
  throw new SeqloomError('ERR_DATA', `${where}: text ${wrong} must be a string, not ${describe(texts[wrong])}`)
}

/** Begins a line with each text that comes after another, unless that ended its own. */
function onLines(): (text: string) => string {
  let begun = true
  return (text) => {
    const whole = begun ? text : `\n${text}`
    begun = text.endsWith('\n')
    return whole
  }
}

/** Texts as one, each on lines of its own. */
export const joined = (texts: readonly string[]): string => texts.map(onLines()).join('')

/** Some of the texts from before the last share of them, drawn at random, as one text. `ERR_DATA` for what is no text. */
export async function sampleOf(
  where: string,
  texts: Dataset<string>,
  share: number,
  seed: number,
  signal: AbortSignal | undefined,
): Promise<string> {
  const { sample, rows } = await survey(
    texts.map((text, at) => ({ text, at })),
    {
      check: (some) =>
        checkTextRows(
          where,
          some.map(({ text }) => text),
        ),
      keyOf: ({ text }) => text,
      ...{ share: 0, seed, signal },
    },
  )
  return joined(sample.filter(({ at }) => at < rows * (1 - share)).map(({ text }) => text))
}

/** A file of tokens for the time being. */
export interface Corpus {
  readonly tokens: TokenFile
  close(): Promise<void>
}

/** Writes texts as tokens into a file for the time being; tokens that are in a file already stay where they are. */
export async function corpusOf(
  where: string,
  given: Dataset<string> | TokenFile,
  tokenizer: Tokenizer,
  signal: AbortSignal | undefined,
): Promise<Corpus> {
  if (isTokens(given)) {
    if (given.isOf(tokenizer)) return { tokens: given, close: async () => undefined }
    throw new SeqloomError('ERR_DATA', `${where}: ${given.path} was written with another tokenizer`)
  }
  const file = join(tmpdir(), `seqloom-${randomUUID()}.tokens`)
  const line = onLines()
  const texts = given.map((text) => (typeof text === 'string' ? line(text) : text))
  const tokens = await writeTokens(texts, { tokenizer, file, separator: '', ...(signal && { signal }) })
  return { tokens, close: () => rm(file, { force: true }) }
}
