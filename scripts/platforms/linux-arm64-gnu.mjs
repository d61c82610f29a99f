// Builds the addon for 64-bit ARM, runs every kernel test on NEON and the training program on Node 20 and 24, all under qemu.
// Needs an x86-64 Debian with Python's and npm's registries in reach; what it installs stays in the cache. `node scripts/platforms/linux-arm64-gnu.mjs`
import { join } from 'node:path'
import { crossToolchain, linkerEnv } from '../glibc-floor.mjs'
import { reproducibleEnv } from '../release-env.mjs'
import { must } from '../run.mjs'
import { buildFor, targetFolder } from './build.mjs'
import { debianPackages } from './debian.mjs'
import { nodeFor } from './runtimes.mjs'
import { debianRust } from './rust.mjs'
import { trainOn } from './train.mjs'

const target = 'aarch64-unknown-linux-gnu'
const system = await debianPackages('arm64', {
  arm64: ['libc6', 'libgcc-s1', 'libstdc++6'],
  amd64: ['qemu-user-static'],
})
const qemu = [join(system, 'usr/bin/qemu-aarch64-static'), '-L', system]
const env = { ...(await debianRust()), ...linkerEnv('aarch64', await crossToolchain('aarch64')) }

const addons = await buildFor(target, { ...env, ...reproducibleEnv() })
for (const version of [20, 24])
  await trainOn(`Node ${version}`, [...qemu, await nodeFor('linux-arm64', version)], addons)

const runner = { CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER: qemu.join(' ') }
const test = ['test', '-p', 'seqloom-kernels', '--target', target, '--target-dir', targetFolder]
await must('cargo', test, { env: { ...env, ...runner } })
