export { type LoadWordVectorsOptions, loadWordVectors, type WordVectors } from './wordVectors.js'
