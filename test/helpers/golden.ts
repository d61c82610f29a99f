import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { it } from 'vitest'

const projectRoot = fileURLToPath(new URL('../../', import.meta.url))

/** The folder of golden values and data sets: `SEQLOOM_SHARED`, or `../shared` beside the project. It may be missing. */
export const sharedFolder = process.env.SEQLOOM_SHARED ?? join(projectRoot, '..', 'shared')

const fixtures = join(projectRoot, 'test', 'fixtures', 'golden')

/** Where a golden file is: in the shared folder, else among the project's fixtures, else nowhere. */
export function goldenPath(folder: string, file: string): string | undefined {
  return [join(sharedFolder, 'golden', folder, file), join(fixtures, folder, file)].find((path) => existsSync(path))
}

/**
 * One test per golden safetensors file of `folder`: all of `names`, and whatever else of the same form the folder holds.
 * A named case whose file is not there is skipped by name.
 */
export function forEachGolden(
  folder: string,
  names: readonly string[],
  check: (path: string, name: string) => Promise<void> | void,
  exclude: readonly string[] = [],
): void {
  const directory = join(sharedFolder, 'golden', folder)
  const found = existsSync(directory)
    ? readdirSync(directory)
        .filter((file) => file.endsWith('.safetensors'))
        .map((file) => file.slice(0, -'.safetensors'.length))
    : []
  for (const name of new Set([...names, ...found])) {
    if (exclude.includes(name)) continue
    const path = goldenPath(folder, `${name}.safetensors`)
    if (path === undefined) it.skip(`${name} (SKIPPED: set SEQLOOM_SHARED to the folder of golden/${folder})`)
    else it(name, () => check(path, name))
  }
}
