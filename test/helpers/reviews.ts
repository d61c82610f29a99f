/** A small made-up corpus that is easy to learn: the label follows from one word, wherever it stands. */
export function madeUpRows(count: number, seed = 1): { text: string; label: string }[] {
  const signs = { good: ['splendid', 'lovely'], bad: ['dreadful', 'boring'], odd: ['strange', 'puzzling'] } as const
  const filler = ['the', 'film', 'was', 'a', 'quite', 'long', 'and', 'story', ',', 'in', 'parts', '.']
  let state = seed
  const next = (below: number) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0
    return (state >>> 16) % below
  }
  return Array.from({ length: count }, (_, index) => {
    const label = (['good', 'bad', 'odd'] as const)[index % 3] as keyof typeof signs
    const words = Array.from({ length: 3 + next(12) }, () => filler[next(filler.length)] as string)
    words.splice(next(words.length + 1), 0, signs[label][next(2)] as string)
    return { text: words.join(' '), label }
  })
}

/** Rows as the text of a CSV file with the columns `text` and `label`. */
export function toCsv(rows: readonly { text: string; label: string }[]): string {
  return ['text,label', ...rows.map(({ text, label }) => `"${text.replaceAll('"', '""')}",${label}`), ''].join('\n')
}
