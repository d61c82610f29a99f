import { readdirSync, readFileSync } from 'node:fs'
import { defineConfig } from 'vitepress'
import { headings, slug } from '../markdown.mjs'

const { contents } = JSON.parse(readFileSync(new URL('../contents.json', import.meta.url), 'utf8'))

const page = (name) => {
  const text = readFileSync(new URL(`../pages/${name}.md`, import.meta.url), 'utf8')
  return { text: headings(text)[0].heading.replaceAll('`', ''), link: `/${name.replace(/index$/, '')}` }
}

/** The sidebar of the API: its entries and what they export by one name. */
function api() {
  return ['seqloom', 'seqloom/tfjs'].map((entry) => {
    const at = `api/${entry}/namespaces`
    const names = readdirSync(new URL(`../pages/${at}`, import.meta.url), { withFileTypes: true })
    const items = names.filter((each) => each.isDirectory()).map(({ name }) => page(`${at}/${name}/index`))
    return {
      text: entry,
      link: `/api/${entry}/`,
      items: items.map(({ text, link }) => ({ text: text.split(':').at(-1), link })),
    }
  })
}

export default defineConfig({
  title: 'Seqloom',
  description: 'Recurrent networks for Node.js: described in TypeScript, trained and run by Rust',
  lang: 'en-GB',
  srcDir: 'pages',
  outDir: 'dist',
  cacheDir: '.cache',
  // Otherwise each page would carry the names of all.
  metaChunk: true,
  markdown: {
    anchor: { slugify: slug },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
  },
  // No page of this site is small enough for the default to mean anything: the index of the search is one file.
  vite: { build: { chunkSizeWarningLimit: 10_000 } },
  themeConfig: {
    search: { provider: 'local' },
    outline: [2, 3],
    sidebar: { '/': contents.map(({ text, pages }) => ({ text, items: pages.map(page) })), '/api/': api() },
    nav: [
      { text: 'Start', link: '/start' },
      { text: 'Learn', link: '/learn/order' },
      { text: 'Guides', link: '/guide/' },
      { text: 'API', link: '/api/' },
    ],
  },
})
