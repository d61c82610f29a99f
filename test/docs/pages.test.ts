import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { blocksOf } from '../helpers/documents.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const inDocs = readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
const names = inDocs.filter((name) => name.endsWith('.md')).map((name) => name.replaceAll('\\', '/'))
const documents = ['README.md', ...names.map((name) => `docs/${name}`)]
const read = (document: string) => readFileSync(join(root, document), 'utf8')

it('docs/commands.md and docs/errors.md are what the sources declare', () => {
  const { status, stderr } = spawnSync(process.execPath, ['scripts/generate/documents.mjs', '--check'], {
    cwd: root,
    encoding: 'utf8',
  })
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})

it('every document is in the sidebar of the site', () => {
  const { contents } = JSON.parse(read('site/contents.json')) as { contents: { pages: string[] }[] }
  const listed = contents.flatMap(({ pages }) => pages)
  const pages = names.filter((name) => name !== 'guide.md').map((name) => name.replace(/\.md$/, ''))
  expect(pages.filter((page) => !listed.includes(page))).toEqual([])
})

describe('the pictures of the documents', () => {
  const pictures = documents.flatMap((document) =>
    Array.from(read(document).matchAll(/!\[([^\]]*)\]\(([^)]+)\)/g), ({ 1: text = '', 2: file = '', index }) => ({
      document,
      text,
      file,
      around: read(document).slice(Math.max(0, index - 2000), index + 800),
      page: read(document),
    })),
  )

  it('are there, and have a text', () => {
    expect(pictures.length).toBeGreaterThan(15)
    for (const { document, text, file } of pictures) {
      expect(existsSync(join(root, dirname(document), file)), `${document}: ${file}`).toBe(true)
      expect(text.split(' ').length, `${document}: the text of ${file}`).toBeGreaterThan(3)
    }
  })

  it('are drawn by a program of the page, or have the command that makes them beside them', () => {
    const unknown = pictures.filter(
      ({ page, around, file }) =>
        !new RegExp(`writeFileSync\\(\\s*'${file}'`).test(page) &&
        !/(`(node|npm run|seqloom) |[`/]examples\/)/.test(around),
    )
    expect(unknown.map(({ document, file }) => `${document}: ${file}`)).toEqual([])
  })
})

it('the commands of the documents exist, with their flags', () => {
  const sections = new Map(
    read('docs/commands.md')
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.slice(0, section.indexOf('\n')), section]),
  )
  const wrong: string[] = []
  let found = 0
  for (const document of documents) {
    const shells = blocksOf(document).filter(({ language }) => language === 'sh')
    for (const line of shells.flatMap(({ code }) => code.split('\n'))) {
      const [, given] = /^(?:npx )?seqloom ([^#]*)/.exec(line) ?? []
      if (given === undefined) continue
      found += 1
      const [first = '', second = ''] = given.split(' ')
      const section = sections.get(`seqloom ${first} ${second}`) ?? sections.get(`seqloom ${first}`)
      const flags = given.match(/--[a-z-]+/g) ?? []
      if (!section || flags.some((flag) => !section.includes(flag))) wrong.push(`${document}: ${line}`)
    }
  }
  expect(found).toBeGreaterThan(15)
  expect(wrong).toEqual([])
})
