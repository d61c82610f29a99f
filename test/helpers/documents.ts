import { readFileSync } from 'node:fs'

/** A block of code of a document. */
export interface Block {
  readonly language: string
  readonly code: string
  /** The line at which its code begins. */
  readonly line: number
}

/** The blocks of code of a document, in order. */
export function blocksOf(document: string): Block[] {
  const text = readFileSync(new URL(`../../${document}`, import.meta.url), 'utf8')
  return Array.from(text.matchAll(/^```(\S*)[^\n]*\n(.*?)^```$/gms), ({ 1: language = '', 2: code = '', index }) => ({
    language,
    code,
    line: text.slice(0, index).split('\n').length + 1,
  }))
}

/** A program of a document, and what it prints as the document has it. */
export interface Program {
  readonly name: string
  readonly code: string
  /** What follows the program, and the blocks that go on with it, as `text`. */
  readonly output?: string
}

/**
 * The TypeScript programs of a document, in order. A block that imports from the package begins one; blocks without such an import go on with
 * it.
 */
export function programsOf(document: string): Program[] {
  const programs: { name: string; code: string; output?: string }[] = []
  let after = ''
  for (const { language, code, line } of blocksOf(document)) {
    const last = programs.at(-1)
    if (language === 'ts') {
      if (/from 'seqloom/.test(code)) programs.push({ name: `${document}:${line}`, code })
      else if (last) last.code += code
    } else if (language === 'text' && after === 'ts' && last) last.output = (last.output ?? '') + code
    after = language
  }
  return programs
}
