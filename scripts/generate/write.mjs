import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../run.mjs'

/** Writes a file, or with `--check` fails if that would change it, naming the command that writes it. */
export function writeOrCheck(name, text, command) {
  const path = join(root, name)
  const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined
  if (text === before) return
  if (process.argv.includes('--check')) {
    console.error(`${name} is not what the sources declare; ${command} writes it`)
    process.exitCode = 1
  } else writeFileSync(path, text)
}
