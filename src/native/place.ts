import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The file that this code runs from: one of this package, or the bundle that somebody made of it. Read off the stack, since neither `__filename`
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
    return file.startsWith('file:') ? fileURLToPath(file) : file
  } catch {
    return undefined
  } finally {
    Object.assign(Error, { prepareStackTrace, stackTraceLimit })
  }
}
