export type { Dataset } from './dataset.js'
export { from, isStreamed } from './sources.js'
