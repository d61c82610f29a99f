import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, it } from 'vitest'
import { sources } from '../helpers/site.js'

const root = fileURLToPath(new URL('../../', import.meta.url))

/** The names that a module exports, those of its namespaces as `layers.lstm`. */
function exportsOf(file: string): string[] {
  const { options } = ts.parseJsonConfigFileContent(
    ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile).config,
    ts.sys,
    root,
  )
  const program = ts.createProgram([join(root, file)], options)
  const checker = program.getTypeChecker()
  const names = (symbol: ts.Symbol, prefix: string): string[] =>
    checker.getExportsOfModule(symbol).flatMap((each) => {
      const aim = each.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(each) : each
      const internal = aim.getJsDocTags(checker).some(({ name }) => name === 'internal')
      if (internal) return []
      const name = prefix + each.name
      return aim.flags & ts.SymbolFlags.ValueModule ? [name, ...names(aim, `${name}.`)] : [name]
    })
  return names(checker.getSymbolAtLocation(program.getSourceFile(join(root, file)) as ts.SourceFile) as ts.Symbol, '')
}

it.each([
  ['seqloom', 'src/index.ts', 500],
  ['seqloom/tfjs', 'src/tfjs/index.ts', 400],
])('every export of %s is on a page', (entry, file, least) => {
  const exported = exportsOf(file)
  expect(exported.length).toBeGreaterThan(least)
  const missing = exported.filter((name) => {
    const [last = '', ...spaces] = name.split('.').reverse()
    const folder = join(sources, 'api', entry, ...spaces.reverse().flatMap((space) => ['namespaces', space]))
    const kinds = ['classes', 'functions', 'interfaces', 'enumerations']
    if (existsSync(join(folder, 'namespaces', last, 'index.md'))) return false
    // The second name has a number where two names differ in case alone.
    const files = kinds.flatMap((kind) => [join(folder, kind, `${last}.md`), join(folder, kind, `${last}-1.md`)])
    if (files.some((file) => existsSync(file))) return false
    return !readFileSync(join(folder, 'index.md'), 'utf8').includes(` ${last.replaceAll('_', '\\_')}`)
  })
  expect(missing).toEqual([])
})
