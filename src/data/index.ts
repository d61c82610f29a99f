export { convertAll, convertOne, looksLikeTensor, requireSameRows } from './convert.js'
export type { Converted, Slot } from './elements.js'
export { runSliced, runSync, type Sliced } from './slices.js'
export { type Staged, stage, stageAll } from './stage.js'
