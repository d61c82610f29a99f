/** Says where an element of a block was read: `rows.csv: line 3`. */
export type Place = (at: number) => string

/** Where the elements of blocks were read. Blocks that are no longer used are forgotten. */
const places = new WeakMap<readonly unknown[], Place>()

/** A block whose elements were read at these places. */
export function placed<B extends readonly unknown[]>(block: B, place: Place | undefined): B {
  if (place) places.set(block, place)
  return block
}

/** Where a block's elements were read, if that is known. */
export const placeOf = (block: readonly unknown[]): Place | undefined => places.get(block)
