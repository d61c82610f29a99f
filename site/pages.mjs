// Makes the folder that the generator reads: documents with their links changed to where the site has what they lead to.
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, extname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sections } from './guide.mjs'
import { headings, withLinks } from './markdown.mjs'

const root = fileURLToPath(new URL('../', import.meta.url))
// What the site has, in the order of its sidebar, and the documents outside docs that are pages, too.
const { documents } = JSON.parse(readFileSync(new URL('contents.json', import.meta.url), 'utf8'))
export const pages = fileURLToPath(new URL('pages/', import.meta.url))

/** Writes all pages but those of the API. */
export function writePages() {
  rmSync(pages, { recursive: true, force: true })
  const site = new Pages()
  for (const name of readdirSync(join(root, 'docs'), { recursive: true })) {
    const source = posix.join('docs', name.replaceAll('\\', '/'))
    if (source === 'docs/guide.md' || statSync(join(root, source)).isDirectory()) continue
    if (name.endsWith('.md')) site.add(source, name.replaceAll('\\', '/'), read(source))
    else copy(source, name)
  }
  for (const { name, text } of site.guide) site.add('docs/guide.md', `guide/${name}.md`, text)
  const titles = site.guide.map(({ name, text }) => `- [${headings(text)[0].heading}](${name}.md)`)
  put('guide/index.md', `# Guide\n\n${titles.join('\n')}\n`)
  for (const [source, name] of Object.entries(documents)) site.add(source, name, read(source))
  site.addSources()
  copy('site/home.md', 'index.md')
  if (site.dead.length > 0) throw new Error(`dead links:\n${site.dead.join('\n')}`)
}

class Pages {
  /** The sections of the guide. */
  guide = sections(read('docs/guide.md'))
  /** Links that lead nowhere. */
  dead = []
  /** The files and folders of the project that links lead to. */
  #sources = new Set()

  /** Writes a document as a page. */
  add(source, name, text) {
    put(
      name,
      withLinks(text, (link, picture) => this.#target(source, name, link, picture)),
    )
  }

  /** Where a link of a document leads to in the site. */
  #target(source, name, link, picture) {
    if (/^[a-z]+:/.test(link)) return link
    const [path, anchor] = link.split('#')
    const aim = path === '' ? source : posix.normalize(posix.join(posix.dirname(source), path))
    // Pictures on pages become the generator's; what is only linked to stays under its own name.
    if (!picture && aim.startsWith('docs/') && !/\.md$/.test(aim)) copy(aim, join('public', aim.slice('docs/'.length)))
    const to = posix.relative(posix.dirname(name), this.#place(source, name, link, aim, anchor))
    return `${to.startsWith('.') ? to : `./${to}`}${anchor === undefined ? '' : `#${anchor}`}`
  }

  #place(source, name, link, aim, anchor) {
    if (aim === 'docs/guide.md') {
      if (anchor === undefined) return 'guide/index.md'
      const page = this.guide.find(({ anchors }) => anchors.includes(anchor))
      if (page) return `guide/${page.name}.md`
      this.dead.push(`${source}: ${link}`)
      return name
    }
    if (documents[aim]) return documents[aim]
    if (!existsSync(join(root, aim))) {
      this.dead.push(`${source}: ${link}`)
      return name
    }
    if (aim.startsWith('docs/')) return aim.slice('docs/'.length)
    this.#sources.add(aim.replace(/\/$/, ''))
    return `sources/${aim.replace(/\/$/, '')}.md`
  }

  /** Writes a page for each file or folder of the project that is linked to: its code. */
  addSources() {
    for (const source of this.#sources) {
      const folder = statSync(join(root, source)).isDirectory()
      const files = folder ? readdirSync(join(root, source)).map((file) => posix.join(source, file)) : [source]
      const parts = files
        .filter((file) => statSync(join(root, file)).isFile())
        .map((file) => `${folder ? `## ${posix.basename(file)}\n\n` : ''}${code(file)}\n`)
      put(`sources/${source}.md`, `---\nsearch: false\n---\n\n# ${source}\n\n${parts.join('\n')}`)
    }
  }
}

/** A file as a block of code. */
function code(file) {
  const language = { '.mjs': 'js', '.js': 'js', '.ts': 'ts', '.rs': 'rust', '.json': 'json', '.html': 'html' }
  return `\`\`\`\`${language[extname(file)] ?? 'text'}\n${read(file).trimEnd()}\n\`\`\`\``
}

function read(source) {
  return readFileSync(join(root, source), 'utf8')
}

function put(name, text) {
  mkdirSync(dirname(join(pages, name)), { recursive: true })
  writeFileSync(join(pages, name), text)
}

function copy(source, name) {
  mkdirSync(dirname(join(pages, name)), { recursive: true })
  cpSync(join(root, source), join(pages, name))
}
