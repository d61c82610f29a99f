import { SeqloomError } from '../../errors.js'

/** How many characters of a token are read: of a longer one, half from its beginning and half from its end. */
export const longestToken = 20

/** The characters that are told apart: id 0 is the room after a token, id 1 any other character. */
export class Characters {
  readonly #ids: ReadonlyMap<string, number>

  private constructor(readonly all: readonly string[]) {
    this.#ids = new Map(all.map((character, at) => [character, at + 2]))
  }

  /** The characters of tokens, by code point. */
  static of(sequences: Iterable<readonly string[]>): Characters {
    const found = new Set<string>()
    for (const tokens of sequences) for (const token of tokens) for (const character of token) found.add(character)
    return new Characters([...found].sort())
  }

  /** Reads what was saved of {@link all}; `ERR_FORMAT` for anything else. */
  static parse(saved: unknown): Characters {
    if (Array.isArray(saved) && saved.every((c) => typeof c === 'string') && new Set(saved).size === saved.length) {
      return new Characters(saved)
    }
    throw new SeqloomError('ERR_FORMAT', 'reading.json: characters must be an array of different strings')
  }

  /** How many ids there are. */
  get size(): number {
    return this.all.length + 2
  }

  /** The ids of a token's characters, between one without a character before and at least one after them. */
  encode(token: string): Int32Array {
    const characters = [...token]
    const half = longestToken / 2
    const read =
      characters.length > longestToken ? [...characters.slice(0, half), ...characters.slice(-half)] : characters
    const ids = new Int32Array(longestToken + 2)
    for (const [at, character] of read.entries()) ids[at + 1] = this.#ids.get(character) ?? 1
    return ids
  }
}
