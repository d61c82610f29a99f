import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The file that this code runs from: a file of this package, or a bundle that contains it. Code that was not read from
 * a file counts as a file in the working folder. Taken from the stack, since `__filename` and `import.meta.url` mean
 * different things in the bundles of different tools.
 */
export const ownFile: string = callingFile() ?? join(process.cwd(), 'seqloom.js')

/** The folder of this package's code; undefined in a bundle. */
export const ownFolder: string | undefined = [join(dirname(ownFile), '..')].find((folder) =>
  existsSync(join(folder, 'native', 'binding.d.cts')),
)

function callingFile(): string | undefined {
  const { prepareStackTrace, stackTraceLimit } = Error
  try {
    Error.stackTraceLimit = 1
    Error.prepareStackTrace = (_, sites) => sites[0]?.getFileName()
    const file: unknown = new Error().stack
    if (typeof file !== 'string') return undefined
    const path = file.startsWith('file:') ? fileURLToPath(file) : file
    // A bundle that is run as text, such as in a worker that evaluates it, has a name like `[worker eval]`.
    return isAbsolute(path) ? path : undefined
  } catch {
    return undefined
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  }
}
