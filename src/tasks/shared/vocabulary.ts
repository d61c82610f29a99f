import { SeqloomError } from '../../errors.js'

const reserved = 2

/** What is known of a token, also where its letters are written apart from their marks. Vocabularies that were saved before may hold them so. */
export const knownAs = <T>(known: ReadonlyMap<string, T>, token: string): T | undefined =>
  known.get(token) ?? known.get(token.normalize('NFC')) ?? known.get(token.normalize('NFD'))

/**
 * The tokens that a task tells apart: id 0 is padding, id 1 stands for every other token, then tokens by falling
 * frequency.
 */
export class Vocabulary {
  readonly #ids: ReadonlyMap<string, number>

  private constructor(readonly tokens: readonly string[]) {
    this.#ids = new Map(tokens.map((token, index) => [token, index + reserved]))
  }

  /** The tokens that occur at least `minFrequency` times; of equally frequent ones, by code unit. */
  static of(sequences: Iterable<readonly string[]>, minFrequency: number): Vocabulary {
    const counts = new Map<string, number>()
    for (const tokens of sequences) {
      for (const token of tokens) {
        const composed = token.normalize('NFC')
        counts.set(composed, (counts.get(composed) ?? 0) + 1)
      }
    }
    const kept = [...counts].filter(([, count]) => count >= minFrequency)
    kept.sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1))
    return new Vocabulary(kept.map(([token]) => token))
  }

  /** Reads what was saved of {@link tokens}; `ERR_FORMAT` for anything else. */
  static parse(saved: unknown): Vocabulary {
    if (!Array.isArray(saved) || !saved.every((t) => typeof t === 'string') || new Set(saved).size !== saved.length) {
      throw new SeqloomError('ERR_FORMAT', 'vocabulary.json: expected an array of different strings')
    }
    return new Vocabulary(saved)
  }

  /** How many ids there are, with padding and the unknown token. */
  get size(): number {
    return this.tokens.length + reserved
  }

  /** Whether a token is known. */
  has(token: string): boolean {
    return knownAs(this.#ids, token) !== undefined
  }

  /** The id of a token; 1 if it is unknown. */
  idOf(token: string): number {
    return knownAs(this.#ids, token) ?? 1
  }

  /** The ids of tokens. */
  encode(tokens: readonly string[]): Int32Array {
    return Int32Array.from(tokens, (token) => this.idOf(token))
  }
}
