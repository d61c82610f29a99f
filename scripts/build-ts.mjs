// Builds the TypeScript into dist: declarations file by file, code in a few bundles, since loading a hundred small modules takes three
// times as long.
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { must, root, tool } from './run.mjs'

const target = join(root, 'dist')
const source = (path) => join(root, 'src', path)

// Only the addon and its loader are not made here.
if (existsSync(target)) {
  for (const name of readdirSync(target)) if (name !== 'native') rmSync(join(target, name), { recursive: true })
}

await must(tool('tsc'), ['-p', 'tsconfig.build.json'])

const bundle = await rolldown({
  input: { index: source('index.ts'), 'cli/main': source('cli/main.ts') },
  platform: 'node',
  // Packages stay what `dependencies` names, and the addon's loader lies beside the addon.
  external: [/^[^./]/, /binding\.cjs$/],
})
await bundle.write({
  dir: target,
  format: 'esm',
  entryFileNames: '[name].js',
  // One folder below dist, like src/native: paths to the addon and to package.json are relative to the module.
  chunkFileNames: 'chunks/[name].js',
  sourcemap: true,
})
await bundle.close()
