import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const root = new URL('../../fixtures/', import.meta.url)

/** Files of the fixtures, unpacked, by name. */
export function fixtures(folder, pattern) {
  const names = readdirSync(new URL(`${folder}/`, root)).filter((name) => pattern.test(name))
  return new Map(names.map((name) => [name.replace(/\.gz$/, ''), fixture(`${folder}/${name}`)]))
}

export function fixture(path) {
  const bytes = readFileSync(new URL(path, root))
  return path.endsWith('.gz') ? gunzipSync(bytes) : bytes
}
