import { SeqloomError, visible } from '../errors.js'
import { isFirst } from '../rank.js'

/** Whether the command is worth finishing when nobody reads what it prints. */
let worthwhile = false

/** Why standard output could not be written, other than because its reader went away. */
let failure: Error | undefined

/** Decides what happens when standard output or stderr cannot be written; to be called once, first of all. */
export function watchOutput(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    const closed = error.code === 'EPIPE' || error.code === 'EOF'
    if (!closed) failure ??= error
    if (worthwhile) return
    // A reader that went away, such as `head`, has all that it wanted.
    if (!closed) note(`seqloom: ERR_IO: cannot write to standard output: ${visible(error.message)}`)
    process.exit(closed ? 0 : 1)
  })
  // What goes there is not a result.
  process.stderr.on('error', () => undefined)
}

/** Lets the command run to its end even if nobody reads what it prints: what it writes to files counts. */
export function goOnUnread(): void {
  worthwhile = true
}

/** Throws `ERR_IO` if printed results are lost, other than to a reader that went away. */
export function checkPrinted(): void {
  if (failure)
    throw new SeqloomError('ERR_IO', `cannot write to standard output: ${failure.message}`, { cause: failure })
}

/**
 * What a terminal obeys: control characters other than line ends and tabs, and direction marks. Joiners are part of
 * texts.
 */
const obeyed = /(?![\n\t])[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu

/** A text that is safe for a terminal: characters that it would obey are escaped. */
export function shown(text: string): string {
  return text.replace(obeyed, visible)
}

/** Prints lines on stdout; of several ranks, rank 0 alone prints. */
export function print(lines: string): void {
  if (!isFirst()) return
  process.stdout.write(`${shown(lines)}\n`)
}

/** Prints one JSON object as a line on stdout. */
export function printJson(row: object): void {
  if (!isFirst()) return
  // JSON does not escape these, but some terminals obey them.
  const text = JSON.stringify(row).replace(/[\x7F-\x9F\p{Bidi_Control}\u2028\u2029]/gu, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
  process.stdout.write(`${text}\n`)
}

/** Prints lines on stderr, for everything that is not a result. */
export function note(lines: string): void {
  if (!isFirst()) return
  process.stderr.write(`${shown(lines)}\n`)
}

/** A text as part of a line: line ends and tabs become spaces. */
export function oneLine(text: string): string {
  return text.replaceAll(/[\r\n\t]+/g, ' ')
}
