import type { Example } from './columns.js'
import type { PackedBlock } from './csv.js'
import type { Ahead } from './csvHeader.js'
import { type CsvNumbers, longestRead } from './csvNumbers.js'
import { chained, lineEnds } from './csvRecords.js'
import { PackedRows, type Packing } from './packed.js'

/** What was read of a file to find its header line, and what follows. */
export interface Opened extends Ahead {
  /** The pieces from the beginning on. */
  readonly seen: readonly Uint8Array[]
  readonly bytes: AsyncIterator<Uint8Array>
}

/** Where reading numbers ended before the file did. */
export interface Rest {
  readonly bytes: AsyncGenerator<Uint8Array>
  readonly line: number
  /** Whether the header line is still to come. */
  readonly isHeader: boolean
}

const byteOrderMark = '\ufeff'

/** The records of UTF-8 from the header line on as packed rows; what is left where one is not as it should be. */
export async function* packedRecords(
  numbers: CsvNumbers,
  packing: Packing<Example>,
  { head, lead, seen, bytes }: Opened,
): AsyncGenerator<PackedBlock, Rest | undefined> {
  const before = head.slice(0, lead)
  const begun = Buffer.concat(seen)
  const mark = Buffer.from(byteOrderMark)
  const skip = (begun.subarray(0, mark.length).equals(mark) ? mark.length : 0) + Buffer.byteLength(before)
  // One buffer for all pieces and what is left of those before: the garbage of new ones would cost more than reading.
  let room = Buffer.alloc(0)
  const together = (before: Buffer, piece: Buffer): Buffer => {
    const size = before.length + piece.length
    if (room.length < size) room = Buffer.alloc(2 * size)
    room.set(before)
    room.set(piece, before.length)
    return room.subarray(0, size)
  }
  let rest: Buffer = Buffer.alloc(0)
  let [line, isHeader] = [1 + lineEnds(before), true]
  for (let next: IteratorResult<Uint8Array> = { value: begun.subarray(skip) }; ; next = await bytes.next()) {
    if (next.done && rest.length === 0) return undefined
    const piece = next.done ? Buffer.from('\n') : bufferOf(next.value)
    const all = rest.length === 0 ? piece : together(rest, piece)
    const found = numbers.read(all, line, isHeader)
    if (found.read > 0) isHeader = false
    line = found.line
    const { lineOf } = found
    if (found.count > 0) yield { rows: new PackedRows(found.values, packing), lineOf }
    rest = all.subarray(found.read)
    if (found.odd || rest.length > longestRead || (next.done && rest.length > 0)) {
      // The last record's end is ours.
      const left = next.done ? rest.subarray(0, -1) : rest
      return { bytes: chained<Uint8Array>(left, bytes), line, isHeader }
    }
    if (next.done) return undefined
  }
}

const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
