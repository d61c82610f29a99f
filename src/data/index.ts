export { convertAll, convertOne, requireSameRows } from './convert.js'
export type { Converted, Slot } from './elements.js'
export { type Sliced, runSliced, runSync } from './slices.js'
