import { join } from 'node:path'
import { expect, it } from 'vitest'
import { bundles } from './helpers/bundlers.js'
import { bareJson, copyOfInstallation } from './helpers/installation.js'

/** What the program prints. */
interface Seen {
  readonly server: {
    readonly enough: boolean
    readonly during: boolean
    readonly failed: number
    readonly right: number
  }
  readonly shops: { readonly rows: number; readonly error: number }
  readonly tagger: { readonly accuracy: number; readonly labels: string[]; readonly f1: number; readonly macro: number }
}

it('a newcomer installs, bundles, retrains a server under traffic, forecasts shops and reads a report', async () => {
  const folder = copyOfInstallation()
  await bundles['esbuild, to ESM']?.bundle(folder, 'newcomer.mjs', 'newcomer.mjs')
  for (const program of ['newcomer.mjs', join('out', 'newcomer.mjs')]) {
    const { server, shops, tagger } = await bareJson<Seen>(['node', program], folder)
    expect(server).toEqual({ enough: true, during: true, failed: 0, right: 1 })
    expect(shops.rows).toBe(21)
    expect(shops.error).toBeLessThan(0.1)
    expect(tagger).toEqual({ accuracy: 1, labels: ['B-LOC', 'B-PER', 'I-LOC', 'O'], f1: 1, macro: 1 })
  }
}, 240_000)
