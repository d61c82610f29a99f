import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { sharedFolder } from '../helpers/golden.js'
import { runExample } from '../helpers/process.js'

const data = join(sharedFolder, 'data', 'fra-eng.zip')

// The sentences are not part of the repository.
it.skipIf(!existsSync(data))(
  'examples/translate.mjs begins to translate from a few sentences (needs data/fra-eng.zip)',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
    try {
      const picture = join(folder, 'attention.svg')
      const { code, stdout, stderr } = await runExample('translate.mjs', [data, picture, '30', '4'])
      expect(code, stderr).toBe(0)
      const losses = [...stdout.matchAll(/ validation loss ([\d.]+)/g)].map(([, loss]) => Number(loss))
      expect(losses).toHaveLength(4)
      expect(losses[3]).toBeLessThan(losses[0] as number)
      expect(stdout).toMatch(/greedy: BLEU [\d.]+, .*\nbeam of 5: BLEU [\d.]+, [\d.]+ % of \d+ sentences/)
      expect(stdout.match(/ → /g)).toHaveLength(20)
      expect(readFileSync(picture, 'utf8')).toContain('<rect')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  },
  120_000,
)
