import { familySync, versionSync } from 'detect-libc'

/** Every platform for which an engine is built, by the suffix of its package's name. */
export const targets = [
  'linux-x64-gnu',
  'linux-arm64-gnu',
  'linux-x64-musl',
  'linux-arm64-musl',
  'darwin-x64',
  'darwin-arm64',
  'win32-x64-msvc',
  'win32-arm64-msvc',
] as const

/** The platform of this process: one of `targets`, or the name that it would have if it were one. */
export function thisTarget(): string {
  const { platform, arch } = process
  const abi = { linux: familySync() === 'musl' ? '-musl' : '-gnu', win32: '-msvc' }[platform as string] ?? ''
  return `${platform}-${arch}${abi}`
}

/** Platform, architecture, C library and Node version, for messages. */
export function describeMachine(): string {
  const { platform, arch, versions } = process
  const libc = platform === 'linux' ? ` (${[familySync(), versionSync()].filter(Boolean).join(' ')})` : ''
  const host = versions.bun
    ? `Bun ${versions.bun}`
    : versions.deno
      ? `Deno ${versions.deno}`
      : `Node.js ${process.version}`
  return `${platform} ${arch}${libc}, ${host}`
}
