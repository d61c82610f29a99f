import { inspect } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { displayed, jupyterDisplay, showing } from '../../src/pictures/display.js'

const process = globalThis as { __tslab__?: unknown }

describe('a value that shows itself', () => {
  afterEach(() => {
    delete process.__tslab__
  })

  it('gives its forms to Deno and is printed as it is elsewhere', () => {
    const value = showing({ loss: 1 }, ({ loss }) => displayed(`<svg>${loss}</svg>`, `loss ${loss}`))
    expect((value as unknown as { [jupyterDisplay](): unknown })[jupyterDisplay]()).toEqual({
      'image/svg+xml': '<svg>1</svg>',
      'text/plain': 'loss 1',
    })
    expect(inspect(value)).toBe('{ loss: 1 }')
  })

  it('shows its picture in tslab where it is printed', () => {
    const shown: string[][] = []
    const display = { raw: (...given: string[]) => shown.push(given) }
    process.__tslab__ = { require: (name: string) => ({ tslab: { display } })[name] }
    const value = showing({}, () => displayed('<svg/>', 'words'))
    expect(inspect(value)).toBe('words')
    expect(shown).toEqual([['image/svg+xml', '<svg/>']])
  })
})
