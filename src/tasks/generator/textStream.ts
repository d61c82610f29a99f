import type { Tokenizer } from '../../text/tokenizer.js'

/** What an unfinished character is decoded to. */
const unfinished = '\ufffd'

/** Turns tokens into text piece by piece, and ends before the first of some strings. */
export class TextStream {
  readonly #tokenizer: Tokenizer
  readonly #stops: readonly string[]
  /** Tokens since a position from which decoding gives whole characters and the right spaces. */
  #tokens: number[]
  /** How many of them are in the text that was returned. */
  #given: number
  /** Text that may be the beginning of a stop string. */
  #held = ''
  #stopped = false

  /** The text continues after `prompt`. */
  constructor(tokenizer: Tokenizer, prompt: Int32Array, stops: readonly string[]) {
    this.#tokenizer = tokenizer
    this.#stops = stops
    this.#tokens = [...prompt.subarray(-8)]
    this.#given = this.#tokens.length
  }

  /** Whether the text has ended before a stop string. */
  get stopped(): boolean {
    return this.#stopped
  }

  /** The text that further tokens complete. */
  push(tokens: Int32Array): string {
    if (this.#stopped) return ''
    this.#tokens.push(...tokens)
    const before = this.#tokenizer.decode(this.#tokens.slice(0, this.#given))
    const now = this.#tokenizer.decode(this.#tokens)
    if (now.endsWith(unfinished) || now.length <= before.length) return ''
    this.#tokens = this.#tokens.slice(Math.max(this.#given, this.#tokens.length - 8))
    this.#given = this.#tokens.length
    return this.#pass(now.slice(before.length))
  }

  /** The rest of the text, at the end. */
  end(): string {
    if (this.#stopped) return ''
    const before = this.#tokenizer.decode(this.#tokens.slice(0, this.#given))
    const rest = this.#tokenizer.decode(this.#tokens).slice(before.length)
    const text = this.#pass(rest) + this.#held
    this.#held = ''
    return text
  }

  #pass(text: string): string {
    const all = this.#held + text
    const ends = this.#stops.map((stop) => all.indexOf(stop)).filter((at) => at >= 0)
    if (ends.length > 0) {
      this.#stopped = true
      this.#held = ''
      return all.slice(0, Math.min(...ends))
    }
    const held = Math.max(0, ...this.#stops.map((stop) => overlap(all, stop)))
    this.#held = all.slice(all.length - held)
    return all.slice(0, all.length - held)
  }
}

/** How many characters at the end of a text are the beginning of another one. */
function overlap(text: string, other: string): number {
  for (let length = Math.min(text.length, other.length - 1); length > 0; length--) {
    if (text.endsWith(other.slice(0, length))) return length
  }
  return 0
}
