import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

const home = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')

/** The folder outside the project in which scripts keep the tools that they fetch. */
export const cache = process.env.SEQLOOM_CACHE ?? join(home, 'seqloom')

/** A folder of the cache, filled by `fill(folder)` the first time and only kept if that succeeds. */
export async function cached(name, fill) {
  const folder = join(cache, name)
  if (existsSync(folder)) return folder
  const partial = `${folder}.${process.pid}`
  rmSync(partial, { recursive: true, force: true })
  mkdirSync(partial, { recursive: true })
  try {
    await fill(partial)
    if (!existsSync(folder)) renameSync(partial, folder)
  } finally {
    rmSync(partial, { recursive: true, force: true })
  }
  return folder
}
