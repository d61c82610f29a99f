import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { runSource } from '../helpers/process.js'
import { complaints, javascript } from '../helpers/typescript.js'

const text = readFileSync(new URL('../../docs/from-tfjs.md', import.meta.url), 'utf8')
const programs = Array.from(text.matchAll(/^```ts\n(.*?)^```$/gms), ([, program]) => program as string).filter(
  (program) => program.includes("from 'seqloom/tfjs'"),
)

describe('the programs of docs/from-tfjs.md that use seqloom/tfjs', () => {
  it('compile', () => {
    expect(programs.length).toBe(2)
    const sources = new Map(programs.map((program, index) => [`test/docs/tfjs${index}.ts`, program]))
    expect(complaints([...sources.keys()], sources)).toEqual([])
  })

  it('run', async () => {
    for (const program of programs) {
      const { code, stdout, stderr } = await runSource(javascript(program))
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
      expect(stdout).not.toContain('NaN')
    }
  })
})
