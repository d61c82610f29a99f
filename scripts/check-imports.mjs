// Reads who imports whom, in crates/ and in src/, and fails when
// - a folder of crates/graph imports one that stands above it,
// - more than two files of crates/, or any files of src/, import each other in a circle.
// What a Rust module re-exports counts as imported from the file that defines it. Imports of types alone, in TypeScript, do not count: they are
// gone when the program runs, and a class and what it is made with may name each other.
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'

/** The folders and files of crates/graph/src, from the lowest to the highest; whatever is not named is below all of these. */
const graphLayers = ['ops', 'ir', 'scan', 'registry', 'transform', 'plan', 'run', 'train', 'decode', 'table']

const filesIn = (folder, ending) =>
  readdirSync(folder, { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((file) => file.endsWith(ending) && !/(^|\/)tests?(\.rs|\/)/.test(relative(folder, file)))

// ── Rust ──

/** `a::{b, c::d}` as the paths that it stands for, each with the name it gets. */
function expand(tree, before = []) {
  const text = tree.trim()
  const brace = text.indexOf('{')
  if (brace < 0) {
    const [path, name] = text.split(/\s+as\s+/)
    const parts = [...before, ...path.split('::').map((part) => part.trim())].filter((part) => part !== '')
    if (parts.at(-1) === 'self') parts.pop()
    return [{ parts, name: name ?? parts.at(-1) }]
  }
  const head = [
    ...before,
    ...text
      .slice(0, brace)
      .split('::')
      .map((part) => part.trim()),
  ].filter((part) => part !== '')
  const items = []
  let depth = 0
  let item = ''
  for (const letter of text.slice(brace + 1, text.lastIndexOf('}'))) {
    if (letter === '{') depth++
    if (letter === '}') depth--
    if (letter === ',' && depth === 0) {
      items.push(item)
      item = ''
    } else item += letter
  }
  return [...items, item].filter((one) => one.trim() !== '').flatMap((one) => expand(one, head))
}

/** Takes modules that are written out within a file, but for those of tests, out of its text: their names and texts, and the rest. */
function innerModules(text) {
  const inner = []
  let rest = ''
  let from = 0
  for (const match of text.matchAll(/(#\[cfg\([^\]]*\btest\b[^\]]*\)\]\s*)?(?:pub(?:\([^)]*\))?\s+)?mod (\w+) \{/g)) {
    if (match.index < from) continue
    let depth = 1
    let end = match.index + match[0].length
    for (; depth > 0 && end < text.length; end++) depth += text[end] === '{' ? 1 : text[end] === '}' ? -1 : 0
    rest += text.slice(from, match.index)
    from = end
    if (!match[1]) inner.push([match[2], text.slice(match.index + match[0].length, end - 1)])
  }
  return [inner, rest + text.slice(from)]
}

/** A crate: its modules by path, what each re-exports, and the paths that each names. */
function readCrate(root) {
  const modules = new Map()
  const read = (file, path, whole) => {
    const [inner, text] = innerModules(whole)
    for (const [name, body] of inner) read(file, [...path, name], body)
    const exported = new Map()
    const named = []
    const code = text.replace(/^\s*(pub(?:\([^)]*\))?\s+)?use\s+([^;]+);/gm, (_, visible, tree) => {
      for (const { parts, name } of expand(tree.replace(/\s+/g, ' '))) {
        if (visible) exported.set(name, parts)
        else named.push(parts)
      }
      return ''
    })
    for (const [whole] of code.matchAll(/\b(?:crate|super)(?:::\w+)+/g)) named.push(whole.split('::'))
    modules.set(path.join('::'), { file, path, exported, named })
  }
  for (const file of filesIn(root, '.rs')) {
    const path = relative(root, file).replace(/\.rs$/, '').split('/')
    if (['lib', 'mod'].includes(path.at(-1))) path.pop()
    read(file, path, readFileSync(file, 'utf8').replace(/\/\/.*$/gm, ''))
  }
  return modules
}

/** The file that defines what a path names, seen from a module; nothing if that is not in the crate. */
function definer(modules, from, parts, depth = 0) {
  let at = [...from]
  let rest = [...parts]
  if (rest[0] === 'crate') [at, rest] = [[], rest.slice(1)]
  else if (rest[0] === 'self') rest = rest.slice(1)
  else if (
    rest[0] !== 'super' &&
    !modules.has([...at, rest[0]].join('::')) &&
    !modules.get(at.join('::'))?.exported.has(rest[0])
  )
    return undefined
  while (rest[0] === 'super') [at, rest] = [at.slice(0, -1), rest.slice(1)]
  while (rest.length > 0 && modules.has([...at, rest[0]].join('::'))) [at, rest] = [[...at, rest[0]], rest.slice(1)]
  const module = modules.get(at.join('::'))
  const passedOn = rest.length > 0 ? module?.exported.get(rest[0]) : undefined
  if (passedOn && depth < 8) return definer(modules, at, passedOn, depth + 1) ?? module
  return module
}

function rustImports(root) {
  const modules = readCrate(root)
  const imports = new Map()
  for (const { file, path, named } of modules.values()) {
    const found = named.map((parts) => definer(modules, path, parts)?.file)
    const others = imports.get(file) ?? new Set()
    for (const other of found) if (other && other !== file) others.add(other)
    imports.set(file, others)
  }
  return imports
}

// ── TypeScript ──

function typeScriptImports(root) {
  const imports = new Map()
  for (const file of filesIn(root, '.ts')) {
    const text = readFileSync(file, 'utf8').replace(/^\s*(\/\/|\*|\/\*).*$/gm, '')
    const found = new Set()
    for (const [, clause, path] of text.matchAll(/^(?:import|export)\s+([^'"]*?)from\s+'(\.[^']+)'/gm)) {
      const values = clause.replace(/^[{\s]+|[}\s]+$/g, '').split(',')
      const types = clause.startsWith('type ') || values.every((value) => /^\s*(type\s|$)/.test(value))
      const target = normalize(join(dirname(file), path.replace(/\.js$/, '.ts')))
      if (!types && target !== file && existsSync(target)) found.add(target)
    }
    imports.set(file, found)
  }
  return imports
}

// ── Circles ──

/** The strongly connected components of more than one file (Tarjan). */
function circles(imports) {
  const index = new Map()
  const low = new Map()
  const stack = []
  const found = []
  const visit = (file) => {
    index.set(file, index.size)
    low.set(file, index.get(file))
    stack.push(file)
    for (const other of imports.get(file) ?? []) {
      if (!index.has(other)) {
        visit(other)
        low.set(file, Math.min(low.get(file), low.get(other)))
      } else if (stack.includes(other)) low.set(file, Math.min(low.get(file), index.get(other)))
    }
    if (low.get(file) !== index.get(file)) return
    const members = stack.splice(stack.indexOf(file))
    if (members.length > 1) found.push(members.sort())
  }
  for (const file of imports.keys()) if (!index.has(file)) visit(file)
  return found
}

const problems = []
const sources = ['crates/kernels/src', 'crates/graph/src', 'crates/text/src', 'crates/seqloom/src', 'bindings/node/src']
for (const root of sources) {
  const imports = rustImports(root)
  for (const members of circles(imports).filter((members) => members.length > 2)) {
    problems.push(`a circle of ${members.length} files:\n  ${members.join('\n  ')}`)
  }
  if (root !== 'crates/graph/src') continue
  const layer = (file) => graphLayers.indexOf(relative(root, file).split('/')[0].replace(/\.rs$/, ''))
  for (const [file, others] of imports) {
    if (relative(root, file) === 'lib.rs') continue
    for (const other of others) {
      if (layer(other) > layer(file)) problems.push(`${file} imports ${other}, which stands above it`)
    }
  }
}
for (const members of circles(typeScriptImports('src'))) {
  problems.push(`a circle of ${members.length} files:\n  ${members.join('\n  ')}`)
}
for (const problem of problems) console.error(`check-imports: ${problem}`)
if (problems.length > 0) process.exitCode = 1
