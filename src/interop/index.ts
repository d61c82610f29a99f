export { loadKeras } from './keras/load.js'
export { type LoadWordVectorsOptions, loadWordVectors, type WordVectors } from './wordVectors.js'
