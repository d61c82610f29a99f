// Other versions of Node, and other runtimes, as npm has them.
import { chmodSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from '../cache.mjs'
import { must } from '../run.mjs'

/** The path of a Node binary of a major version, for `linux-x64` or `linux-arm64`. */
export async function nodeFor(platform, major) {
  const name = `node-${platform}`
  return join(await fromNpm(`${name}@${major}`), 'node_modules', name, 'bin/node')
}

/** The path of Bun. */
export async function bun() {
  return join(await fromNpm('bun@1.4.5'), 'node_modules/@oven/bun-linux-x64/bin/bun')
}

/** The path of Deno. */
export async function deno() {
  return join(await fromNpm('deno@2.9.6'), 'node_modules/@deno/linux-x64-glibc/deno')
}

/** A folder of the cache in which one package was installed, without its install scripts. */
function fromNpm(specifier) {
  return cached(specifier.replace('/', '-'), async (folder) => {
    writeFileSync(join(folder, 'package.json'), '{}')
    // Forced, since the package may be for another architecture.
    await must('npm', [
      'install',
      '--prefix',
      folder,
      '--ignore-scripts',
      '--force',
      '--no-audit',
      '--no-fund',
      specifier,
    ])
    for (const scope of ['@oven', '@deno']) makeExecutable(join(folder, 'node_modules', scope))
  })
}

function makeExecutable(folder) {
  try {
    for (const file of readdirSync(folder, { recursive: true })) {
      if (/(^|\/)(bun|deno)$/.test(file)) chmodSync(join(folder, file), 0o755)
    }
  } catch (error) {
    if (error.code !== 'ENOENT') throw error
  }
}
