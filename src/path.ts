import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, reading, SeqloomError } from './errors.js'

// A single letter before the colon is a drive.
const scheme = /^[a-z][a-z\d+.-]+:/i

// A file's name may contain a colon, so only what is surely meant as a URL counts as one.
const remote = /^([a-z][a-z\d+.-]+:\/\/|(https?|wss?|ftp|s3|gs|data|blob|node):)/i

/** Whether a value is a `URL`, of this realm or another. */
function isUrl(value: unknown): value is URL {
  if (typeof value !== 'object' || value === null) return false
  const { href, protocol } = value as { href?: unknown; protocol?: unknown }
  return typeof href === 'string' && typeof protocol === 'string'
}

/**
 * The path of a file or folder that is given as a path, as a `file:` URL or as the text of one. `ERR_OPTION` for other
 * URLs and for what cannot be a path; `where` names the option in messages.
 */
export function pathOf(where: string, given: unknown): string {
  const wrong = (why: string) => new SeqloomError('ERR_OPTION', `${where} must be a path or a file: URL, ${why}`)
  const read = () => (isUrl(given) ? given.href : undefined)
  const text = typeof given === 'string' ? given : reading('ERR_OPTION', where, read)
  if (text === undefined) throw wrong(`not ${describe(given)}`)
  if (text === '') throw wrong('not an empty string')
  const isFile = /^file:/i.test(text)
  if (!isFile && (typeof given !== 'string' || remote.test(text))) {
    throw wrong(`not ${describe(text)}: nothing is read from or written to ${scheme.exec(text)?.[0] ?? 'other places'}`)
  }
  const path = isFile ? fromUrl(text, wrong) : text
  if (path.includes('\0')) throw wrong('without NUL characters')
  // Written as U+FFFD, it would name another file than the one that is meant.
  if (/\p{Surrogate}/u.test(path)) throw wrong(`not ${describe(path)}: half of a surrogate pair is no character`)
  return path
}

/**
 * The same as an absolute path, for files that are read or written later, when the working folder may have changed.
 * Errors as in {@link pathOf}.
 */
export const absolutePathOf = (where: string, given: unknown): string => resolve(pathOf(where, given))

/** Whether {@link pathOf} accepts a value. */
export function isPath(value: unknown): value is string | URL {
  try {
    pathOf('', value)
    return true
  } catch {
    return false
  }
}

function fromUrl(text: string, wrong: (why: string) => SeqloomError): string {
  // `new URL` would resolve a relative one against the root.
  if (!/^file:[/\\]/i.test(text))
    throw wrong(`and a file: URL an absolute one such as file:///home/me/model, not ${describe(text)}`)
  try {
    return fileURLToPath(text)
  } catch (error) {
    throw wrong(`not ${describe(text)}: ${(error as Error).message}`)
  }
}
