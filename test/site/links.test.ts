import { existsSync } from 'node:fs'
import { join, posix } from 'node:path'
import { expect, it } from 'vitest'
import { readPages, site } from '../helpers/site.js'

const pages = readPages()
const attributes = (html: string, name: string): string[] =>
  Array.from(html.matchAll(new RegExp(`\\s${name}="([^"]*)"`, 'g')), ([, value]) =>
    (value as string).replaceAll('&amp;', '&'),
  )
const names = new Map(Array.from(pages, ([name, html]) => [name, new Set(attributes(html, 'id'))]))

/** The page that an address leads to, and the place in it. */
function target(from: string, address: string): { page: string; place: string } {
  const { pathname, hash } = new URL(address, `http://site/${from}`)
  const page = decodeURIComponent(pathname).slice(1)
  return {
    page: page === '' || page.endsWith('/') ? `${page}index.html` : page,
    place: decodeURIComponent(hash.slice(1)),
  }
}

it('every link leads to a page, a file or a heading that is there', () => {
  expect(pages.size).toBeGreaterThan(100)
  const dead: string[] = []
  for (const [from, html] of pages) {
    for (const address of [...attributes(html, 'href'), ...attributes(html, 'src')]) {
      if (/^(https?|data|mailto):/.test(address)) continue
      const { page, place } = target(from, address)
      const there = names.get(page)
      if (there ? place !== '' && !there.has(place) : !existsSync(join(site, page))) dead.push(`${from}: ${address}`)
    }
  }
  expect(dead).toEqual([])
})

it('no page loads anything from elsewhere', () => {
  const foreign: string[] = []
  for (const [from, html] of pages) {
    for (const [tag] of html.matchAll(/<(?:script|link|img|iframe|source|video|audio)\b[^>]*>/g)) {
      if (/\s(?:src|href)="(?:https?:)?\/\//.test(tag)) foreign.push(`${from}: ${tag}`)
    }
  }
  expect(foreign).toEqual([])
})

it('links to other sites are secure', () => {
  const plain = Array.from(pages, ([from, html]) =>
    attributes(html, 'href').flatMap((address) => (address.startsWith('http://') ? [`${from}: ${address}`] : [])),
  ).flat()
  expect(plain).toEqual([])
})

it('every page can be reached from the first one', () => {
  const seen = new Set(['index.html'])
  for (const name of seen) {
    for (const address of attributes(pages.get(name) ?? '', 'href')) {
      if (/^(https?|data|mailto):/.test(address)) continue
      const { page } = target(name, address)
      if (pages.has(page)) seen.add(posix.normalize(page))
    }
  }
  expect([...pages.keys()].filter((name) => !seen.has(name) && name !== '404.html')).toEqual([])
})
