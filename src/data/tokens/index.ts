import { absolutePathOf } from '../../path.js'
import { TokenFile } from './tokenFile.js'

export type { TokenBatchesOptions, TokenFile, TokenRange, TokenWindow, TokenWindowsOptions } from './tokenFile.js'
export { type TokensProgress, type WriteTokensOptions, writeTokens } from './write.js'

/**
 * Opens a file that {@link writeTokens} wrote. Rejects with `ERR_OPTION`, `ERR_IO` and, naming the file, with
 * `ERR_FORMAT` for anything else or a damaged one.
 */
export async function tokens(file: string | URL): Promise<TokenFile> {
  return await TokenFile.open(absolutePathOf('data.tokens: file', file))
}
