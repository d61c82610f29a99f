import { SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import { isWriting, type Writing } from '../decoding/units.js'
import { checkList, describeRow } from '../shared/rows.js'
import { rowsByKey, type SplitRow } from '../shared/split.js'

/** A text with its translation; texts, or arrays of tokens. */
export interface TranslationRow {
  readonly source: Writing
  readonly target: Writing
}

/** Throws `ERR_DATA`, naming the row, unless `rows` is a non-empty array of texts with translations. */
export function checkTranslationRows(where: string, rows: readonly TranslationRow[]): void {
  checkList(where, '{ source, target }', rows)
  rows.forEach((row: unknown, index) => {
    const fits = isRecord(row) && isWriting(row.source) && isWriting(row.target)
    if (fits) return
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: row ${index} must be { source, target }, each a text or an array of tokens, not ${describeRow(row)}`,
    )
  })
}

/** A key that tells whether two sources are the same. */
const sourceKey = ({ source }: TranslationRow): string => (typeof source === 'string' ? source : source.join('\u0000'))

/** A source with all its translations. */
export interface Translated {
  readonly source: Writing
  readonly targets: readonly Writing[]
}

/** Rows by their sources, in the order of the first of each. */
export function bySource(rows: readonly TranslationRow[]): Translated[] {
  return rowsByKey(rows.map(sourceKey)).map((group) => {
    const same = group.map((index) => rows[index] as TranslationRow)
    return { source: (same[0] as TranslationRow).source, targets: same.map(({ target }) => target) }
  })
}

/** How rows are split: by source, since another translation of a training source would reveal too much. */
export const splitRow = (row: TranslationRow): SplitRow => ({ key: sourceKey(row), classes: [] })
