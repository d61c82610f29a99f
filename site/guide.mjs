import { headings, prose, slug } from './markdown.mjs'

/**
 * The pages that the sections of docs/guide.md make: their names, texts, and in `anchors` what they contain. Headings rise by a level.
 */
export function sections(text) {
  const pages = []
  for (const [line, plain] of prose(text)) {
    if (plain && line.startsWith('## ')) pages.push({ name: slug(line.slice(3)), lines: [] })
    pages.at(-1)?.lines.push(plain ? line.replace(/^##/, '#') : line)
  }
  return pages.map(({ name, lines }) => {
    const page = lines.join('\n')
    return { name, text: page, anchors: headings(page).map((each) => each.name) }
  })
}
