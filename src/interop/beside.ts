import { realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, sep } from 'node:path'
import { SeqloomError, visible } from '../errors.js'
import { cannot } from '../files.js'

/**
 * The real path of a file that a stranger's file names, beside that or below; `naming` is its path, and `where` says
 * what it is. Names have slashes. Links may lead to other places of that folder, or, where the naming file is a link
 * itself, of the one that it leads to, as in the cache of Hugging Face's hub. `ERR_FORMAT` for other names, `ERR_IO`
 * for what is not there.
 */
export async function fileBeside(where: string, naming: string, name: string): Promise<string> {
  const outside = () =>
    new SeqloomError(
      'ERR_FORMAT',
      `${where} names the file '${visible(name)}', which must be in its folder or below it`,
    )
  // Backslashes and what stands before a colon lead elsewhere on some systems.
  if (name === '' || isAbsolute(name) || /^[a-z]+:|[\\\0]/i.test(name)) throw outside()
  if (name.split('/').includes('..')) throw outside()
  const path = join(dirname(naming), name)
  const realOf = (each: string): Promise<string> =>
    realpath(each).catch((cause) => {
      throw cannot('read', `'${visible(each)}'`, cause)
    })
  const real = await realOf(path)
  const folders = [await realOf(dirname(naming)), dirname(await realOf(naming))]
  if (!folders.some((folder) => isBelow(folder, real))) throw outside()
  return real
}

function isBelow(folder: string, path: string): boolean {
  const way = relative(folder, path)
  return way !== '' && way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way)
}
