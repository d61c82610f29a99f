import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

it('layers show no internals in an editor: declarations of their classes have none', () => {
  const folder = fileURLToPath(new URL('../../dist/layers', import.meta.url))
  const internals = /^ {4}(?:(?:lower|config|ruleConfig|outputShapes|innerLayers)\(|readonly baseName)/m
  const files = readdirSync(folder).filter((name) => name.endsWith('.d.ts'))
  const found = files.filter((name) => internals.test(readFileSync(join(folder, name), 'utf8')))
  expect(found).toEqual([])
})
