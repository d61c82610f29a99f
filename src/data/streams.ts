export { type LogMelOptions, logMel, type ReadWavOptions, readWav, type Sound } from './audio/index.js'
export type { ColumnNames, ColumnOptions, Example, TableRow } from './columns.js'
export { type BatchedOptions, Dataset, type Start } from './dataset.js'
export type { Files } from './files.js'
export {
  arrow,
  type CsvOptions,
  csv,
  type From,
  from,
  jsonLines,
  parquet,
  type QueryOptions,
  query,
  type TextFileOptions,
  text,
} from './sources.js'
