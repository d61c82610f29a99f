import { join } from 'node:path'
import { must, root, tool } from '../run.mjs'

/** Where builds for other platforms lie. */
export const targetFolder = join(root, 'target', 'cross')

/** Builds the addon for a target that is not this machine's, into a folder of its own, which this resolves to. */
export async function buildFor(target, env, ...options) {
  const addons = join(targetFolder, 'addons', target)
  const build = ['build', '--platform', '--no-js', '--release', '--target', target, '--target-dir', targetFolder]
  const manifests = ['--manifest-path', 'bindings/node/Cargo.toml', '--package-json-path', 'package.json']
  await must(tool('napi'), [...build, ...options, ...manifests, '--output-dir', addons], { env })
  return addons
}
