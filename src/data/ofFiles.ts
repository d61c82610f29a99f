import { checkStandardInput } from '../distributed.js'
import { SeqloomError } from '../errors.js'
import type { PackedBlocks } from './blocks.js'
import { bytesOf, isByteStream } from './bytes.js'
import { Dataset, type Start } from './dataset.js'
import { type Files, matching, namedFiles } from './files.js'
import { standardInput, type TextOptions } from './textFile.js'

/** What is gone through by one function for each file after another, or for a stream of a file's bytes. */
export function ofFiles<T>(
  where: string,
  given: Files,
  read: (path: string, how: Pick<TextOptions, 'signal' | 'opened'>) => PackedBlocks<T>,
): Dataset<T> {
  if (isByteStream(where, given)) {
    const name = 'the stream'
    return ofOne(name, ({ signal }) => read(name, { opened: bytesOf(name, given, signal) }))
  }
  const paths = namedFiles(where, given)
  const once = paths.includes(standardInput)
  if (once) checkStandardInput()
  const name = once ? 'standard input' : paths.join(', ')
  const all = async function* ({ signal }: Start) {
    for (const path of await matching(paths)) yield* read(path, signal ? { signal } : {})
  }
  return once ? ofOne(name, all) : new Dataset<T>({ name, all })
}

/** What can be gone through once. */
function ofOne<T>(name: string, open: (start: Start) => PackedBlocks<T>): Dataset<T> {
  let used = false
  return new Dataset<T>({
    name,
    once: true,
    async *all(start) {
      if (used) throw goneThrough(name)
      used = true
      yield* open(start)
    },
  })
}

/** What is said of a stream that is to be gone through a second time. */
export const goneThrough = (name: string): SeqloomError =>
  new SeqloomError(
    'ERR_DATA',
    `${name} can be gone through only once; for several epochs, store it in a file, keep it in memory with .cache(), or give a function that opens it anew to data.from`,
  )
