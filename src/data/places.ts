import { SeqloomError } from '../errors.js'

/** Says where an element of a block was read: `rows.csv: line 3`. */
export interface Place {
  (at: number): string
  /** What stands before the decimals of numbers in its texts: one or the other in a column; undefined if it has types. */
  readonly decimal?: '.' | ',' | 'either'
}

/** The place of elements that are elsewhere in a block now. */
export const moved = (place: Place | undefined, from: (at: number) => number): Place | undefined =>
  place && Object.assign((at: number) => place(from(at)), place.decimal !== undefined && { decimal: place.decimal })

/** Where the elements of blocks were read. Blocks that are no longer used are forgotten. */
const places = new WeakMap<object, Place>()

/** A block whose elements were read at these places. */
export function placed<B extends object>(block: B, place: Place | undefined): B {
  if (place) places.set(block, place)
  return block
}

/** Where a block's elements were read, if that is known. */
export const placeOf = (block: object): Place | undefined => places.get(block)

/**
 * Waits for work on rows. If it fails with an `ERR_DATA` that names a row (or text), the message gets the row's place,
 * where that is known, and else its number among all rows, of which `first` is the first one here.
 */
export async function namingPlaces<T>(
  placeOf: (row: number) => string | undefined,
  work: Promise<T>,
  first = 0,
): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!(error instanceof SeqloomError) || error.code !== 'ERR_DATA') throw error
    const found = /\b(?:row|text) (\d+)\b|\brows (\d+) and (\d+)\b/.exec(error.message)
    const [place, one, other] = [found?.[1], found?.[2], found?.[3]].map((row) =>
      row === undefined ? undefined : placeOf(Number(row)),
    )
    if (one !== undefined && other !== undefined) {
      const what = error.message.replace(/^[\w.]+: /, '')
      throw new SeqloomError('ERR_DATA', `${bothPlaces(one, other)}: ${what}`, { cause: error })
    }
    if (place === undefined) throw first === 0 ? error : renumbered(error, first)
    // 'row 3 has no label' becomes 'has no label' after the place, and 'row 3: tokens …' becomes 'tokens …'.
    const what = error.message.replace(/^(?:validation |[\w.]+: (?=(?:row|text) \d))?(?:(?:row|text) \d+:? )?/, '')
    throw new SeqloomError('ERR_DATA', `${place}: ${what}`, { cause: error })
  }
}

/** An error that names a row, or two, by their numbers behind the `first` one. */
function renumbered(error: SeqloomError, first: number): SeqloomError {
  const message = error.message.replace(/\b(?:rows?|text) \d+(?: and \d+)?\b/, (rows) =>
    rows.replace(/\d+/g, (row) => `${first + Number(row)}`),
  )
  return new SeqloomError('ERR_DATA', message, { cause: error })
}

/** Two places, those of one file together. */
function bothPlaces(first: string, second: string): string {
  const [one, other] = [first, second].map((place) => /^(.*): (line|row) (\d+)$/s.exec(place))
  const alike = one && other && one[1] === other[1] && one[2] === other[2]
  return alike ? `${one[1]}: ${one[2]}s ${one[3]} and ${other[3]}` : `${first} and ${second}`
}
