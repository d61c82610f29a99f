import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { runSource } from '../helpers/process.js'
import { complaints, javascript } from '../helpers/typescript.js'

/** The TypeScript programs of a document, in order. */
function programsOf(document: string): string[] {
  const text = readFileSync(new URL(`../../${document}`, import.meta.url), 'utf8')
  return Array.from(text.matchAll(/^```ts\n(.*?)^```$/gms), ([, program]) => program as string).filter((program) =>
    program.includes("from 'seqloom'"),
  )
}

// What the examples take for given.
const rows = "const rows = [{ text: 'Shares fell', label: 'Business' }]\n"

describe('the programs of the documents', () => {
  it.each([
    ['README.md', 2],
    ['docs/guide.md', 10],
    ['docs/watching.md', 3],
    ['docs/from-keras.md', 4],
    ['docs/from-tfjs.md', 3],
    ['docs/onnx.md', 3],
    ['docs/from-pytorch.md', 2],
  ])('in %s compile', (document, least) => {
    const programs = programsOf(document)
    expect(programs.length).toBeGreaterThanOrEqual(least)
    const sources = new Map(
      programs.map((program, index) => {
        const takesRows = /\brows\b/.test(program) && !/\b(const|let) rows\b/.test(program)
        return [`test/docs/program${index}.ts`, takesRows ? rows + program : program]
      }),
    )
    expect(complaints([...sources.keys()], sources)).toEqual([])
  })

  it('run: those of docs/guide.md that define cells, layers and losses', async () => {
    const programs = programsOf('docs/guide.md').filter((program) => /\bdefine(Cell|Layer)\b/.test(program))
    expect(programs.length).toBeGreaterThanOrEqual(4)
    for (const program of programs) {
      const named = /^const (\w+) = (?:sequential|model)\(/m.exec(program)?.[1]
      const { code, stdout, stderr } = await runSource(
        `${javascript(program)}\nconsole.log(${named}.countParams() > 0)`,
      )
      expect({ code, stderr, stdout }).toEqual({ code: 0, stderr: '', stdout: 'true\n' })
    }
  })

  it('run: the first one of README.md trains, predicts, saves and loads', async () => {
    const [program = ''] = programsOf('README.md')
    const folder = mkdtempSync(join(tmpdir(), 'seqloom-'))
    try {
      const report = `
        const loaded = await again.predict(x)
        const same = loaded.data.every((value, i) => value === data[i])
        console.log(JSON.stringify({ losses: history.history.loss.length, shape, same }))`
      const source = `process.chdir(${JSON.stringify(folder)})\n${javascript(program)}${report}`
      const { code, stdout, stderr } = await runSource(source)
      expect(code, stderr).toBe(0)
      expect(JSON.parse(stdout.trim().split('\n').at(-1) as string)).toEqual({ losses: 5, shape: [3, 4], same: true })
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
