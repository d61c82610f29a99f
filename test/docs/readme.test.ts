import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { programsOf } from '../helpers/documents.js'
import { runSource } from '../helpers/process.js'
import { javascript } from '../helpers/typescript.js'

describe('the programs of README.md', () => {
  it('train, predict, save and load', async () => {
    const [program] = programsOf('README.md')
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
    try {
      const report = `
        const loaded = await again.predict(x)
        const same = loaded.data.every((value, i) => value === data[i])
        console.log(JSON.stringify({ losses: history.history.loss.length, shape, same }))`
      const source = `process.chdir(${JSON.stringify(folder)})\n${javascript(program?.code ?? '')}${report}`
      const { code, stdout, stderr } = await runSource(source)
      expect(code, stderr).toBe(0)
      expect(JSON.parse(stdout.trim().split('\n').at(-1) as string)).toEqual({ losses: 5, shape: [3, 4], same: true })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
