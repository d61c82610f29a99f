// How results show themselves in a notebook. Deno's kernel asks a value's `Symbol.for('Jupyter.display')` for its forms by
// MIME type (https://docs.deno.com/runtime/reference/cli/jupyter/). tslab prints the value of a cell as `console.log` does, and
// shows as pictures what is given to its `display`; so there, whatever prints the value shows its picture, too.
import { escaped, svg } from './svg.js'

/** The key of the method that gives the forms of a value in a notebook. */
export const jupyterDisplay: unique symbol = Symbol.for('Jupyter.display') as never

/** The forms of a value by MIME type. */
export type Displayed = Readonly<Record<string, string>>

/** A picture, and words for where there are no pictures. */
export const displayed = (picture: string, words: string): Displayed => ({
  'image/svg+xml': picture,
  'text/plain': words,
})

/** A value that shows itself in a notebook, where that is all that it does differently. */
export function showing<T extends object>(value: T, forms: (value: T) => Displayed): T {
  Object.defineProperty(value, jupyterDisplay, { value: () => forms(value), enumerable: false })
  showsInTslab(value as T & Showing)
  return value
}

/** What has forms for a notebook. */
interface Showing {
  [jupyterDisplay](): Displayed
}

/** The kernel of tslab, in its process. */
interface Tslab {
  require(name: 'tslab'): { readonly display: { raw(type: string, content: string): void } }
}

/** Lets a value, or what inherits from it, show itself in tslab, too. */
export function showsInTslab(value: Showing): void {
  const { __tslab__: tslab } = globalThis as { __tslab__?: Tslab }
  if (tslab === undefined) return
  Object.defineProperty(value, Symbol.for('nodejs.util.inspect.custom'), {
    value(this: Showing): string {
      const { 'text/plain': words = '', ...pictures } = this[jupyterDisplay]()
      for (const [type, content] of Object.entries(pictures)) tslab.require('tslab').display.raw(type, content)
      return words
    },
    enumerable: false,
  })
}

const [font, line] = [13, 18]

/** A picture (SVG) of a text with columns. */
export function pictureOf(text: string): string {
  const lines = text.split('\n')
  const width = 16 + 0.62 * font * lines.reduce((most, each) => Math.max(most, each.length), 1)
  const parts = lines.map((each, at) => {
    return `<text x="8" y="${line * (at + 1)}" xml:space="preserve" font-family="monospace">${escaped(each)}</text>`
  })
  return svg(width, line * lines.length + 10, font, parts)
}
