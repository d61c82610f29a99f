// How results show themselves in a notebook. Deno's kernel asks a value's `Symbol.for('Jupyter.display')` for its forms by
// MIME type (https://docs.deno.com/runtime/reference/cli/jupyter/). tslab has no such protocol: its `tslab.display` takes
// the same forms.
/** The key of the method that gives the forms of a value in a notebook. */
export const jupyterDisplay: unique symbol = Symbol.for('Jupyter.display') as never

/** The forms of a value by MIME type. */
export type Displayed = Readonly<Record<string, string>>

/** A picture, and words for where there are no pictures. */
export const displayed = (picture: string, words: string): Displayed => ({
  'image/svg+xml': picture,
  'text/plain': words,
})
