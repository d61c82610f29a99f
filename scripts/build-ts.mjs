// Builds the TypeScript into dist: declarations file by file, code in a few bundles, since loading a hundred small modules takes three
// times as long. All of it is CommonJS but for one module that exports the same objects again, so that a program which imports the package
// and also requires it has one copy of its classes.
import { copyFileSync, existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { must, root, tool } from './run.mjs'

const target = join(root, 'dist')
const source = (path) => join(root, 'src', path)

// Only the addon is not made here.
if (existsSync(target)) {
  for (const name of readdirSync(target)) if (name !== 'native') rmSync(join(target, name), { recursive: true })
}

await must(tool('tsc'), ['-p', 'tsconfig.build.json'])
copyFileSync(source('native/binding.d.cts'), join(target, 'native', 'binding.d.cts'))
writeFileSync(join(target, 'package.json'), '{ "type": "commonjs" }\n')

const bundle = await rolldown({
  input: { index: source('index.ts'), 'cli/main': source('cli/main.ts') },
  platform: 'node',
  // Packages stay what `dependencies` names.
  external: [/^[^./]/],
})
const { output } = await bundle.write({
  dir: target,
  format: 'cjs',
  entryFileNames: '[name].js',
  // One folder below dist, like src/native: paths to the addon and to package.json are relative to the module.
  chunkFileNames: 'chunks/[name].js',
  sourcemap: true,
})
await bundle.close()

const names = output.find(({ fileName }) => fileName === 'index.js').exports
// Not imported: Node 20 ends the process if a CommonJS module that is imported throws, as ours does where the engine is missing.
writeFileSync(
  join(target, 'index.mjs'),
  `import { createRequire } from 'node:module'\n\nexport const { ${names.join(', ')} } = createRequire(import.meta.url)('./index.js')\n`,
)
writeFileSync(join(target, 'index.d.mts'), "export * from './index.js'\n")
