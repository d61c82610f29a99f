import type { Sliced } from '../../data/slices.js'
import { SeqloomError } from '../../errors.js'
import { isRecord } from '../../options.js'
import { isWriting, type Writing } from '../decoding/units.js'
import { checkList, describeRow } from '../shared/rows.js'
import { type Annotations, type Image, readSeen, type Seen, type SeenShape } from './images.js'

/**
 * An image, or its annotation vectors, with a caption: a text, or an array of tokens. An image with several captions
 * has one row for each.
 */
export type CaptionRow =
  | { readonly image: Image; readonly caption: Writing }
  | { readonly annotations: Annotations; readonly caption: Writing }

/** What captions describe. */
export type Kind = 'image' | 'annotations'

/** Rows that were read. */
export interface ReadRows {
  readonly kind: Kind
  readonly seen: Seen
  readonly captions: readonly Writing[]
}

/** What a model was trained on. */
export interface Expected {
  readonly kind: Kind
  readonly shape: SeenShape
}

/** Reads rows, all with images or all with annotations, of one shape. `ERR_DATA`, naming the row. */
export function* readCaptionRows(where: string, rows: readonly CaptionRow[], expected?: Expected): Sliced<ReadRows> {
  checkList(where, '{ image, caption } or { annotations, caption }', rows)
  const kind = expected?.kind ?? (isRecord(rows[0]) && 'annotations' in rows[0] ? 'annotations' : 'image')
  rows.forEach((row: unknown, index) => {
    if (isRecord(row) && row[kind] !== undefined && isWriting(row.caption)) return
    throw new SeqloomError(
      'ERR_DATA',
      `${where}: row ${index} must be { ${kind}, caption }, the caption a text or an array of tokens, not ${describeRow(row)}`,
    )
  })
  const lists = rows.map(({ caption }) => Array.isArray(caption))
  const other = lists.findIndex((list) => list !== lists[0])
  if (other >= 0) {
    const [got, first] = lists[0] ? ['a text', 'an array of tokens'] : ['an array of tokens', 'a text']
    throw new SeqloomError('ERR_DATA', `${where}: the caption of row ${other} is ${got}, that of row 0 ${first}`)
  }
  const given = rows.map((row) => (row as Record<string, unknown>)[kind])
  const seen = yield* readSeen(`${where}: row`, kind, given, expected?.shape)
  return { kind, seen, captions: rows.map(({ caption }) => caption) }
}
