import { copyFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { type Program, programsOf } from '../helpers/documents.js'
import { fileWriter } from '../helpers/givenFiles.js'
import { runSource } from '../helpers/process.js'
import { complaints, javascript } from '../helpers/typescript.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const written = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.md'),
)
const documents = ['README.md', ...written.map((name) => `docs/${name.replaceAll('\\', '/')}`).sort()]

const rows = `const rows = Array.from({ length: 300 }, (_, i) =>
  i % 2 === 0 ? { text: \`Shares fell by \${i}\`, label: 'Business' } : { text: \`A goal in minute \${i}\`, label: 'Sports' })
`

/** A program with the rows that it takes for given. */
function withRows({ code, ...program }: Program): Program {
  const takesRows = /\brows\b/.test(code) && !/\b(const|let) rows\b/.test(code)
  return { ...program, code: takesRows ? rows + code : code }
}

const all = documents
  .map((document) => [document, programsOf(document).map(withRows)] as const)
  .filter(([, programs]) => programs.length > 0)

const numbers = /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g

/** A text without its numbers, which differ in their last digits from processor to processor, and what training makes of them. */
const words = (text: string) => text.trim().replaceAll(numbers, '#')

/** What is written in a picture, but for numbers. */
const labels = (picture: string) =>
  new Set(Array.from(readFileSync(picture, 'utf8').matchAll(/<text[^>]*>([^<]*)/g), ([, text = '']) => words(text)))

/** Runs a program in an empty folder with the files that it reads; what it draws for the page is compared with what the page shows. */
async function ran({ code, name }: Program): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const cwd = mkdtempSync(join(tmpdir(), 'seqloom-docs-'))
  // Networks this small are slower on two cores than on one.
  const env = { SEQLOOM_THREADS: '1' }
  const inFolder = (source: string) =>
    runSource(`process.chdir(${JSON.stringify(cwd)})\n${javascript(source)}`, { env })
  try {
    for (const [, file = ''] of code.matchAll(/'([\w./]+)'/g)) {
      const writer = fileWriter(file)
      if (writer) expect(await inFolder(writer)).toMatchObject({ code: 0, stderr: '' })
    }
    const result = await inFolder(code)
    for (const drawn of readdirSync(cwd).filter((file) => file.endsWith('.svg'))) {
      const shown = join(root, dirname(name), drawn)
      if (process.env.SEQLOOM_PICTURES && name.startsWith('docs/learn/')) copyFileSync(join(cwd, drawn), shown)
      if (existsSync(shown)) expect(labels(shown), shown).toEqual(labels(join(cwd, drawn)))
    }
    return result
  } finally {
    rmSync(cwd, { recursive: true, force: true })
  }
}

/** What a program says of itself, and not of its faults: where its page is, and that its rows are few. */
const asides = [/^dashboard: http:.*\n/m, /^.*\[WARN_VALIDATION\].*\n.*--trace-warnings.*\n/m]

describe('the programs of the documents', () => {
  it('are all found', () => {
    expect(all.flatMap(([, programs]) => programs).length).toBeGreaterThanOrEqual(80)
  })

  it.each(all)('in %s compile', (_, programs) => {
    const sources = new Map(programs.map(({ code }, index) => [`test/docs/program${index}.ts`, code]))
    expect(complaints([...sources.keys()], sources)).toEqual([])
  })

  it.each(all)('in %s run, and print what the document says', { timeout: 300_000 }, async (_, programs) => {
    for (const program of programs) {
      const { code, stdout, stderr: said } = await ran(program)
      const stderr = asides.reduce((text, aside) => text.replace(aside, ''), said)
      expect({ name: program.name, code, stderr }).toEqual({ name: program.name, code: 0, stderr: '' })
      if (program.output === undefined) continue
      expect([program.name, words(stdout)]).toEqual([program.name, words(program.output)])
      const told = program.output.match(numbers)?.map(Number) ?? []
      const found = stdout.match(numbers)?.map(Number) ?? []
      for (const [index, number] of told.entries()) {
        const near = Math.abs((found[index] as number) - number) <= 0.02 + 0.1 * Math.abs(number)
        expect(near, `${program.name}: ${number} where the program prints ${found[index]}`).toBe(true)
      }
    }
  })
})
