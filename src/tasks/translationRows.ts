import { describe, SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'
import { checkNotEmpty } from './rows.js'
import { randomSplit } from './split.js'
import type { Writing } from './units.js'

/** A text with its translation; texts, or arrays of tokens. */
export interface TranslationRow {
  readonly source: Writing
  readonly target: Writing
}

/** `ERR_DATA`, naming the row, unless `rows` is an array of texts with translations that holds at least one. */
export function checkTranslationRows(where: string, rows: readonly TranslationRow[]): void {
  if (!Array.isArray(rows)) {
    throw new SeqloomError('ERR_DATA', `${where}: expected an array of { source, target }, not ${describe(rows)}`)
  }
  checkNotEmpty(where, rows)
  rows.forEach((row: unknown, index) => {
    const fits = isRecord(row) && isWriting(row.source) && isWriting(row.target)
    if (fits) return
    const got = isRecord(row) ? `{ source: ${describe(row.source)}, target: ${describe(row.target)} }` : describe(row)
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: row ${index} must be { source, target }, each a text or an array of tokens, not ${got}`,
    )
  })
}

const isWriting = (value: unknown): boolean => typeof value === 'string' || Array.isArray(value)

/** What tells one source from another. */
export const sourceKey = ({ source }: TranslationRow): string =>
  typeof source === 'string' ? source : source.join('\u0000')

/** A source with all its translations. */
export interface Translated {
  readonly source: Writing
  readonly targets: readonly Writing[]
}

/** Rows by their sources, in the order of the first of each. */
export function bySource(rows: readonly TranslationRow[]): Translated[] {
  const found = new Map<string, { source: Writing; targets: Writing[] }>()
  for (const row of rows) {
    const known = found.get(sourceKey(row))
    if (known) known.targets.push(row.target)
    else found.set(sourceKey(row), { source: row.source, targets: [row.target] })
  }
  return [...found.values()]
}

/** Keeps a share of the sources apart with all their rows: a translation of a source that was trained on would tell too much. */
export function splitBySource(
  rows: readonly TranslationRow[],
  share: number,
  seed: number,
): { readonly training: readonly TranslationRow[]; readonly validation: readonly TranslationRow[] } {
  const sources = [...new Set(rows.map(sourceKey))]
  const held = new Set(randomSplit(sources.length, share, seed).validation.map((index) => sources[index]))
  return {
    training: rows.filter((row) => !held.has(sourceKey(row))),
    validation: rows.filter((row) => held.has(sourceKey(row))),
  }
}
