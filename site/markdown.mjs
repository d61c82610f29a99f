// What there is to know of a document without rendering it.

/** The name of a heading in links, as GitHub makes it: a document's links lead to the same place there and in the site. */
export function slug(heading) {
  return heading
    .trim()
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{M}\p{N}\p{Pc}\- ]/gu, '')
    .replaceAll(' ', '-')
}

/** A document's lines, each with whether it is prose: neither code nor its fences. */
export function* prose(text) {
  let fence
  for (const line of text.split('\n')) {
    const [, mark] = /^ *(`{3,}|~{3,})/.exec(line) ?? []
    yield [line, fence === undefined && mark === undefined]
    if (mark !== undefined) fence = fence === undefined ? mark : line.trim() === fence ? undefined : fence
  }
}

/** The headings of a document: levels, texts and names. */
export function headings(text) {
  const found = []
  for (const [line, plain] of prose(text)) {
    const [, marks, heading] = (plain && /^(#{1,6}) (.*)$/.exec(line)) || []
    if (marks) found.push({ level: marks.length, heading, name: slug(heading) })
  }
  return found
}

/** A document with each of its links replaced, of which some are of pictures; code stays as it is. */
export function withLinks(text, replace) {
  const lines = []
  for (const [line, plain] of prose(text)) {
    const pieces = line.split(/(`[^`]*`)/)
    // Links may stand around inline code, so only what follows `](` matters.
    const changed = pieces.map((piece) =>
      piece.startsWith('`')
        ? piece
        : piece.replaceAll(/(!\[[^\]]*)?\]\(([^()\s]+)\)/g, (_, picture = '', target) => {
            return `${picture}](${replace(target, picture !== '')})`
          }),
    )
    lines.push(plain ? changed.join('') : line)
  }
  return lines.join('\n')
}
