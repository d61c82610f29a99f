import { backend } from '../engine.js'
import { print, printJson } from './output.js'

/** Prints the version and what the engine runs on. */
export function info(options: { readonly json: boolean }): void {
  const facts = backend()
  if (options.json) {
    printJson(facts)
    return
  }
  const width = Math.max(...Object.keys(facts).map((name) => name.length))
  for (const [name, value] of Object.entries(facts)) print(`${name.padEnd(width)}  ${[value].flat().join(', ')}`)
}
