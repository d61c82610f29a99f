import { checkStandardInput } from '../distributed.js'
import { SeqloomError } from '../errors.js'
import type { PackedBlocks } from './blocks.js'
import { Dataset } from './dataset.js'
import { type Files, matching, namedFiles } from './files.js'
import { standardInput } from './textFile.js'

/** What is gone through by one function for each file after another. */
export function ofFiles<T>(where: string, given: Files, read: (path: string) => PackedBlocks<T>): Dataset<T> {
  const paths = namedFiles(where, given)
  const once = paths.includes(standardInput)
  if (once) checkStandardInput()
  const name = once ? 'standard input' : paths.join(', ')
  let used = false
  return new Dataset<T>({
    name,
    once,
    async *all() {
      if (once && used) throw goneThrough(name)
      used = true
      for (const path of await matching(paths)) yield* read(path)
    },
  })
}

/** What is said of a stream that is to be gone through a second time. */
export const goneThrough = (name: string): SeqloomError =>
  new SeqloomError(
    'ERR_DATA',
    `${name} can be gone through only once; for several epochs, store it in a file, keep it in memory with .cache(), or give a function that opens it anew to data.from`,
  )
