// The licences of what is linked into an addon: the crates that its target needs, and Rust's own library.
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { must, root } from './run.mjs'

/** The text of a file that names every crate linked into the addon for a Rust target, its licence and the licence's words. */
export async function thirdPartyLicences(target) {
  const args = ['metadata', '--format-version', '1', '--locked', '--filter-platform', target]
  const { output } = await must('cargo', args, { capture: 'quiet' })
  const crates = linkedCrates(JSON.parse(output))
  const words = new Map()
  const holders = []
  for (const crate of crates) {
    for (const text of licenceTexts(crate)) {
      const holder = copyrightOf(text)
      if (holder !== undefined) {
        holders.push(`${crate.name} ${crate.version}: ${holder || 'its authors'}`)
        continue
      }
      words.set(text, [...(words.get(text) ?? []), `${crate.name} ${crate.version}`])
    }
  }
  return [
    `Software that is part of this addon (${target}), besides Seqloom itself. Its source is at https://crates.io. The Rust standard library is used under MIT OR Apache-2.0.`,
    crates.map(({ name, version, license }) => `${name} ${version}: ${license}`).join('\n'),
    `${'-'.repeat(80)}\nThe MIT licence of:\n\n${holders.join('\n')}\n\n${permission()}`,
    ...[...words].map(([text, names]) => `${'-'.repeat(80)}\n${names.join(', ')}\n\n${abridged(text)}`),
  ].join('\n\n')
}

/** A text whose words of the Apache and MIT licences, which the package has in files of their own, are references. */
function abridged(text) {
  const apache =
    /^ *Apache License\s+Version 2\.0, January 2004[\s\S]*?END OF TERMS AND CONDITIONS(\s+APPENDIX: How to apply[\s\S]*?limitations under the License\.)?/gm
  const escaped = permission().replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')
  const mit = new RegExp(escaped.replaceAll(/\s+/g, '\\s+'), 'g')
  return text
    .replaceAll(apache, 'Apache License, Version 2.0: its words are in LICENSE-APACHE.')
    .replaceAll(mit, 'The words of the MIT licence, as in LICENSE-MIT.')
}

/** The text of a file that names every npm package in these chunks, and its licence. */
export function packageLicences(chunks) {
  const modules = chunks.flatMap(({ moduleIds = [] }) => moduleIds)
  const folders = new Set(
    modules.flatMap((id) => /^.*[\\/]node_modules[\\/](?:@[^\\/]+[\\/])?[^\\/]+/.exec(id)?.[0] ?? []),
  )
  const texts = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each))
    if (file === undefined) throw new Error(`the package ${name} has no text of its licence`)
    return `${name} ${version}: ${license}\n\n${readFileSync(join(folder, file), 'utf8').trim()}`
  })
  return `${['Software that is part of these modules, besides Seqloom itself.', ...texts].join(`\n\n${'-'.repeat(80)}\n`)}\n`
}

/** The words of the MIT licence after its copyright line. */
const permission = () => {
  const text = readFileSync(join(root, 'LICENSE-MIT'), 'utf8')
  return text.slice(text.indexOf('Permission is hereby granted')).trim()
}

/** The copyright lines before the words of the MIT licence, if a text is nothing but these and a heading. */
function copyrightOf(text) {
  const start = text.indexOf('Permission is hereby granted')
  const plain = (words) => words.replaceAll(/\s+/g, ' ').trim()
  if (start < 0 || plain(text.slice(start)) !== plain(permission())) return
  const lines = plain(text.slice(0, start))
    .replace(/^(the )?mit licen[cs]e( \(mit\))?/i, '')
    .trim()
  return lines.length < 400 ? lines : undefined
}

function linkedCrates({ packages, resolve }) {
  const byId = new Map(packages.map((each) => [each.id, each]))
  const nodes = new Map(resolve.nodes.map((each) => [each.id, each]))
  const linked = new Set()
  const visit = (id) => {
    const isMacro = byId.get(id).targets.some(({ kind }) => kind.includes('proc-macro'))
    if (linked.has(id) || isMacro) return
    linked.add(id)
    for (const { pkg, dep_kinds } of nodes.get(id).deps) if (dep_kinds.some(({ kind }) => kind === null)) visit(pkg)
  }
  visit(packages.find(({ name }) => name === 'seqloom-node').id)
  const foreign = [...linked].map((id) => byId.get(id)).filter(({ source }) => source !== null)
  for (const { name, license } of foreign) if (!license) throw new Error(`the crate ${name} names no licence`)
  return foreign.sort((a, b) => (a.name < b.name ? -1 : 1))
}

function licenceTexts({ name, license, authors, manifest_path }) {
  const folder = dirname(manifest_path)
  const files = readdirSync(folder).filter((file) => /^(licen[cs]e|copying|notice|unlicense)/i.test(file))
  // Where there is a choice, MIT's, which is the shortest.
  const mit = files.find((file) => /mit/i.test(file))
  const chosen =
    license.includes('MIT') && mit !== undefined ? files.filter((file) => file === mit || /^notice/i.test(file)) : files
  if (chosen.length > 0) return chosen.map((file) => readFileSync(join(folder, file), 'utf8').trim())
  if (!license.includes('MIT')) throw new Error(`the crate ${name} (${license}) contains no text of its licence`)
  const holders = authors.length > 0 ? authors.join(', ') : `the authors of ${name}`
  const ours = readFileSync(join(root, 'LICENSE-MIT'), 'utf8').trim()
  return [ours.replace(/^Copyright.*$/m, `Copyright (c) ${holders}`)]
}
