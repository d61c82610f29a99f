import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { SeqloomError } from '../errors.js'

export type {
  Backend,
  CancelFlag,
  DecodedSafetensors,
  EncodedTexts,
  NamedState,
  NamedTensor,
  NativeGenerator,
  NativeGradients,
  NativeModel,
  NativeSession,
  NativeTensor,
  NativeTokenizer,
  StagedArray,
  VocabularyEntry,
} from './binding.cjs'

/** The addon as the generated loader exports it. */
export type Native = typeof import('./binding.cjs')

const require = createRequire(import.meta.url)
const { name, version } = require('../../package.json') as { name: string; version: string }

/** The native engine. */
export const native: Native = load()

/** Describes the engine: instruction set, threads, version. Throws `ERR_OPTION` if `SEQLOOM_SIMD` or `SEQLOOM_THREADS` is invalid. */
export const backend: Native['backend'] = native.backend

/** Changes settings of the process, such as the number of `threads`. Throws `ERR_OPTION` for a value out of range. */
export const configure: Native['configure'] = native.configure

function load(): Native {
  let binding: Native
  try {
    binding = require('../native/binding.cjs') as Native
  } catch (cause) {
    throw new SeqloomError('ERR_NATIVE', `The native engine could not be loaded. ${remedy()}`, { cause })
  }
  const found = binding.addonVersion()
  if (found !== version) {
    throw new SeqloomError(
      'ERR_NATIVE',
      `The native engine has version ${found}, but ${name} has ${version}. ${remedy()}`,
    )
  }
  return binding
}

/** What is missing on this machine, and the command that mends it. */
function remedy(): string {
  const { platform, arch } = process
  const libc = platform === 'linux' ? (usesMusl() ? 'musl' : 'glibc') : undefined
  const abi = { linux: libc === 'musl' ? '-musl' : '-gnu', win32: '-msvc' }[platform as string] ?? ''
  const needed = `${name}-${platform}-${arch}${abi}`
  const machine = `This is ${platform} ${arch}${libc ? ` (${libc})` : ''}, which needs the package ${needed}@${version}`
  const checkout = existsSync(new URL('../../bindings/node/Cargo.toml', import.meta.url))
  if (checkout) return `${machine} or a build of it: run \`npm run build\`.`
  return `${machine}. Install it with \`npm install --include=optional ${needed}@${version}\`.`
}

function usesMusl(): boolean {
  const report = process.report?.getReport() as { header?: { glibcVersionRuntime?: string } } | undefined
  return report?.header?.glibcVersionRuntime === undefined
}
