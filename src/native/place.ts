import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The file that this code runs from: one of this package, or the bundle that somebody made of it; one of the working folder
 * where the code was read from no file. Read off the stack, since neither `__filename`
 * nor `import.meta.url` means the same in the bundles that different tools make.
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
    // A bundle that is run as text, as in a worker that evaluates it, has a name such as `[worker eval]`.
    return isAbsolute(path) ? path : undefined
  } catch {
    return undefined
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  }
}
