// A linker with the C library of 2012, so that what it links runs on every Linux that Node.js runs on.
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from './cache.mjs'
import { run } from './run.mjs'

/** The newest glibc that a published addon may need. */
export const glibcFloor = '2.17'

const toolchains = {
  'x64-x86_64': '1.0.0',
  'x64-aarch64': '1.0.3',
  'arm64-aarch64': '1.0.3',
}

/** The folder of the cross toolchain for an architecture (as Rust names it), fetched from npm if need be. */
export function crossToolchain(architecture) {
  const version = toolchains[`${process.arch}-${architecture}`]
  if (version === undefined) throw new Error(`there is no toolchain for ${architecture} on ${process.arch}`)
  return cached(`cross-toolchain-${architecture}-${version}`, async (folder) => {
    const name = `@napi-rs/cross-toolchain-${process.arch}-target-${architecture}`
    writeFileSync(join(folder, 'package.json'), '{}')
    const npm = ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    await succeed('npm', [...npm, `${name}@${version}`])
    const packed = join(folder, 'node_modules', name)
    const archive = readdirSync(packed).find((file) => file.endsWith('.tar.xz'))
    await succeed('tar', ['-xJf', join(packed, archive), '-C', folder])
    rmSync(join(folder, 'node_modules'), { recursive: true })
  })
}

/** The variables that make cargo link with it for this machine; none, and a note, where it cannot be had. */
export async function glibcFloorEnv() {
  const glibc = process.platform === 'linux' && process.report.getReport().header.glibcVersionRuntime !== undefined
  const architecture = { x64: 'x86_64', arm64: 'aarch64' }[process.arch]
  if (!glibc || architecture === undefined) return {}
  try {
    return linkerEnv(architecture, await crossToolchain(architecture))
  } catch (error) {
    console.warn(`Linking with this machine's own C library, so the addon may not run elsewhere: ${error.message}`)
    return {}
  }
}

/** The variables that make cargo link with the toolchain in a folder. */
export function linkerEnv(architecture, folder) {
  const variable = `CARGO_TARGET_${architecture.toUpperCase()}_UNKNOWN_LINUX_GNU_LINKER`
  return { [variable]: join(folder, 'bin', `${architecture}-unknown-linux-gnu-gcc`) }
}

async function succeed(command, args) {
  const { code } = await run(command, args)
  if (code !== 0) throw new Error(`${command} ended with ${code}`)
}
