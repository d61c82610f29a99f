import { homedir } from 'node:os'
import { join } from 'node:path'
import { glibcFloorEnv } from './glibc-floor.mjs'
import { root } from './run.mjs'

/** The variables with which cargo makes an addon for others, given further arguments of `napi build`. */
export async function releaseEnv(args) {
  return { ...reproducibleEnv(), ...(args.includes('--target') ? {} : await glibcFloorEnv()) }
}

/** Variables that keep the names of this machine's folders out of the addon, so that one commit gives one file wherever it is built. */
export function reproducibleEnv(flags = '') {
  const cargo = process.env.CARGO_HOME ?? join(homedir(), '.cargo')
  const remap = `--remap-path-prefix=${cargo}=cargo --remap-path-prefix=${root}=seqloom`
  return { RUSTFLAGS: [process.env.RUSTFLAGS, remap, flags].filter(Boolean).join(' ') }
}
