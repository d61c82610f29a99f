export { type LogMelOptions, logMel, type ReadWavOptions, readWav, type Sound } from './audio/index.js'
export type { ByteStream } from './bytes.js'
export type { ColumnNames, ColumnOptions, Example, TableRow } from './columns.js'
export { type BatchedOptions, Dataset, type Start } from './dataset.js'
export type { Files } from './files.js'
export { type From, from, text } from './sources.js'
export {
  arrow,
  type CsvOptions,
  csv,
  jsonLines,
  parquet,
  type QueryOptions,
  query,
  type TextFileOptions,
} from './tables.js'
export { type FolderText, type TextFolderOptions, textFolder } from './textFolder.js'
export {
  type TokenBatchesOptions,
  type TokenFile,
  type TokenRange,
  type TokensProgress,
  type TokenWindow,
  type TokenWindowsOptions,
  tokens,
  type WriteTokensOptions,
  writeTokens,
} from './tokens/index.js'
export type { CorpusTokenizer } from './tokens/tokenizer.js'
export { type WriteOptions, write } from './write.js'
