// Builds the TypeScript into dist: declarations file by file, code in a few bundles, since loading a hundred small modules takes three
// times as long. All of it is CommonJS but for one module that exports the same objects again, so that a program which imports the package
// and also requires it has one copy of its classes.
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { parseTriple } from '@napi-rs/cli'
import { rolldown } from 'rolldown'
import { esmExternalRequirePlugin } from 'rolldown/plugins'
import ts from 'typescript'
import { packageLicences } from './licences.mjs'
import { must, root, tool } from './run.mjs'

const target = join(root, 'dist')
const { name, napi } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
const targets = napi.targets.map((triple) => parseTriple(triple).platformArchABI)
const source = (path) => join(root, 'src', path)

// Only the addon is not made here.
if (existsSync(target)) {
  for (const name of readdirSync(target)) if (name !== 'native') rmSync(join(target, name), { recursive: true })
}

await must(tool('tsc'), ['-p', 'tsconfig.build.json'])
hideInternals()
// Programs may be compiled without Node.js's types, which declare Buffer.
const binding = readFileSync(source('native/binding.d.cts'), 'utf8').replaceAll(/\bBuffer\b/g, 'Uint8Array')
writeFileSync(join(target, 'native', 'binding.d.cts'), binding)
copyFileSync(source('globals.d.ts'), join(target, 'globals.d.ts'))
for (const [entry, globals] of [
  ['index.d.ts', './globals.d.ts'],
  ['tfjs/index.d.ts', '../globals.d.ts'],
]) {
  const declarations = join(target, entry)
  writeFileSync(declarations, `/// <reference path="${globals}" />\n${readFileSync(declarations, 'utf8')}`)
}
writeFileSync(join(target, 'package.json'), '{ "type": "commonjs" }\n')

const bundle = await rolldown({
  input: { index: source('index.ts'), 'tfjs/index': source('tfjs/index.ts'), 'cli/main': source('cli/main.ts') },
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
})
await bundle.close()

// For bundlers, which cannot turn what CommonJS requires of Node.js into imports: modules, with the CommonJS packages that they use inside.
const modules = await rolldown({
  input: { index: source('index.ts'), tfjs: source('tfjs/index.ts') },
  platform: 'node',
  plugins: [esmExternalRequirePlugin({ external: [/^node:/, ...builtinModules] })],
})
const bundled = await modules.write({
  dir: join(target, 'esm'),
  format: 'esm',
  entryFileNames: '[name].mjs',
  chunkFileNames: '[name].mjs',
})
await modules.close()
writeFileSync(join(target, 'esm', 'THIRD-PARTY-LICENSES.txt'), packageLicences(bundled.output))

// The page of the dashboard: files that are sent to browsers as they are.
const page = await rolldown({ input: { page: join(root, 'page', 'main.ts') }, platform: 'browser' })
const dashboard = join(target, 'dashboard')
const sent = await page.write({ dir: dashboard, format: 'esm', entryFileNames: '[name].js', minify: true })
await page.close()
const styles = [join(root, 'node_modules', 'uplot', 'dist', 'uPlot.min.css'), join(root, 'page', 'page.css')]
writeFileSync(join(dashboard, 'page.css'), styles.map((path) => readFileSync(path, 'utf8')).join('\n'))
copyFileSync(join(root, 'page', 'index.html'), join(dashboard, 'index.html'))
writeFileSync(join(dashboard, 'THIRD-PARTY-LICENSES.txt'), packageLicences(sent.output))

// Tools that trace which files a program needs follow these names to the engines; nothing runs them.
const platforms = targets.map((target) => `require('${name}-${target}')`)
writeFileSync(join(target, 'native', 'platforms.js'), `module.exports = () => [${platforms.join(', ')}]\n`)

// Node 20 ends the process if a CommonJS module that is imported throws, as ours does where the engine is missing: what it throws is caught and
// thrown again. Bundlers can follow the import.
for (const folder of ['', 'tfjs']) {
  const at = (name) => join(target, folder, name)
  const names = output.find(({ fileName }) => fileName === `${folder && `${folder}/`}index.js`).exports
  writeFileSync(
    at('loaded.js'),
    "try {\n  exports.loaded = require('./index.js')\n} catch (error) {\n  exports.error = error\n}\n",
  )
  // Programs for TensorFlow.js may import it as a default, too.
  const [whole, wholeType] = folder
    ? ['export default attempt.loaded\n', "export * as default from './index.js'\n"]
    : ['', '']
  writeFileSync(
    at('index.mjs'),
    `import attempt from './loaded.js'\n\nif (attempt.error) throw attempt.error\nexport const { ${names.join(', ')} } = attempt.loaded\n${whole}`,
  )
  writeFileSync(at('index.d.mts'), `export * from './index.js'\n${wholeType}`)
}

/**
 * Takes what `Layer` marks as internal out of the declarations of its subclasses, too, which override it: editors would
 * offer it.
 */
function hideInternals() {
  const internal = new Set()
  const members = (path, each) => {
    const file = ts.createSourceFile(path, readFileSync(path, 'utf8'), ts.ScriptTarget.Latest, true)
    for (const node of file.statements)
      if (ts.isClassDeclaration(node)) for (const member of node.members) each(member, node)
    return file.text
  }
  members(source('layers/layer.ts'), (member, { name }) => {
    const marked = ts.getJSDocTags(member).some(({ tagName }) => tagName.text === 'internal')
    if (name?.text === 'Layer' && marked && member.name) internal.add(member.name.getText())
  })
  for (const name of readdirSync(join(target, 'layers'), { recursive: true })) {
    if (!name.endsWith('.d.ts')) continue
    const path = join(target, 'layers', name)
    const cuts = []
    const text = members(path, (member, { heritageClauses }) => {
      if (heritageClauses && member.name && internal.has(member.name.getText())) cuts.push([member.pos, member.end])
    })
    const shorter = cuts.reverse().reduce((rest, [from, to]) => rest.slice(0, from) + rest.slice(to), text)
    if (cuts.length > 0) writeFileSync(path, shorter)
  }
}
