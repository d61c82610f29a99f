import type { Sliced } from '../data/slices.js'
import { SeqloomError } from '../errors.js'
import { isRecord } from '../options.js'

/**
 * The largest id that a tokenizer's file may have. What reads and writes a vocabulary natively counts up to the largest
 * id and lists all that are missing, so that two lines could ask for gigabytes.
 */
const largestId = 2 ** 24

/** What stands before an id of so many digits, and not within a token. */
const large = /[:\s]\d{8}/
const largeBytes = 9

/** How much of a file is searched between two chances for the event loop. */
const piece = 1 << 20

/** `ERR_FORMAT` for larger ids in a `tokenizer.json`, which is parsed here only where it has such a number. */
export function* checkIds(where: string, bytes: Buffer): Sliced<void> {
  for (let at = 0; at < bytes.length; at += piece) {
    if (large.test(bytes.toString('latin1', at, at + piece + largeBytes))) return checkParsed(where, bytes)
    yield
  }
}

function checkParsed(where: string, bytes: Buffer): void {
  let file: unknown
  try {
    file = JSON.parse(bytes.toString('utf8'))
  } catch {
    // Told where it is read.
    return
  }
  const { model, added_tokens: added } = isRecord(file) ? file : {}
  const vocabulary = isRecord(model) && isRecord(model.vocab) ? Object.values(model.vocab) : []
  const ids = [...vocabulary, ...(Array.isArray(added) ? added : []).map((token) => (isRecord(token) ? token.id : 0))]
  const wrong = ids.find((id) => typeof id === 'number' && id > largestId)
  if (wrong !== undefined) {
    throw new SeqloomError('ERR_FORMAT', `${where}: the id ${wrong} is above the largest one, ${largestId}`)
  }
}
