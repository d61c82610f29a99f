import { realpath } from 'node:fs/promises'
import { isAbsolute, join, relative, sep } from 'node:path'
import { SeqloomError, visible } from '../errors.js'
import { cannot } from '../files.js'

/**
 * The real path of a file in a folder or below it that a stranger's file names; `where` says which names it. Names have
 * slashes, and links may lead to other places of the folder alone. `ERR_FORMAT` for other names, `ERR_IO` for what is
 * not there.
 */
export async function fileBeside(where: string, folder: string, name: string): Promise<string> {
  const outside = () =>
    new SeqloomError(
      'ERR_FORMAT',
      `${where} names the file '${visible(name)}', which must be in its folder or below it`,
    )
  // Backslashes and what stands before a colon lead elsewhere on some systems.
  if (name === '' || isAbsolute(name) || /^[a-z]+:|[\\\0]/i.test(name)) throw outside()
  if (name.split('/').includes('..')) throw outside()
  const path = join(folder, name)
  const realOf = (each: string): Promise<string> =>
    realpath(each).catch((cause) => {
      throw cannot('read', `'${visible(each)}'`, cause)
    })
  const [real, realFolder] = [await realOf(path), await realOf(folder)]
  const way = relative(realFolder, real)
  if (way === '' || way === '..' || way.startsWith(`..${sep}`) || isAbsolute(way)) throw outside()
  return real
}
