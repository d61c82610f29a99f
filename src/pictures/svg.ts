/** A text as part of an SVG. */
export function escaped(text: string): string {
  // Characters that XML cannot hold at all are left out.
  const legal = [...text].filter((character) => (character.codePointAt(0) as number) >= 32).join('')
  return legal.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

/** A length with one decimal. */
export const round = (value: number): number => Math.round(value * 10) / 10

/** Marks our drawings. */
export const mark = '<desc>Drawn by Seqloom</desc>'

/** An SVG of parts on white. */
export function svg(width: number, height: number, font: number, parts: readonly string[]): string {
  const size = `viewBox="0 0 ${round(width)} ${round(height)}" width="${round(width)}" height="${round(height)}"`
  const head = `<svg xmlns="http://www.w3.org/2000/svg" ${size} font-family="sans-serif" font-size="${font}">`
  return `${[head, mark, '<rect width="100%" height="100%" fill="#fff"/>', ...parts, '</svg>'].join('\n')}\n`
}
