// Debian's Rust, for targets whose standard library rustup may not reach: one release newer than the one that builds for this machine.
import { join } from 'node:path'
import { debianPackages } from './debian.mjs'

/** The variables that make cargo use it. */
export async function debianRust() {
  const folder = await debianPackages('rust-1.96', {
    amd64: ['rustc-web', 'libstd-rust-web-1.96', 'libstd-rust-web-dev', 'rust-web-src', 'libllvm22'],
    arm64: ['libstd-rust-web-dev'],
  })
  const libraries = join(folder, 'usr/lib/x86_64-linux-gnu')
  return { RUSTC: join(folder, 'usr/bin/rustc'), LD_LIBRARY_PATH: libraries }
}
