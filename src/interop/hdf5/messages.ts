import type { Bytes } from './bytes.js'

/** A message of an object's header. */
export interface Message {
  readonly type: number
  /** Where its data begin, and how many bytes they have. */
  readonly at: number
  readonly size: number
}

/** Numbers of messages that are read. */
export const messageType = {
  dataspace: 0x01,
  linkInfo: 0x02,
  datatype: 0x03,
  link: 0x06,
  layout: 0x08,
  filters: 0x0b,
  attribute: 0x0c,
  continuation: 0x10,
  symbolTable: 0x11,
  attributeInfo: 0x15,
} as const

/** All messages of the object at an address, those in continuations too. */
export function messagesOf(bytes: Bytes, at: number): Message[] {
  bytes.follow(at)
  return bytes.u8(at) === 1 ? first(bytes, at) : second(bytes, at)
}

/** Headers of version 1. */
function first(bytes: Bytes, at: number): Message[] {
  const messages: Message[] = []
  const blocks: [start: number, length: number][] = [[at + 16, bytes.u32(at + 8)]]
  for (const [start, length] of blocks) {
    bytes.within(start, length)
    for (let place = start; place + 8 <= start + length; ) {
      const [type, size] = [bytes.u16(place), bytes.u16(place + 2)]
      take(bytes, { type, at: place + 8, size }, messages, blocks)
      place += 8 + size
    }
  }
  return messages
}

/** Headers of version 2. */
function second(bytes: Bytes, at: number): Message[] {
  bytes.requireSignature(at, 'OHDR')
  const flags = bytes.u8(at + 5)
  const start = at + 6 + (flags & 0x20 ? 16 : 0) + (flags & 0x10 ? 4 : 0)
  const width = 1 << (flags & 3)
  const messages: Message[] = []
  const blocks: [start: number, length: number][] = [[start + width, bytes.size(start, width)]]
  let isFirst = true
  for (const [block, whole] of blocks) {
    if (!isFirst) bytes.requireSignature(block, 'OCHK')
    // After the first block and at the end of the others there is a checksum.
    const [from, to] = isFirst ? [block, block + whole] : [block + 4, block + whole - 4]
    isFirst = false
    bytes.within(from, Math.max(to - from, 0))
    const head = 4 + (flags & 4 ? 2 : 0)
    for (let place = from; place + head <= to; ) {
      const [type, size] = [bytes.u8(place), bytes.u16(place + 1)]
      take(bytes, { type, at: place + head, size }, messages, blocks)
      place += head + size
    }
  }
  return messages
}

function take(bytes: Bytes, message: Message, messages: Message[], blocks: [number, number][]): void {
  bytes.within(message.at, message.size)
  if (message.type !== messageType.continuation) messages.push(message)
  else blocks.push([bytes.follow(bytes.size(message.at)), bytes.size(message.at + 8)])
}
