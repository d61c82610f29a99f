import { sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { ownFile, ownFolder } from '../../native/place.js'

/** What the paths of the package's own code begin with, so that frames in it can be left out of messages. */
const own = ownFolder === undefined ? ownFile : `${ownFolder}${sep}`

/** A place in the user's source, found out only when it is asked for. */
export class Location {
  readonly #error: { readonly stack?: string } | undefined
  readonly #text: string | undefined

  private constructor(error?: { readonly stack?: string }, text?: string) {
    this.#error = error
    this.#text = text
  }

  /** The place from which the package was called. */
  static here(): Location {
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 16
    const error = new Error()
    Error.stackTraceLimit = stackTraceLimit
    return new Location(error)
  }

  /** A place that stands for something that has no line, such as an operation of a saved model. */
  static of(text: string): Location {
    return new Location(undefined, text)
  }

  /** `file:line:column`, or an empty string where it is not known. */
  toString(): string {
    return this.#text ?? userFrame(this.#error?.stack ?? '')
  }
}

function userFrame(stack: string): string {
  for (const line of stack.split('\n')) {
    const place = /^\s*at (?:.*\()?(.+:\d+:\d+)\)?$/.exec(line)?.[1]
    if (place === undefined || place.startsWith('node:')) continue
    const path = place.startsWith('file:') ? fileURLToPath(place) : place
    if (!path.startsWith(own)) return path
  }
  return ''
}
