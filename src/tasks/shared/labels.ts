import { describe, SeqloomError } from '../../errors.js'
import { warn } from '../../warn.js'

/** The most different labels. */
const mostLabels = 1_000_000

/** How often each label occurs among rows. */
export class LabelCounts {
  readonly #counts = new Map<string, number>()

  /** Knows these labels from elsewhere. */
  constructor(known: Iterable<string> = []) {
    for (const label of known) this.#counts.set(label, 0)
  }

  /** The labels. */
  get names(): Iterable<string> {
    return this.#counts.keys()
  }

  /** The labels that were counted. */
  get counted(): Iterable<string> {
    return [...this.#counts].flatMap(([label, count]) => (count > 0 ? [label] : []))
  }

  /** Counts a label, or takes a count back. `ERR_DATA` for too many different ones. */
  add(label: string, change: 1 | -1): void {
    this.#counts.set(label, (this.#counts.get(label) ?? 0) + change)
    if (this.#counts.size <= mostLabels) return
    throw new SeqloomError('ERR_DATA', `there are more than ${mostLabels} different labels; are they labels?`)
  }

  /** The counts of labels, in order. */
  of(labels: readonly string[]): number[] {
    return labels.map((label) => this.#counts.get(label) ?? 0)
  }
}

/** Warns of labels that rows to validate on have and none to train on: they are classes that nothing can be learned of. */
export function tellUntaught(where: string, taught: Iterable<string>, held: Iterable<string>): void {
  const known = new Set(taught)
  const untaught = [...new Set(held)].filter((label) => !known.has(label))
  if (untaught.length === 0) return
  const shown = untaught.slice(0, 20).map(describe).join(', ')
  warn(
    'WARN_UNTAUGHT_LABELS',
    `${where}: validationData have labels that no row to train on has: ${shown}; they become classes, and count as mistakes`,
  )
}

/** The classes of a classifier, in the order of the model's outputs. */
export class Labels {
  readonly #indices: ReadonlyMap<string, number>

  private constructor(readonly names: readonly string[]) {
    this.#indices = new Map(names.map((name, index) => [name, index]))
  }

  /** The distinct labels, sorted by code unit; `ERR_DATA` for fewer than two. */
  static of(labels: Iterable<string>): Labels {
    const names = [...new Set(labels)].sort()
    if (names.length < 2) {
      const found = names.length === 0 ? 'there is none' : `there is only ${describe(names[0])}`
      throw new SeqloomError('ERR_DATA', `at least two different labels are needed; ${found}`)
    }
    return new Labels(names)
  }

  /** Reads what {@link toJSON} wrote; `ERR_FORMAT` for anything else. */
  static parse(json: string): Labels {
    let parsed: unknown
    try {
      parsed = JSON.parse(json)
    } catch (error) {
      throw new SeqloomError('ERR_FORMAT', `labels.json: ${(error as Error).message}`, { cause: error })
    }
    const names = (parsed as { labels?: unknown } | null)?.labels
    if (
      !Array.isArray(names) ||
      !names.every((name) => typeof name === 'string') ||
      new Set(names).size !== names.length
    ) {
      throw new SeqloomError('ERR_FORMAT', 'labels.json: expected { "labels": [different strings] }')
    }
    return new Labels(names as string[])
  }

  /** What is saved. */
  toJSON(): { labels: readonly string[] } {
    return { labels: this.names }
  }

  /** The index of a label; `ERR_DATA`, naming its position, for one that is not a class. */
  indexOf(place: string, label: string): number {
    const index = this.#indices.get(label)
    if (index !== undefined) return index
    const known = this.names.slice(0, 20).map(describe).join(', ')
    throw new SeqloomError('ERR_DATA', `${place}: ${describe(label)} is not one of the classifier's labels ${known}`)
  }
}
