import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { expect, it } from 'vitest'

it('declarations need neither the types of Node.js nor a newer library', () => {
  const entries = ['index', 'tfjs/index'].map((name) =>
    fileURLToPath(new URL(`../../dist/${name}.d.ts`, import.meta.url)),
  )
  const program = ts.createProgram(entries, { strict: true, lib: ['lib.es2020.d.ts'], types: [], noEmit: true })
  const told = ts.getPreEmitDiagnostics(program).map((each) => ts.flattenDiagnosticMessageText(each.messageText, '\n'))
  expect(told).toEqual([])
}, 120_000)

it('layers show no internals in an editor: declarations of their classes have none', () => {
  const folder = fileURLToPath(new URL('../../dist/layers', import.meta.url))
  const internals = /^ {4}(?:(?:lower|config|ruleConfig|outputShapes|innerLayers)\(|readonly baseName)/m
  const files = readdirSync(folder).filter((name) => name.endsWith('.d.ts'))
  const found = files.filter((name) => internals.test(readFileSync(join(folder, name), 'utf8')))
  expect(found).toEqual([])
})
