import { backend } from '../engine.js'
import { print, printJson } from './output.js'
import { table } from './table.js'

/** Prints the version and what the engine runs on. */
export function info(options: { readonly json?: boolean }): void {
  const facts = backend()
  if (options.json) printJson(facts)
  else print(table(Object.entries(facts).map(([name, value]) => [name, String(value)])))
}
