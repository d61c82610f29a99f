import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { interop } from 'seqloom'
import { describe, expect, it } from 'vitest'
import { runExample } from '../helpers/process.js'

interface Recorded {
  readonly languages: string[]
  readonly texts: { readonly text: string; readonly logits: number[] }[]
}

const fixture = fileURLToPath(new URL('../fixtures/published/languages.json', import.meta.url))
const recorded = JSON.parse(readFileSync(fixture, 'utf8')) as Recorded
// The file is not in any package that is installed here; examples/languages.mjs says where it comes from.
const file = join(process.env.SEQLOOM_SHARED ?? '../shared', 'models', 'LID_mixed_model.pkl')
const missing = !existsSync(file)
if (missing) console.warn(`SKIPPED: there is no ${file}, so LanguageIdentifier is not tried`)

describe.skipIf(missing)('LanguageIdentifier, as others published it', () => {
  it('gives what PyTorch gives for texts', async () => {
    const { model } = await interop.loadPyTorch(file)
    const checkpoint = await interop.loadPyTorchValues<ReadonlyMap<string, ReadonlyMap<string, number>>>(file)
    const letters = checkpoint.get('char_to_idx') as ReadonlyMap<string, number>
    expect([...(checkpoint.get('lang_to_idx')?.keys() ?? [])]).toEqual(recorded.languages)
    for (const { text, logits } of recorded.texts) {
      const ids = Array.from(text, (letter) => letters.get(letter) ?? letters.size)
      const { data } = await model.predict([ids])
      for (const [k, expected] of logits.entries()) {
        const sum = ids.reduce((all, _, at) => all + (data[at * logits.length + k] as number), 0)
        expect(Math.abs(sum - expected), `${text}, ${recorded.languages[k]}`).toBeLessThan(1e-4)
      }
    }
    model.dispose()
  })

  it('tells languages apart in examples/languages.mjs', async () => {
    const { code, stdout, stderr } = await runExample('languages.mjs', [file])
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n').map((line) => line.slice(0, 2))).toEqual(['da', 'en', 'es', 'de', ''])
  })
})

it('examples/languages.mjs says when it has no file', async () => {
  const { code, stdout, stderr } = await runExample('languages.mjs', ['none.pkl'])
  expect({ code, stdout }).toEqual({ code: 0, stdout: '' })
  expect(stderr).toMatch(/^SKIPPED: there is no none\.pkl/)
})
