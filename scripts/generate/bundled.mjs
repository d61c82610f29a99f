import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { root } from '../run.mjs'

/** What lines of TypeScript in a folder of the sources export, without the engine, which they do not need. */
export async function bundled(folder, lines) {
  const noEngine = {
    name: 'no-engine',
    setup({ onLoad }) {
      onLoad({ filter: /src[\\/]native[\\/]index\.ts$/ }, () => ({
        contents: 'export const native = new Proxy({}, { get: () => class {} })',
      }))
    },
  }
  const { outputFiles } = await build({
    stdin: { contents: lines.join('\n'), resolveDir: folder, loader: 'ts' },
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    write: false,
    plugins: [noEngine],
  })
  const temporary = mkdtempSync(join(root, 'node_modules', '.generate-'))
  try {
    const file = join(temporary, 'bundled.mjs')
    writeFileSync(file, outputFiles[0].contents)
    return await import(pathToFileURL(file).href)
  } finally {
    rmSync(temporary, { recursive: true })
  }
}
